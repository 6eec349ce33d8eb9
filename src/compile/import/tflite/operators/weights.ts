/**
 * Constant weights and biases of convolutions and dense layers, in float or behind a DequantizeLinear.
 *
 * Weights keep their bytes, scales and zero points. A bias keeps its numbers; their scale is the input's times the weights', which is what
 * TFLite's kernels reckon with whatever the file states for the bias (quantization spec, "bias": scale = input0_scale * input1_scale[...]).
 */
import type { GraphWriter } from '../graph-writer.js';
import { permuted, reordered } from '../layout.js';
import type { TfliteTensor } from '../model.js';
import { bytesOf, called, refused, weightScales } from '../quantized.js';

/** The name of weights in float with their dimensions in another order. `axis` is the dimension of output channels in the file. */
export function weightsOf(writer: GraphWriter, tensor: TfliteTensor, order: readonly number[], axis: number): string {
  return writer.once(`weights ${tensor.index} ${order.join('')}`, () => writeWeights(writer, tensor, order, axis));
}

function writeWeights(writer: GraphWriter, tensor: TfliteTensor, order: readonly number[], axis: number): string {
  const { data, shape, type, sparse } = tensor;
  if (sparse) throw refused(`${called(tensor)} is sparse; save the model without sparsity`);
  const dims = reordered(shape, order);
  const key = `values ${tensor.index} ${order.join('')}`;
  if (data === null) return turned(writer, tensor, order);
  if (type === 'FLOAT32') return writer.constant(key, tensor.name, () => new Float32Array(permuted(data, shape, order, 4).buffer), dims);
  if (type !== 'INT8' && type !== 'UINT8') {
    throw refused(`${called(tensor)} are weights of type ${type}; FLOAT32, INT8 and UINT8 are understood`);
  }
  const { scales, zeros } = weightScales(tensor, axis);
  const elements = (values: ArrayBuffer): Int8Array | Uint8Array => (type === 'INT8' ? new Int8Array(values) : new Uint8Array(values));
  const bytes = writer.constant(key, tensor.name, () => elements(permuted(data, shape, order, 1).buffer), dims);
  const scale = scalesOf(writer, `scales ${tensor.index}`, scales);
  const zero = writer.constant(`zeros ${tensor.index}`, 'zero', () => elements(Int8Array.from(zeros).buffer), channelDims(scales));
  const attributes = scales.length === 1 ? {} : { axis: order.indexOf(axis) };
  return writer.emit('DequantizeLinear', [bytes, scale, zero], `${bytes}_float`, attributes);
}

/** Weights that a DEQUANTIZE makes from half precision. */
function turned(writer: GraphWriter, tensor: TfliteTensor, order: readonly number[]): string {
  const float = writer.float(tensor, 'channels-last');
  return order.every((from, to) => from === to) ? float : writer.emit('Transpose', [float], `${tensor.name}_turned`, { perm: order });
}

function scalesOf(writer: GraphWriter, key: string, scales: readonly number[]): string {
  if (scales.length === 1) return writer.number(scales[0] ?? 0);
  return writer.constant(key, 'scales', () => Float32Array.from(scales), channelDims(scales));
}

/** One number has no dimension. */
function channelDims({ length }: readonly number[]): readonly number[] {
  return length === 1 ? [] : [length];
}

/** The name of a bias in float, of as many numbers as the weights have output channels, along `axis`. */
export function biasOf(writer: GraphWriter, bias: TfliteTensor, input: TfliteTensor, weights: TfliteTensor, axis: number): string {
  const channels = weights.shape[axis] ?? 0;
  if (bias.shape.join() !== `${channels}`) {
    throw refused(`${called(bias)} is a bias of shape [${bias.shape.join(', ')}] for ${channels} channels`);
  }
  if (bias.type === 'FLOAT32') return writer.float(bias, 'channels-last');
  return writer.once(`bias ${bias.index} ${input.index} ${weights.index}`, () => writeBias(writer, bias, input, weights, axis));
}

function writeBias(writer: GraphWriter, bias: TfliteTensor, input: TfliteTensor, weights: TfliteTensor, axis: number): string {
  const activations = bytesOf(input);
  const { data } = bias;
  if (bias.type !== 'INT32' || activations === null || data === null || bias.sparse) {
    throw refused(`${called(bias)} is a bias of type ${bias.type}; FLOAT32, and constant INT32 for quantized inputs, are understood`);
  }
  const scales = weightScales(weights, axis).scales.map((scale) => Math.fround(activations.scale * scale));
  const sums = writer.constant(`sums ${bias.index}`, bias.name, () => new Int32Array(Uint8Array.from(data).buffer), bias.shape);
  const scale = scalesOf(writer, `sum scales ${activations.scale} ${weights.index}`, scales);
  const zero = writer.constant(`sum zeros ${scales.length}`, 'zero', () => new Int32Array(scales.length), channelDims(scales));
  return writer.emit('DequantizeLinear', [sums, scale, zero], `${sums}_float`, scales.length === 1 ? {} : { axis: 0 });
}
