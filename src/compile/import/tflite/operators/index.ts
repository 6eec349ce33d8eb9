/** The TFLite operators that are understood. */
import { concatenation, pad, reshape, stridedSlice, transpose } from './arranging.js';
import { cut, dequantize, fullyConnected, hardSwish, mean, pairwise, quantize, sigmoid, softmax, tanh } from './computing.js';
import type { Operator } from './operator.js';
import { averagePool, convolution, depthwise, maxPool } from './windows.js';

export const operators: Readonly<Record<string, Operator>> = {
  ADD: pairwise('Add'),
  AVERAGE_POOL_2D: averagePool,
  CONCATENATION: concatenation,
  CONV_2D: convolution,
  DEPTHWISE_CONV_2D: depthwise,
  DEQUANTIZE: dequantize,
  EXPAND_DIMS: reshape,
  FULLY_CONNECTED: fullyConnected,
  HARD_SWISH: hardSwish,
  LOGISTIC: sigmoid,
  MAX_POOL_2D: maxPool,
  MEAN: mean,
  MUL: pairwise('Mul'),
  PAD: pad,
  QUANTIZE: quantize,
  RELU: cut(1),
  RELU_N1_TO_1: cut(2),
  RELU6: cut(3),
  RESHAPE: reshape,
  SOFTMAX: softmax,
  SQUEEZE: reshape,
  STRIDED_SLICE: stridedSlice,
  SUB: pairwise('Sub'),
  TANH: tanh,
  TRANSPOSE: transpose,
};
