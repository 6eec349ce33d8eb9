/**
 * Convolutions and products with constant weights, which is where the time goes.
 *
 * Guarantees: a convolution takes bytes and gives bytes; a matrix product takes bytes and gives float, since what follows it in the
 * models of a board (normalization, softmax) is float, and the runtime has a kernel that does both.
 */
import { ShoalError } from '../../core/errors.js';
import type { OnnxNode } from '../onnx/model.js';
import { floatOf, intOf } from '../onnx/values.js';
import type { Int8Writer, View } from './int8-writer.js';
import { quantizeBias, quantizeWeights } from './weights.js';

export function convolution(writer: Int8Writer, node: OnnxNode): boolean {
  const [input = '', weightName, biasName] = node.inputs;
  const [output = ''] = node.outputs;
  const weights = writer.graph.floats(weightName);
  if (weights === null || writer.plan.affine(output) === undefined) return false;
  const bias = biasName === undefined || biasName === '' ? new Float32Array(0) : writer.graph.floats(biasName);
  const view = bias === null ? undefined : writer.quantized(input);
  if (bias === null || view === undefined) return false;
  const dims = writer.graph.constant(weightName)?.dims ?? [];
  const corrected = withCorrection(bias, dims[0] ?? 1, writer.options.biasCorrections?.get(output), output);
  const whole = withOffset(corrected, weights, dims[0] ?? 1, view);
  const parameters = linear(writer, view, { name: weightName ?? '', values: weights, dims, axis: 0, bias: whole });
  return writer.emitQuantized(node, [writer.dequantize(view), ...parameters], output);
}

/** Throws MODEL_INVALID for corrections that are not one an output channel. */
function withCorrection(bias: Float32Array, channels: number, correction: readonly number[] | undefined, output: string): Float32Array {
  if (correction !== undefined && correction.length !== channels) {
    throw new ShoalError('MODEL_INVALID', `${correction.length} bias corrections for "${output}", expected ${channels}, one a channel`);
  }
  return correction === undefined ? bias : Float32Array.from(correction, (value, channel) => (bias[channel] ?? 0) + value);
}

/** What the view lacks is the same everywhere, so it is the bias's. Beside the border this is off by less than a byte's worth. */
function withOffset(bias: Float32Array, weights: Float32Array, channels: number, { offset }: View): Float32Array {
  if (offset === 0) return bias;
  const each = weights.length / channels;
  return Float32Array.from({ length: channels }, (_, channel) => {
    const sum = weights.subarray(channel * each, (channel + 1) * each).reduce((total, weight) => total + weight, 0);
    return (bias[channel] ?? 0) + offset * sum;
  });
}

export function matrixProduct(writer: Int8Writer, node: OnnxNode): boolean {
  const [input = '', weightName, biasName] = node.inputs;
  const weights = writer.graph.floats(weightName);
  const dims = writer.graph.constant(weightName)?.dims ?? [];
  const plain = floatOf(node, 'alpha', 1) === 1 && floatOf(node, 'beta', 1) === 1 && intOf(node, 'transA', 0) === 0;
  if (weights === null || dims.length !== 2 || !plain) return false;
  const bias = biasName === undefined || biasName === '' ? new Float32Array(0) : writer.graph.floats(biasName);
  const view = bias === null ? undefined : writer.quantized(input);
  if (bias === null || view === undefined || view.offset !== 0) return false;
  const axis = intOf(node, 'transB', 0) === 1 ? 0 : 1;
  const parameters = linear(writer, view, { name: weightName ?? '', values: weights, dims, axis, bias });
  writer.emitFloat(node, [writer.dequantize(view), ...parameters]);
  return true;
}

interface Linear {
  readonly name: string;
  readonly values: Float32Array;
  readonly dims: readonly number[];
  readonly axis: number;
  /** Empty for none. */
  readonly bias: Float32Array;
}

/** Writes weights, and the bias if there is one; answers the names of both in float. */
function linear(writer: Int8Writer, view: View, { name, values, dims, axis, bias }: Linear): string[] {
  const { graph, options } = writer;
  const weights = quantizeWeights(values, dims, axis, options.weights, { values: bias, inputScale: view.scale });
  const shape = options.weights.perChannel ? [weights.scales.length] : [];
  const attributes = options.weights.perChannel ? { axis } : {};
  const inputs = [
    graph.addConstant(`${name}_int8`, weights.values, dims),
    graph.addConstant('scale', weights.scales, shape),
    graph.addConstant('zero', new Int8Array(weights.scales.length), shape),
  ];
  const names = [writer.emit('DequantizeLinear', inputs, `${name}_float`, attributes)];
  if (bias.length === 0) return names;
  const sums = quantizeBias(bias, view.scale, weights.scales);
  const biasInputs = [
    graph.addConstant(`${name}_bias`, sums.values, [bias.length]),
    graph.addConstant('scale', sums.scales, shape),
    graph.addConstant('zero', new Int32Array(sums.scales.length), shape),
  ];
  return [...names, writer.emit('DequantizeLinear', biasInputs, `${name}_bias_float`, options.weights.perChannel ? { axis: 0 } : {})];
}
