/**
 * A report on an ONNX model from its bytes alone: what it computes, what it weighs, what it costs, what is odd about it.
 *
 * Guarantees: time in proportion to the bytes, milliseconds for a small model; no runtime, no other file, nothing executed.
 * Work is an estimate by shapes (see work.ts) for the dimensions that the report states.
 */

import { subgraphsOf } from '../graph.js';
import type { OnnxGraph, OnnxModel, OnnxValue } from '../onnx/model.js';
import { readModel } from '../onnx/read.js';
import { Budget, concat, last, readFields, textOf } from '../onnx/wire.js';
import { type Dimension, Dimensions } from './dimensions.js';
import { elementType } from './element-type.js';
import { elements, type Fact, type Shape, type Size } from './facts.js';
import type { Finding } from './finding.js';
import { suspicionsOf } from './suspicions.js';
import { operatorName, type Walk, walkModel } from './walk.js';
import { constantsOf, type Weights, weigh } from './weights.js';

export interface ValueReport {
  readonly name: string;
  readonly type: string;
  /** As the file states it: a number, or the name of a free dimension ('' without one); null when it states none. */
  readonly stated: readonly (number | string)[] | null;
  /** With the sizes of the free dimensions, as far as they could be told; null when not even the rank could. */
  readonly shape: Shape | null;
}

export interface OperatorReport {
  readonly operator: string;
  readonly count: number;
  /** Multiply-accumulates of a run; 0 for operators that have none. */
  readonly macs: number;
}

export interface Inspection {
  readonly bytes: number;
  readonly producer: string;
  readonly irVersion: number;
  readonly opsets: Readonly<Record<string, number>>;
  readonly dimensions: readonly Dimension[];
  readonly inputs: readonly ValueReport[];
  readonly outputs: readonly ValueReport[];
  readonly weights: Weights;
  readonly work: {
    readonly macs: number;
    /** Of the multiply-accumulates; 0..1. */
    readonly quantizedShare: number;
    /** Element operations beside them. */
    readonly others: number;
    /** A loop may repeat what was counted once. */
    readonly atLeast: boolean;
    /** Operators, with their nodes, whose work could not be told. */
    readonly uncounted: Readonly<Record<string, number>>;
  };
  readonly activations: {
    readonly tensors: number;
    /** Tensors whose size could not be told. */
    readonly unknown: number;
    readonly largest: { readonly name: string; readonly type: string; readonly shape: Shape; readonly bytes: number } | null;
  };
  readonly nodes: number;
  /** Dearest first, then most frequent first. */
  readonly operators: readonly OperatorReport[];
  /** Warnings first. */
  readonly findings: readonly Finding[];
}

/** `sizes`: of free dimensions by name. Throws MODEL_INVALID for bytes that are no model, USAGE for a dimension it does not have. */
export function inspectModel(bytes: Uint8Array, sizes: ReadonlyMap<string, number> = new Map()): Inspection {
  const model = readModel(bytes);
  const dimensions = new Dimensions(model, sizes);
  const walk = walkModel(model, (value) => dimensions.shapeOf(value));
  const constants = constantsOf(model.graph);
  const fed = new Set(model.graph.initializers.map(({ name }) => name));
  const { macs, quantizedMacs, others } = walk.tally;
  const operators = operatorsOf(model.graph, walk);
  return {
    bytes: bytes.length,
    producer: producerOf(model),
    irVersion: model.irVersion,
    opsets: Object.fromEntries([...model.opsets].map(([domain, version]) => [domain || 'ai.onnx', version])),
    dimensions: dimensions.all,
    inputs: model.graph.inputs.filter(({ name }) => !fed.has(name)).map((value) => reportOf(value, dimensions.shapeOf(value), value.type)),
    outputs: model.graph.outputs.map((value) => outputOf(value, walk.made.get(value.name), dimensions)),
    weights: weigh(constants),
    work: {
      macs,
      quantizedShare: macs === 0 ? 0 : quantizedMacs / macs,
      others,
      atLeast: walk.repeats || walk.uncounted.size > 0,
      uncounted: Object.fromEntries(walk.uncounted),
    },
    activations: activationsOf(walk.made),
    nodes: operators.reduce((sum, { count }) => sum + count, 0),
    operators,
    findings: suspicionsOf(model, constants),
  };
}

function reportOf(value: OnnxValue, shape: Shape | null, type: number): ValueReport {
  const name = type === 0 && value.otherType !== null ? 'no tensor' : elementType(type).name;
  return { name: value.name, type: name, stated: value.shape, shape };
}

function outputOf(value: OnnxValue, made: Fact | undefined, dimensions: Dimensions): ValueReport {
  const stated = dimensions.shapeOf(value);
  const found = made?.shape ?? null;
  return reportOf(
    value,
    found === null || (elements(found) === null && elements(stated) !== null) ? stated : found,
    value.type || (made?.type ?? 0),
  );
}

function activationsOf(made: ReadonlyMap<string, Fact>): Inspection['activations'] {
  let unknown = 0;
  let largest: Inspection['activations']['largest'] = null;
  for (const [name, { type, shape }] of made) {
    const { bits, name: typeName } = elementType(type);
    const count: Size = elements(shape);
    if (count === null || shape === null) unknown++;
    else if (Math.ceil((count * bits) / 8) > (largest?.bytes ?? 0))
      largest = { name, type: typeName, shape, bytes: Math.ceil((count * bits) / 8) };
  }
  return { tensors: made.size, unknown, largest };
}

function operatorsOf(graph: OnnxGraph, walk: Walk): readonly OperatorReport[] {
  const counts = new Map<string, number>();
  const visit = (one: OnnxGraph): void => {
    for (const node of one.nodes) {
      const name = operatorName(node);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      subgraphsOf(node).forEach(visit);
    }
  };
  visit(graph);
  return [...counts]
    .map(([operator, count]) => ({ operator, count, macs: walk.tally.macsByOp.get(operator) ?? 0 }))
    .sort((a, b) => b.macs - a.macs || b.count - a.count || (a.operator < b.operator ? -1 : 1));
}

/** Who wrote the file (fields 2 and 3 of ModelProto), as it says. */
function producerOf({ rest }: OnnxModel): string {
  const fields = readFields(concat(rest), new Budget());
  return [2, 3]
    .map((number) => textOf(last(fields, number)?.bytes ?? new Uint8Array(0)))
    .join(' ')
    .trim();
}
