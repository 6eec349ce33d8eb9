/**
 * What an operator costs in arithmetic: multiply-accumulates of convolutions, matrices and recurrent layers, and element operations of the rest.
 *
 * An estimate by the shapes: it knows nothing of caches, kernels or fusion, so it ranks layers of one model and does not foretell milliseconds.
 */
import type { OnnxNode } from '../onnx/model.js';
import { intOf, intsOf } from '../onnx/values.js';
import { elements, type Fact, product, type Size, unknown } from './facts.js';

export interface Work {
  readonly macs: number;
  readonly others: number;
}

const none: Work = { macs: 0, others: 0 };
const macs = (count: Size): Work | null => (count === null ? null : { macs: count, others: 0 });
const others = (count: Size): Work | null => (count === null ? null : { macs: 0, others: count });

/** They rename, move or state elements, and compute none. */
const free = new Set(
  (
    'Constant ConstantOfShape Identity Reshape Flatten Squeeze Unsqueeze Shape Size Transpose Concat Split Slice Gather GatherElements GatherND Expand Tile Pad ' +
    'DepthToSpace SpaceToDepth Range Dropout'
  ).split(' '),
);

type Count = (node: OnnxNode, inputs: readonly Fact[], output: Fact) => Work | null;

/** `at`: which input holds the weights (M, C / group, ...kernel). */
const convolution =
  (at: number): Count =>
  (_, inputs, output) =>
    macs(times(elements(output.shape), taps(inputs[at])));

function taps(weights: Fact = unknown): Size {
  return weights.shape === null ? null : product(weights.shape.slice(1));
}

const matrices: Count = (node, [a = unknown], output) =>
  macs(times(elements(output.shape), a.shape?.at(intOf(node, 'transA', 0) === 1 ? -2 : -1) ?? null));

const recurrent: Count = (_, [x = unknown, w = unknown, r = unknown]) => {
  const [length = null, batch = null] = x.shape ?? [];
  const [input, state] = [elements(w.shape), elements(r.shape)];
  return macs(times(length, times(batch, input === null || state === null ? null : input + state)));
};

const pooling: Count = (node, _, output) => others(times(elements(output.shape), product(intsOf(node, 'kernel_shape') ?? [])));
const everyInput: Count = (_, [x = unknown]) => others(elements(x.shape));
const everyOutput: Count = (_, [first = unknown], output) => others(elements(output.shape ?? first.shape));

const counts: ReadonlyMap<string, Count> = new Map<string, Count>([
  ['Conv', convolution(1)],
  ['FusedConv', convolution(1)],
  ['ConvInteger', convolution(1)],
  ['QLinearConv', convolution(3)],
  ['ConvTranspose', (_, [x = unknown, w]) => macs(times(elements(x.shape), taps(w)))],
  ...'MatMul FusedMatMul Gemm QGemm MatMulInteger MatMulIntegerToFloat DynamicQuantizeMatMul QLinearMatMul MatMulNBits'
    .split(' ')
    .map((op): [string, Count] => [op, matrices]),
  ...['LSTM', 'GRU', 'RNN', 'DynamicQuantizeLSTM'].map((op): [string, Count] => [op, recurrent]),
  ...['MaxPool', 'AveragePool', 'LpPool'].map((op): [string, Count] => [op, pooling]),
  ...['GlobalAveragePool', 'GlobalMaxPool', 'QLinearGlobalAveragePool'].map((op): [string, Count] => [op, everyInput]),
]);

/** Null when the shapes do not tell. */
export function workOf(node: OnnxNode, inputs: readonly Fact[], output: Fact): Work | null {
  if (free.has(node.op)) return none;
  const count = counts.get(node.op) ?? (/^(Reduce|Arg)/.test(node.op) ? everyInput : everyOutput);
  return count(node, inputs, output);
}

function times(a: Size, b: Size): Size {
  return a === null || b === null ? null : product([a, b]);
}

const integerOps = new Set(
  'ConvInteger QLinearConv MatMulInteger MatMulIntegerToFloat DynamicQuantizeMatMul QLinearMatMul QGemm MatMulNBits DynamicQuantizeLSTM'.split(
    ' ',
  ),
);

/** Whether its multiplications can run on integers: it is an integer operator, or both operands come from DequantizeLinear. */
export function isQuantized(node: OnnxNode, producerOf: (name: string) => string | undefined): boolean {
  if (integerOps.has(node.op)) return true;
  return node.inputs.length >= 2 && node.inputs.slice(0, 2).every((name) => producerOf(name) === 'DequantizeLinear');
}
