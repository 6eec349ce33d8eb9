/**
 * Moves the normalisation of pixels into the graph: the input takes the bytes of an RGB image, row by row, as an image decoder gives them.
 *
 * Guarantees: `(byte / 255 - mean) / std` and the order of the channels go into the first convolutions, whose weights are scaled and
 * reordered in double precision; nothing changes where anything but convolutions with constant weights reads the input. What remains in
 * the graph is a Transpose of bytes, and
 * - before float convolutions, a Cast and the subtraction of the mean: the same function up to rounding, borders included;
 * - before convolutions that will be quantized, one byte that means zero, which costs nothing. What the means differ from that byte goes
 *   into the bias. A padded convolution then sees that one grey beyond the border, where the model as shipped sees the mean of each
 *   channel: off by at most half the distance of the means there, 10 of 255 for the means of ImageNet, and exact everywhere else.
 */
import type { Graph } from '../graph.js';
import { dataType, type OnnxNode, type OnnxValue } from '../onnx/model.js';
import { intOf, intsOf, nodeOf } from '../onnx/values.js';
import { type Convolution, convolutionOf, putBack } from './convolution.js';

export interface Pixels {
  /** Name of the graph's input. */
  readonly tensor: string;
  /** Of the graph as it is, and of `mean` and `std`. */
  readonly channelOrder: 'rgb' | 'bgr';
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

interface Image {
  readonly value: OnnxValue;
  /** What puts the channels first, where the input has them last. */
  readonly transpose: OnnxNode | undefined;
  readonly convolutions: readonly Convolution[];
}

const toChannelsFirst = [0, 3, 1, 2];

/**
 * Answers whether it could. `quantized`: null for a graph that stays float; else the first outputs of the nodes that will stay float in
 * one that is to be quantized.
 */
export function foldPixels(graph: Graph, pixels: Pixels, quantized: ReadonlySet<string> | null): boolean {
  const image = imageOf(graph, pixels.tensor);
  if (image === null) return false;
  const inBytes = quantized !== null && image.convolutions.every(({ node }) => !quantized.has(node.outputs[0] ?? ''));
  // In the order of the image: red, green, blue.
  const at = (channel: number): number => (pixels.channelOrder === 'rgb' ? channel : 2 - channel);
  const means = [0, 1, 2].map((channel) => 255 * (pixels.mean[at(channel)] ?? 0));
  const grey = Math.max(0, Math.min(255, Math.round((Math.min(...means) + Math.max(...means)) / 2)));
  const scaled = image.convolutions.map((convolution) => {
    const weights = reordered(convolution, at, pixels.std);
    const offsets = means.map((mean) => (inBytes ? grey - mean : 0));
    return { ...convolution, weights, bias: withOffsets(convolution, weights, offsets) };
  });
  if (!scaled.every(({ weights, bias }) => [...weights, ...bias].every((value) => Number.isFinite(Math.fround(value))))) return false;
  for (const convolution of scaled) putBack(graph, convolution);
  feedBytes(graph, image, inBytes ? grey : means);
  return true;
}

/** A float image of three channels that only convolutions read; null for any other input. */
function imageOf(graph: Graph, name: string): Image | null {
  const value = graph.model.graph.inputs.find((input) => input.name === name);
  if (value?.type !== dataType.float32 || value.shape?.length !== 4 || graph.isOutput(name)) return null;
  const only = graph.onlyUser(name);
  const transpose = only?.op === 'Transpose' && intsOf(only, 'perm')?.join() === toChannelsFirst.join() ? only : undefined;
  const tensor = transpose?.outputs[0] ?? name;
  const channels = value.shape[transpose === undefined ? 1 : 3];
  const users = graph.users(tensor);
  if (graph.isOutput(tensor) || users.length === 0 || (typeof channels === 'number' && channels !== 3)) return null;
  const convolutions = users.map((user) => {
    const convolution = user.op === 'Conv' && user.inputs.lastIndexOf(tensor) === 0 ? convolutionOf(graph, user) : null;
    return convolution !== null && convolution.dims[1] === 3 && intOf(user, 'group', 1) === 1 ? convolution : null;
  });
  return convolutions.every((convolution) => convolution !== null) ? { value, transpose, convolutions } : null;
}

/** The weights for bytes in the order of the image. */
function reordered({ weights, dims }: Convolution, at: (channel: number) => number, std: Pixels['std']): Float64Array {
  const kernel = dims.slice(2).reduce((product, dim) => product * dim, 1);
  return weights.map((_, element) => {
    const channel = Math.floor(element / kernel) % 3;
    const from = at(channel);
    return (weights[element + (from - channel) * kernel] ?? Number.NaN) / (255 * (std[from] ?? Number.NaN));
  });
}

/** The bias when each channel of the input is `offsets` more than what is fed. */
function withOffsets({ bias, dims, outputOf }: Convolution, weights: Float64Array, offsets: readonly number[]): Float64Array {
  const kernel = dims.slice(2).reduce((product, dim) => product * dim, 1);
  const sums = bias.slice();
  for (const [element, weight] of weights.entries()) {
    const output = outputOf(element);
    sums[output] = (sums[output] ?? 0) + weight * (offsets[Math.floor(element / kernel) % 3] ?? Number.NaN);
  }
  return sums;
}

/** Writes the way from the bytes to what the convolutions read: less one byte for all channels, or a number a channel. */
function feedBytes(graph: Graph, { value, transpose, convolutions }: Image, zero: number | readonly number[]): void {
  const first = graph.nodes.find((node) => node === transpose || convolutions.some((convolution) => convolution.node === node));
  if (first === undefined) return;
  const [bytes, centred] = [graph.freshName(`${value.name}_bytes`), graph.freshName(`${value.name}_centred`)];
  const steps = typeof zero === 'number' ? dequantized(graph, bytes, zero, centred) : subtracted(graph, bytes, zero, centred);
  graph.insertBefore(first, nodeOf('Transpose', [value.name], [bytes], { perm: toChannelsFirst }), ...steps);
  for (const { node } of convolutions) graph.setInputs(node, [centred, ...node.inputs.slice(1)]);
  if (transpose !== undefined) graph.remove(transpose);
  else if (value.shape !== null) value.shape = [0, 2, 3, 1].map((axis) => value.shape?.[axis] ?? '');
  value.type = dataType.uint8;
  value.otherType = null;
}

function dequantized(graph: Graph, bytes: string, zero: number, output: string): OnnxNode[] {
  const parameters = [graph.addConstant('scale', Float32Array.of(1), []), graph.addConstant('zero', Uint8Array.of(zero), [])];
  return [nodeOf('DequantizeLinear', [bytes, ...parameters], [output])];
}

function subtracted(graph: Graph, bytes: string, zeros: readonly number[], output: string): OnnxNode[] {
  const floats = graph.freshName(`${bytes}_float`);
  const mean = graph.addConstant('mean', Float32Array.from(zeros), [3, 1, 1]);
  return [nodeOf('Cast', [bytes], [floats], { to: dataType.float32 }), nodeOf('Sub', [floats, mean], [output])];
}
