/**
 * Folds Mul, Add, Sub and Div by a constant, one number or one a channel, into the Conv or ConvTranspose before.
 *
 * Only where nothing else sees what the convolution gave, and the constant does not widen it.
 */
import type { Graph } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { type Convolution, convolutionOf, putBack, scaleOutputs, takeOver } from './convolution.js';
import { eachNode, type Pass } from './pass.js';

export const foldScale: Pass = {
  name: 'fold-scale',
  apply: (graph) => eachNode(graph, (node) => fold(graph, node)),
};

function fold(graph: Graph, node: OnnxNode): boolean {
  const user = node.op === 'Conv' || node.op === 'ConvTranspose' ? graph.onlyUser(node.outputs[0]) : undefined;
  if (user?.domain !== '' || user.inputs.length !== 2 || !['Mul', 'Add', 'Sub', 'Div'].includes(user.op)) return false;
  const convolution = convolutionOf(graph, node);
  if (convolution === null) return false;
  const last = user.inputs[0] === node.outputs[0];
  const constant = perChannel(graph, user.inputs[last ? 1 : 0], convolution);
  if (constant === null || (user.op === 'Div' && !last)) return false;
  const { factor, offset } = affineOf(user.op, last);
  scaleOutputs(convolution, constant.map(factor), constant.map(offset));
  if (!putBack(graph, convolution)) return false;
  takeOver(graph, convolution, user);
  return true;
}

/** What an operator does to y with the constant c: `factor(c) * y + offset(c)`. */
function affineOf(op: string, last: boolean): { factor: (c: number) => number; offset: (c: number) => number } {
  if (op === 'Mul') return { factor: (c) => c, offset: () => 0 };
  if (op === 'Div') return { factor: (c) => 1 / c, offset: () => 0 };
  if (op === 'Add') return { factor: () => 1, offset: (c) => c };
  return last ? { factor: () => 1, offset: (c) => -c } : { factor: () => -1, offset: (c) => c };
}

/** A constant as one number an output channel; null where it is anything else. */
function perChannel(graph: Graph, name: string | undefined, { bias, dims: kernel }: Convolution): Float64Array | null {
  const values = graph.floats(name);
  const dims = graph.constant(name)?.dims ?? [];
  if (values === null || dims.length > kernel.length) return null;
  if (values.length === 1) return new Float64Array(bias.length).fill(values[0] ?? 0);
  const channelAxis = dims.length - kernel.length + 1;
  return values.length === bias.length && dims[channelAxis] === bias.length ? Float64Array.from(values) : null;
}
