/** What an importer of one operator is, and what most of them begin with. */
import type { GraphWriter } from '../graph-writer.js';
import type { TfliteOperator, TfliteTensor } from '../model.js';
import { refused } from '../quantized.js';

/** Writes one operator; throws MODEL_INVALID for a form of it that is not understood. */
export type Operator = (writer: GraphWriter, operator: TfliteOperator) => void;

export function inputOf(writer: GraphWriter, operator: TfliteOperator, place: number): TfliteTensor {
  const tensor = optionalInput(writer, operator, place);
  if (tensor === undefined) throw refused(`${operator.name} lacks input ${place}`);
  return tensor;
}

export function optionalInput(writer: GraphWriter, { inputs }: TfliteOperator, place: number): TfliteTensor | undefined {
  const index = inputs[place] ?? -1;
  return index === -1 ? undefined : writer.tensor(index);
}

/** The only output. */
export function outputOf(writer: GraphWriter, { name, outputs }: TfliteOperator): TfliteTensor {
  if (outputs.length !== 1) throw refused(`${name} with ${outputs.length} outputs, expected one`);
  return writer.tensor(outputs[0]);
}

/** A number of the operator's options. */
export function option({ name, options }: TfliteOperator, key: string): number {
  const value = options[key];
  if (value === undefined) throw refused(`${name} without ${key}`);
  return value;
}

/** A dimension of the file, counted from the end when negative. */
export function axisOf(axis: number, rank: number, name: string): number {
  const found = axis < 0 ? axis + rank : axis;
  if (!(found >= 0 && found < rank)) throw refused(`${name} along dimension ${axis} of ${rank}`);
  return found;
}
