/**
 * Free dimensions of a model's inputs, and the sizes they are given or assumed to have.
 *
 * A dimension without a name is called after its input and place, `images.2`. Not given, the first dimension and one that is named after
 * the batch are 1, others 320: what a text line or a small picture is wide; whoever wants other figures says so.
 */
import { ShoalError } from '../../core/errors.js';
import type { OnnxModel, OnnxValue } from '../onnx/model.js';
import type { Shape, Size } from './facts.js';

export interface Dimension {
  readonly name: string;
  readonly size: number;
  readonly assumed: boolean;
}

const otherwise = 320;

export class Dimensions {
  /** In the order of the inputs. */
  readonly all: readonly Dimension[];
  readonly #sizes: ReadonlyMap<string, number>;

  /** Throws USAGE when `given` names a dimension that the model does not have, saying which it has. */
  constructor(model: OnnxModel, given: ReadonlyMap<string, number>) {
    const found = new Map<string, Dimension>();
    const constant = new Set(model.graph.initializers.map(({ name }) => name));
    for (const value of model.graph.inputs.filter(({ name }) => !constant.has(name))) {
      for (const [i, size] of (value.shape ?? []).entries()) {
        if (typeof size === 'number' && size >= 0) continue;
        const name = nameOf(value, i);
        const own = given.get(name);
        if (!found.has(name)) found.set(name, { name, size: own ?? assume(name, i), assumed: own === undefined });
      }
    }
    for (const name of given.keys()) {
      if (!found.has(name)) throw new ShoalError('USAGE', `there is no free dimension "${name}" in this model: ${free([...found.keys()])}`);
    }
    this.all = [...found.values()];
    this.#sizes = new Map(this.all.map(({ name, size }) => [name, size]));
  }

  /** The shape a stated value has with these sizes; null where it states none. */
  shapeOf(value: OnnxValue): Shape | null {
    return (
      value.shape?.map((size, i): Size => (typeof size === 'number' && size >= 0 ? size : (this.#sizes.get(nameOf(value, i)) ?? null))) ??
      null
    );
  }
}

function nameOf(value: OnnxValue, axis: number): string {
  const size = value.shape?.[axis];
  return typeof size === 'string' && size !== '' ? size : `${value.name}.${axis}`;
}

function assume(name: string, axis: number): number {
  return axis === 0 || /batch/i.test(name) || name === 'N' ? 1 : otherwise;
}

function free(names: readonly string[]): string {
  if (names.length === 0) return 'all its dimensions are fixed';
  return `free are ${names.slice(0, 10).join(', ')}${names.length > 10 ? `, and ${names.length - 10} more` : ''}`;
}
