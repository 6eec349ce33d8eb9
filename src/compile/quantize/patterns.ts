/**
 * What the quantizer recognizes around a tensor. Pure questions to a graph.
 */
import type { Graph } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { floatOf, stringOf } from '../onnx/values.js';

/** Operators that move values about without changing any, by their first input. */
const keeping: ReadonlySet<string> = new Set([
  'Identity',
  'Reshape',
  'Flatten',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Slice',
  'Gather',
  'Expand',
  'DepthToSpace',
  'SpaceToDepth',
  'MaxPool',
]);

/** Whether every value of the output is one of the input (or, padded, none smaller). */
export function keepsValues(node: OnnxNode): boolean {
  if (node.domain !== '' || node.outputs.length !== 1) return false;
  if (node.op === 'Resize') return stringOf(node, 'mode', 'nearest') === 'nearest';
  return keeping.has(node.op);
}

/** The gate `max(0, min(1, alpha * x + beta))`: it opens at `-span` and is fully open at `-span + 1 / alpha`. */
export interface Gate {
  readonly alpha: number;
  /** `beta / alpha`. */
  readonly span: number;
}

export function gateOf(node: OnnxNode | undefined): Gate | undefined {
  if (node?.op !== 'HardSigmoid' || node.domain !== '') return undefined;
  const alpha = floatOf(node, 'alpha', Math.fround(0.2));
  const beta = floatOf(node, 'beta', 0.5);
  return alpha > 0 && beta > 0 ? { alpha, span: beta / alpha } : undefined;
}

/**
 * The gate of a tensor that is used for nothing else than the gate and its product with it, so that what it is below `-span`
 * does not matter.
 */
export function gateAfter(graph: Graph, name: string): Gate | undefined {
  if (graph.isOutput(name)) return undefined;
  const users = graph.users(name);
  const gate = users.find(({ op }) => op === 'HardSigmoid');
  const product = gate === undefined ? undefined : users.find((user) => user !== gate);
  if (gate === undefined || users.length > 2) return undefined;
  const multiplies =
    product === undefined || (product.op === 'Mul' && product.inputs.includes(name) && product.inputs.includes(gate.outputs[0] ?? ''));
  return multiplies ? gateOf(gate) : undefined;
}

export interface ScalarStep {
  readonly op: 'Add' | 'Mul';
  readonly input: string;
  readonly value: number;
}

/** A node that adds a number, or multiplies with one. */
export function scalarStep(graph: Graph, node: OnnxNode | undefined): ScalarStep | undefined {
  if (node === undefined || (node.op !== 'Add' && node.op !== 'Mul') || node.domain !== '') return undefined;
  const [a = '', b = ''] = node.inputs;
  const second = graph.scalar(b);
  const first = graph.scalar(a);
  if (second !== undefined && graph.constant(a) === undefined) return { op: node.op, input: a, value: second };
  if (first !== undefined && graph.constant(b) === undefined) return { op: node.op, input: b, value: first };
  return undefined;
}

/** Whether only convolutions with constant weights read a tensor, as their data. */
export function onlyConvolutionsRead(graph: Graph, name: string, isFloat: (node: OnnxNode) => boolean): boolean {
  if (graph.isOutput(name)) return false;
  return graph
    .users(name)
    .every((user) => user.op === 'Conv' && !isFloat(user) && user.inputs.lastIndexOf(name) === 0 && graph.floats(user.inputs[1]) !== null);
}
