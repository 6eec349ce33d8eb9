/**
 * The weights of a convolution as numbers, to be scaled and put back.
 *
 * Guarantees: computed in double precision with + - * / only, rounded to float32 once, so the same on every machine; weights that would
 * not be finite are never written.
 */
import type { Graph } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { intOf } from '../onnx/values.js';

export interface Convolution {
  readonly node: OnnxNode;
  readonly dims: readonly number[];
  /** In double precision, row-major, owned by whoever asked. */
  readonly weights: Float64Array;
  /** One an output channel, zeros where the node has none. */
  readonly bias: Float64Array;
  /** The output channel an element of `weights` counts for. */
  readonly outputOf: (element: number) => number;
}

/** A Conv or ConvTranspose whose weights and bias are float32 constants that fit together, else null. */
export function convolutionOf(graph: Graph, node: OnnxNode | undefined): Convolution | null {
  if (node === undefined || node.domain !== '' || (node.op !== 'Conv' && node.op !== 'ConvTranspose')) return null;
  const weights = graph.floats(node.inputs[1]);
  const dims = graph.constant(node.inputs[1])?.dims;
  const group = intOf(node, 'group', 1);
  if (weights === null || dims === undefined || dims.length < 3 || group < 1) return null;
  const [rows = 0, columns = 0, ...kernel] = dims;
  const inner = kernel.reduce((product, dim) => product * dim, 1);
  const transposed = node.op === 'ConvTranspose';
  const channels = transposed ? columns * group : rows;
  const hasBias = (node.inputs[2] ?? '') !== '';
  const bias = hasBias ? graph.floats(node.inputs[2]) : new Float32Array(channels);
  if (rows % group !== 0 || channels === 0 || bias?.length !== channels) return null;
  return {
    node,
    dims,
    weights: Float64Array.from(weights),
    bias: Float64Array.from(bias),
    outputOf: (element) => {
      const row = Math.floor(element / (columns * inner));
      if (!transposed) return row;
      return Math.floor(row / (rows / group)) * columns + (Math.floor(element / inner) % columns);
    },
  };
}

/** Makes it compute `factors[c] * y + offsets[c]` in every output channel c. */
export function scaleOutputs(convolution: Convolution, factors: ArrayLike<number>, offsets: ArrayLike<number>): void {
  const { weights, bias } = convolution;
  for (const [i, weight] of weights.entries()) weights[i] = weight * (factors[convolution.outputOf(i)] ?? Number.NaN);
  for (const [c, value] of bias.entries()) bias[c] = value * (factors[c] ?? Number.NaN) + (offsets[c] ?? Number.NaN);
}

/** Writes the changed weights into the graph; false, and nothing done, where one of them is no finite float32. */
export function putBack(graph: Graph, { node, dims, weights, bias }: Convolution): boolean {
  const [w, b] = [Float32Array.from(weights), Float32Array.from(bias)];
  if (!w.every(Number.isFinite) || !b.every(Number.isFinite)) return false;
  const stem = node.inputs[1] ?? node.op;
  const needsBias = (node.inputs[2] ?? '') !== '' || b.some((value) => value !== 0);
  graph.setInputs(node, [
    node.inputs[0] ?? '',
    graph.addConstant(stem, w, dims),
    ...(needsBias ? [graph.addConstant(`${node.outputs[0]}_bias`, b, [b.length])] : []),
  ]);
  return true;
}

/** Puts what `user` gives in the place of what the convolution gave, and removes `user`. */
export function takeOver(graph: Graph, { node }: Convolution, user: OnnxNode): void {
  const [output = ''] = user.outputs;
  graph.remove(user);
  graph.setOutputs(node, [output]);
}
