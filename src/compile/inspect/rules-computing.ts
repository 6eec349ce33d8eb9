/** Shape rules of the operators that compute: convolutions, matrices, pooling, reductions, recurrent layers; also in their integer forms. */
import { dataType, type OnnxNode } from '../onnx/model.js';
import { intOf, intsOf, stringOf } from '../onnx/values.js';
import { axisOf, broadcast, type Fact, fact, type Shape, type Size, unknown } from './facts.js';
import type { Rule } from './rule.js';

interface Window {
  readonly kernel: Shape;
  readonly strides: readonly number[] | null;
  readonly dilations: readonly number[] | null;
  /** Begin and end of each axis, then as ONNX has it: all begins first. */
  readonly pads: readonly number[] | null;
  readonly autoPad: string;
  readonly roundsUp: boolean;
}

function windowOf(node: OnnxNode, kernel: Shape): Window {
  return {
    kernel,
    strides: intsOf(node, 'strides'),
    dilations: intsOf(node, 'dilations'),
    pads: intsOf(node, 'pads'),
    autoPad: stringOf(node, 'auto_pad', 'NOTSET'),
    roundsUp: intOf(node, 'ceil_mode', 0) === 1,
  };
}

function slid(size: Size, axis: number, window: Window): Size {
  const kernel = window.kernel[axis] ?? null;
  const stride = window.strides?.[axis] ?? 1;
  if (size === null || kernel === null || stride < 1) return null;
  if (window.autoPad.startsWith('SAME')) return Math.ceil(size / stride);
  const reach = (kernel - 1) * (window.dilations?.[axis] ?? 1) + 1;
  const padding = window.autoPad === 'VALID' ? 0 : (window.pads?.[axis] ?? 0) + (window.pads?.[axis + window.kernel.length] ?? 0);
  const places = (size + padding - reach) / stride + 1;
  return window.roundsUp ? Math.ceil(places) : Math.floor(places);
}

/** Answers the output of a convolution with weights `w` (M, C / group, ...kernel). */
function convolve(node: OnnxNode, x: Fact, w: Fact, type: number): Fact {
  if (w.shape === null || w.shape.length < 3) return fact(type, null);
  const window = windowOf(node, w.shape.slice(2));
  const [batch = null, , ...sizes] = x.shape ?? [];
  const spatial = window.kernel.map((_, axis) => slid(sizes[axis] ?? null, axis, window));
  return fact(type, [batch, w.shape[0] ?? null, ...spatial]);
}

const convTranspose: Rule = ({ node, inputs: [x = unknown, w = unknown] }) => {
  if (w.shape === null || w.shape.length < 3) return [fact(x.type, null)];
  const window = windowOf(node, w.shape.slice(2));
  const [batch = null, , ...sizes] = x.shape ?? [];
  const stated = intsOf(node, 'output_shape');
  const extra = intsOf(node, 'output_padding');
  const spatial = window.kernel.map((kernel, axis) => {
    if (stated !== null) return stated.at(axis - window.kernel.length) ?? null;
    const size = sizes[axis] ?? null;
    if (size === null || kernel === null) return null;
    const stride = window.strides?.[axis] ?? 1;
    if (window.autoPad.startsWith('SAME')) return size * stride;
    const padding = (window.pads?.[axis] ?? 0) + (window.pads?.[axis + window.kernel.length] ?? 0);
    return stride * (size - 1) + (extra?.[axis] ?? 0) + (kernel - 1) * (window.dilations?.[axis] ?? 1) + 1 - padding;
  });
  const perGroup = w.shape[1] ?? null;
  return [fact(x.type, [batch, perGroup === null ? null : perGroup * intOf(node, 'group', 1), ...spatial])];
};

const pool: Rule = ({ node, inputs: [x = unknown] }) => {
  const window = windowOf(node, intsOf(node, 'kernel_shape') ?? []);
  const shape = x.shape?.map((size, i) => (i < 2 ? size : slid(size, i - 2, window))) ?? null;
  return [fact(x.type, shape), fact(dataType.int64, shape)];
};

const globalPool: Rule = ({ inputs: [x = unknown] }) => [fact(x.type, x.shape?.map((size, i) => (i < 2 ? size : 1)) ?? null)];

/** The last two axes multiply, those before broadcast; a vector is a matrix of one row or column that goes away again. */
export function multiplied(a: Shape | null, b: Shape | null): Shape | null {
  if (a === null || b === null || a.length === 0 || b.length === 0) return null;
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const before = broadcast(left.slice(0, -2), right.slice(0, -2));
  if (before === null) return null;
  const [rows = null, columns = null] = [left.at(-2), right.at(-1)];
  return [...before, ...(a.length === 1 ? [] : [rows]), ...(b.length === 1 ? [] : [columns])];
}

function turned(shape: Shape | null, turns: boolean): Shape | null {
  return shape === null || !turns || shape.length < 2 ? shape : [...shape.slice(0, -2), shape.at(-1) ?? null, shape.at(-2) ?? null];
}

const matMul =
  (b: number, type?: number): Rule =>
  ({ node, inputs }) => {
    const left = turned(inputs[0]?.shape ?? null, intOf(node, 'transA', 0) === 1);
    const right = turned(inputs[b]?.shape ?? null, intOf(node, 'transB', 0) === 1);
    return [fact(type ?? inputs[0]?.type ?? 0, multiplied(left, right))];
  };

const matMulNBits: Rule = ({ node, inputs: [x = unknown] }) => [
  fact(x.type, x.shape === null ? null : [...x.shape.slice(0, -1), intOf(node, 'N', 0)]),
];

const reduce: Rule = ({ node, inputs: [x = unknown, second] }) => {
  const axes = intsOf(node, 'axes') ?? second?.value ?? null;
  if (x.shape === null || (axes === null && (node.inputs[1] ?? '') !== '')) return [fact(x.type, null)];
  if (axes === null && intOf(node, 'noop_with_empty_axes', 0) === 1) return [x];
  const rank = x.shape.length;
  const gone = new Set(axes === null || axes.length === 0 ? x.shape.map((_, i) => i) : axes.map((axis) => axisOf(axis, rank)));
  return [fact(x.type, folded(x.shape, gone, intOf(node, 'keepdims', 1) === 1))];
};

const argBest: Rule = ({ node, inputs: [x = unknown] }) => {
  if (x.shape === null) return [fact(dataType.int64, null)];
  const gone = new Set([axisOf(intOf(node, 'axis', 0), x.shape.length)]);
  return [fact(dataType.int64, folded(x.shape, gone, intOf(node, 'keepdims', 1) === 1))];
};

function folded(shape: Shape, gone: ReadonlySet<number | undefined>, keeps: boolean): Shape {
  return keeps ? shape.map((size, i) => (gone.has(i) ? 1 : size)) : shape.filter((_, i) => !gone.has(i));
}

/** Y (length, directions, batch, hidden), then the last states. */
const recurrent: Rule = ({ inputs: [x = unknown, , r = unknown] }) => {
  const [length = null, batch = null] = x.shape ?? [];
  const [directions = null, , hidden = null] = r.shape ?? [];
  const state = fact(x.type, [directions, batch, hidden]);
  return [fact(x.type, [length, directions, batch, hidden]), state, state];
};

const reductions = 'Max Min Mean Sum SumSquare Prod L1 L2 LogSum LogSumExp'
  .split(' ')
  .map((name): [string, Rule] => [`Reduce${name}`, reduce]);

export const computingRules: Readonly<Record<string, Rule>> = {
  Conv: ({ node, inputs: [x = unknown, w = unknown] }) => [convolve(node, x, w, x.type)],
  FusedConv: ({ node, inputs: [x = unknown, w = unknown] }) => [convolve(node, x, w, x.type)],
  ConvInteger: ({ node, inputs: [x = unknown, w = unknown] }) => [convolve(node, x, w, dataType.int32)],
  QLinearConv: ({ node, inputs }) => [convolve(node, inputs[0] ?? unknown, inputs[3] ?? unknown, inputs[7]?.type ?? 0)],
  ConvTranspose: convTranspose,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  QLinearGlobalAveragePool: globalPool,
  MatMul: matMul(1),
  FusedMatMul: matMul(1),
  Gemm: matMul(1),
  QGemm: matMul(3),
  MatMulInteger: matMul(1, dataType.int32),
  MatMulIntegerToFloat: matMul(1, dataType.float32),
  DynamicQuantizeMatMul: matMul(1, dataType.float32),
  QLinearMatMul: matMul(3),
  MatMulNBits: matMulNBits,
  ArgMax: argBest,
  ArgMin: argBest,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  DynamicQuantizeLSTM: ({ node, inputs }) => recurrent({ node, inputs: [inputs[0] ?? unknown, unknown, quantizedRecurrence(inputs[2])] }),
  ...Object.fromEntries(reductions),
};

/** Its weights lie the other way round: (directions, hidden, 4 x hidden). */
function quantizedRecurrence(r: Fact = unknown): Fact {
  const [directions = null, hidden = null] = r.shape ?? [];
  return fact(r.type, [directions, null, hidden]);
}
