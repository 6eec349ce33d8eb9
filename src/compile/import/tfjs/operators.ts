/**
 * TensorFlow's operators, each by its name.
 *
 * Guarantees: an operator, or a form of one, that is not here is refused by name; none is approximated.
 *
 * Source: the op lists of tfjs-converter 4.22 (src/operations/op_list), which says what each input and attribute is.
 */
import type { Builder } from './builder.js';
import { castTo } from './builder.js';
import { activate, binary, clip, floorDivide, floorModulo, prelu, select, softmax, unary } from './elementwise.js';
import type { GraphNode } from './graph-node.js';
import { argument, gather, gatherMany, multiply, multiplyMany, type Reduction, reduce, topK } from './reducing.js';
import { depthToSpace, resize } from './resize.js';
import { concatenate, expand, pad, paddingPairs, reshape, slice, split, squeeze, stack, tile, transpose, unstack } from './shaping.js';
import { convolve, convolveDepthwise, convolveTransposed, normalize, type Padding, pool, type Window } from './spatial.js';
import { stridedSlices } from './strided-slice.js';
import { Unsuited } from './unsuited.js';
import { constantOf, count, type ElementType, integers, numbersOf, type Value } from './value.js';

/** Answers the node's outputs, the first first. */
export type Operator = (builder: Builder, node: GraphNode, inputs: readonly Value[]) => Value | readonly Value[];

/** Inputs that an operator cannot do without. */
function need(inputs: readonly Value[], index: number): Value {
  const value = inputs[index];
  if (value === undefined) throw new Unsuited(`it has ${inputs.length} inputs, input ${index} is missing`);
  return value;
}

type Simple = (builder: Builder, value: Value, inputs: readonly Value[], node: GraphNode) => Value | readonly Value[];

/** Of an operator whose first input is what it works on. */
function on(work: Simple): Operator {
  return (builder, node, inputs) => work(builder, need(inputs, 0), inputs, node);
}

const same: Operator = on((_, value) => value);
const plain = (op: string): Operator => on((builder, value) => unary(builder, op, value));
const pair = (op: string): Operator => on((builder, value, inputs) => binary(builder, op, value, need(inputs, 1)));
const compare = (op: string): Operator => on((builder, value, inputs) => binary(builder, op, value, need(inputs, 1), 'bool'));
const reduction = (op: Reduction): Operator =>
  on((builder, value, inputs, node) => reduce(builder, op, value, numbersOf(inputs[1], 'axes'), node.flag('keep_dims')));

const quotient: Operator = on((builder, value, inputs) =>
  value.type === 'float32' ? binary(builder, 'Div', value, need(inputs, 1)) : floorDivide(builder, value, need(inputs, 1)),
);

const elementTypes: Readonly<Record<string, ElementType>> = { DT_FLOAT: 'float32', DT_INT32: 'int32', DT_INT64: 'int32', DT_BOOL: 'bool' };

export function elementType(name: string | undefined): ElementType {
  const type = name !== undefined && Object.hasOwn(elementTypes, name) ? elementTypes[name] : undefined;
  if (type === undefined) throw new Unsuited(`its data type is ${name ?? 'not stated'}`);
  return type;
}

function requireNhwc(node: GraphNode): void {
  const format = node.text('data_format', 'NHWC');
  if (format !== 'NHWC') throw new Unsuited(`its data_format is ${format}, only NHWC is handled`);
}

/** The middle two of four numbers, which are those of height and width. */
function middle(node: GraphNode, name: string, otherwise: readonly number[] | null = null): [number, number] {
  const [n = 1, h = 0, w = 0, c = 1] = node.ints(name) ?? otherwise ?? [];
  if (n !== 1 || c !== 1) throw new Unsuited(`its ${name} reach over batch or channels`);
  return [h, w];
}

function windowOf(node: GraphNode): Window {
  requireNhwc(node);
  return { strides: middle(node, 'strides'), dilations: middle(node, 'dilations', [1, 1, 1, 1]), padding: paddingOf(node) };
}

function paddingOf(node: GraphNode): Padding {
  const padding = node.text('padding', '');
  if (padding === 'SAME') return 'same';
  if (padding === 'VALID') return 'valid';
  const [, , top = 0, bottom = 0, left = 0, right = 0] = node.ints('explicit_paddings') ?? [];
  if (padding !== 'EXPLICIT') throw new Unsuited(`its padding is "${padding}"`);
  return { height: [top, bottom], width: [left, right] };
}

/** Bias and activation of a fused operator, whose inputs from the third on are the bias and the slope, in this order. */
function fusedParts(
  node: GraphNode,
  inputs: readonly Value[],
): { bias: Value | undefined; finish: (builder: Builder, value: Value) => Value } {
  const fused = node.texts('fused_ops');
  const hasBias = fused[0] === 'BiasAdd';
  const [activation, ...more] = hasBias ? fused.slice(1) : fused;
  if (more.length > 0 || activation === 'FusedBatchNorm') throw new Unsuited(`its fused operators are ${fused.join(', ')}`);
  const bias = hasBias ? need(inputs, 2) : undefined;
  const options = { alpha: node.float('leakyrelu_alpha', 0.2), slope: inputs[hasBias ? 3 : 2] };
  return { bias, finish: (builder, value) => activate(builder, value, activation?.toLowerCase(), options) };
}

const convolution = (work: typeof convolve): Operator =>
  on((builder, value, inputs, node) => {
    const { bias, finish } = fusedParts(node, inputs);
    return finish(builder, work(builder, value, inputs[1], bias, windowOf(node)));
  });

const matrixProduct: Operator = on((builder, value, inputs, node) => {
  const { bias, finish } = fusedParts(node, inputs);
  return finish(builder, multiply(builder, value, need(inputs, 1), bias, node.flag('transpose_a'), node.flag('transpose_b')));
});

const matrixProducts: Operator = on((builder, value, inputs, node) =>
  multiplyMany(builder, value, need(inputs, 1), node.flag('adj_x'), node.flag('adj_y')),
);

const pooling = (op: 'MaxPool' | 'AveragePool'): Operator =>
  on((builder, value, _, node) => pool(builder, op, value, middle(node, 'ksize'), windowOf(node)));

const batchNorm: Operator = on((builder, value, inputs, node) => {
  requireNhwc(node);
  if (node.flag('is_training')) throw new Unsuited('it is training');
  return [normalize(builder, value, inputs.slice(1, 5), node.float('epsilon', 1e-3))];
});

const padding: Operator = on((builder, value, inputs, node) => {
  const mode = node.op === 'MirrorPad' ? node.text('mode', '') : 'CONSTANT';
  if (mode === 'SYMMETRIC') throw new Unsuited('it pads by mirroring the edge as well (SYMMETRIC)');
  const fill = inputs[2] === undefined ? 0 : (numbersOf(inputs[2], 'fill')[0] ?? 0);
  return pad(builder, value, paddingPairs(inputs[1]), mode === 'REFLECT' ? 'reflect' : 'constant', fill);
});

const resizing: Operator = on((builder, value, inputs, node) => {
  const [height = 0, width = 0] = numbersOf(inputs[1], 'size');
  return resize(builder, value, [height, width], {
    nearest: node.op === 'ResizeNearestNeighbor',
    alignCorners: node.flag('align_corners'),
    halfPixelCenters: node.flag('half_pixel_centers'),
  });
});

const transposedConvolution: Operator = (builder, node, inputs) => {
  const [, height = 0, width = 0] = numbersOf(inputs[0], 'output shape');
  return convolveTransposed(builder, need(inputs, 2), inputs[1], undefined, [height, width], windowOf(node));
};

const concat: Operator = (builder, _, inputs) => concatenate(builder, inputs.slice(0, -1), numbersOf(inputs.at(-1), 'axis')[0] ?? 0);

const cut: Operator = on((builder, value, inputs) => {
  const [begins, sizes] = [numbersOf(inputs[1], 'begin'), numbersOf(inputs[2], 'size')];
  const slices = value.shape.map((dim, i): [number, number, number] => {
    const [begin = 0, size = -1] = [begins[i], sizes[i]];
    const end = size === -1 ? dim : begin + size;
    if (begin < 0 || end > dim) throw new Unsuited(`it takes ${begin} .. ${end} of ${dim}`);
    return [begin, end, 1];
  });
  return slice(builder, value, slices);
});

const stridedCut: Operator = on((builder, value, inputs, node) => {
  const { slices, shape } = stridedSlices(value.shape, node, inputs);
  return reshape(builder, slice(builder, value, slices), shape);
});

const fill: Operator = (_, node, inputs) => {
  const [shape, value] = node.op === 'Fill' ? [numbersOf(inputs[0], 'shape'), need(inputs, 1)] : [need(inputs, 0).shape, need(inputs, 0)];
  const number = node.op === 'Fill' ? (numbersOf(value, 'value')[0] ?? 0) : node.op === 'OnesLike' ? 1 : 0;
  if (!(count(shape) <= 1 << 20)) throw new Unsuited(`it makes a constant of ${count(shape)} elements`);
  const length = count(shape);
  return constantOf(
    value.type === 'float32'
      ? new Float32Array(length).fill(number)
      : value.type === 'int32'
        ? new Int32Array(length).fill(number)
        : new Uint8Array(length).fill(number),
    shape,
  );
};

const chosen: Operator = on((builder, condition, inputs, node) => {
  const [a, b] = [need(inputs, 1), need(inputs, 2)];
  if (node.op === 'Select' && condition.shape.length > 0 && condition.shape.join() !== a.shape.join())
    throw new Unsuited('it chooses whole rows by a vector');
  return select(builder, condition, a, b);
});

const picked: Operator = on((builder, value, inputs, node) => {
  const [axis = 0] = inputs[2] === undefined ? [0] : numbersOf(inputs[2], 'axis');
  if (node.int('batch_dims', 0) !== 0) throw new Unsuited('it gathers a batch (batch_dims)');
  const places = need(inputs, 1);
  if (value.shape.length === 1 && value.type === 'int32' && value.data !== undefined && places.data !== undefined) {
    const numbers = numbersOf(value, 'table');
    return integers(
      numbersOf(places, 'places').map((place) => numbers[place] ?? Number.NaN),
      places.shape,
    );
  }
  return gather(builder, value, places, axis);
});

const table: Readonly<Record<string, Operator>> = {
  Identity: same,
  StopGradient: same,
  Snapshot: same,
  CheckNumerics: same,
  PreventGradient: same,
  ...Object.fromEntries(
    ['Abs', 'Ceil', 'Cos', 'Elu', 'Erf', 'Exp', 'Floor', 'Log', 'Neg', 'Reciprocal', 'Relu', 'Round'].map((op) => [op, plain(op)]),
  ),
  ...Object.fromEntries(['Selu', 'Sigmoid', 'Sign', 'Sin', 'Softplus', 'Sqrt', 'Tan', 'Tanh'].map((op) => [op, plain(op)])),
  Inv: plain('Reciprocal'),
  LogicalNot: plain('Not'),
  Relu6: on((builder, value) => clip(builder, value, 0, 6)),
  LeakyRelu: on((builder, value, _, node) => activate(builder, value, 'leakyrelu', { alpha: node.float('alpha', 0.2) })),
  Prelu: on((builder, value, inputs) => prelu(builder, value, inputs[1])),
  ClipByValue: on((builder, value, inputs) =>
    clip(builder, value, numbersOf(inputs[1], 'minimum')[0] ?? null, numbersOf(inputs[2], 'maximum')[0] ?? null),
  ),
  Rsqrt: on((builder, value) => unary(builder, 'Reciprocal', unary(builder, 'Sqrt', value))),
  Square: on((builder, value) => binary(builder, 'Mul', value, value)),
  Add: pair('Add'),
  AddV2: pair('Add'),
  BiasAdd: on((builder, value, inputs, node) => {
    requireNhwc(node);
    return binary(builder, 'Add', value, need(inputs, 1));
  }),
  AddN: on((builder, value, inputs) => inputs.slice(1).reduce((sum, next) => binary(builder, 'Add', sum, next), value)),
  Sub: pair('Sub'),
  Mul: pair('Mul'),
  Div: quotient,
  RealDiv: quotient,
  FloorDiv: on((builder, value, inputs) => floorDivide(builder, value, need(inputs, 1))),
  FloorMod: on((builder, value, inputs) => floorModulo(builder, value, need(inputs, 1))),
  Pow: pair('Pow'),
  Maximum: pair('Max'),
  Minimum: pair('Min'),
  SquaredDifference: on((builder, value, inputs) => {
    const difference = binary(builder, 'Sub', value, need(inputs, 1));
    return binary(builder, 'Mul', difference, difference);
  }),
  Equal: compare('Equal'),
  NotEqual: on((builder, value, inputs) => unary(builder, 'Not', binary(builder, 'Equal', value, need(inputs, 1), 'bool'))),
  Greater: compare('Greater'),
  GreaterEqual: compare('GreaterOrEqual'),
  Less: compare('Less'),
  LessEqual: compare('LessOrEqual'),
  LogicalAnd: compare('And'),
  LogicalOr: compare('Or'),
  Select: chosen,
  SelectV2: chosen,
  Softmax: on((builder, value) => softmax(builder, value, 'Softmax')),
  LogSoftmax: on((builder, value) => softmax(builder, value, 'LogSoftmax')),
  Cast: on((builder, value, _, node) => castTo(builder, value, elementType(node.dataType('DstT')))),
  Conv2D: convolution(convolve),
  _FusedConv2D: convolution(convolve),
  DepthwiseConv2dNative: convolution(convolveDepthwise),
  FusedDepthwiseConv2dNative: convolution(convolveDepthwise),
  Conv2DBackpropInput: transposedConvolution,
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  MaxPool: pooling('MaxPool'),
  AvgPool: pooling('AveragePool'),
  MatMul: matrixProduct,
  _FusedMatMul: matrixProduct,
  BatchMatMul: matrixProducts,
  BatchMatMulV2: matrixProducts,
  Pad: padding,
  PadV2: padding,
  MirrorPad: padding,
  ResizeBilinear: resizing,
  ResizeNearestNeighbor: resizing,
  DepthToSpace: on((builder, value, _, node) => {
    requireNhwc(node);
    return depthToSpace(builder, value, node.int('block_size', 0));
  }),
  Mean: reduction('ReduceMean'),
  Sum: reduction('ReduceSum'),
  Max: reduction('ReduceMax'),
  Min: reduction('ReduceMin'),
  Prod: reduction('ReduceProd'),
  ArgMax: on((builder, value, inputs) => argument(builder, 'ArgMax', value, numbersOf(inputs[1], 'axis')[0] ?? 0)),
  ArgMin: on((builder, value, inputs) => argument(builder, 'ArgMin', value, numbersOf(inputs[1], 'axis')[0] ?? 0)),
  TopKV2: on((builder, value, inputs) => topK(builder, value, numbersOf(inputs[1], 'k')[0] ?? 0)),
  Reshape: on((builder, value, inputs) => reshape(builder, value, numbersOf(inputs[1], 'shape'))),
  Squeeze: on((builder, value, _, node) => squeeze(builder, value, node.ints('squeeze_dims') ?? node.ints('axis') ?? [])),
  ExpandDims: on((builder, value, inputs) => expand(builder, value, numbersOf(inputs[1], 'axis')[0] ?? 0)),
  Shape: on((_, value) => integers(value.shape)),
  Rank: on((_, value) => integers([value.shape.length], [])),
  Size: on((_, value) => integers([count(value.shape)], [])),
  Fill: fill,
  ZerosLike: fill,
  OnesLike: fill,
  ConcatV2: concat,
  Pack: on((builder, _, inputs, node) => stack(builder, inputs, node.int('axis', 0))),
  Unpack: on((builder, value, _, node) => unstack(builder, value, node.int('axis', 0))),
  Split: (builder, node, inputs) => {
    const [value, [axis = 0], parts] = [need(inputs, 1), numbersOf(inputs[0], 'axis'), node.int('num_split', 1)];
    const size = (value.shape.at(axis) ?? 0) / parts;
    if (!(parts >= 1 && parts <= 1024)) throw new Unsuited(`it cuts into ${parts} parts`);
    return split(builder, value, axis, Array<number>(parts).fill(size));
  },
  SplitV: on((builder, value, inputs) => split(builder, value, numbersOf(inputs[2], 'axis')[0] ?? 0, numbersOf(inputs[1], 'sizes'))),
  StridedSlice: stridedCut,
  Slice: cut,
  Tile: on((builder, value, inputs) => tile(builder, value, numbersOf(inputs[1], 'multiples'))),
  Transpose: on((builder, value, inputs) => transpose(builder, value, numbersOf(inputs[1], 'order'))),
  GatherV2: picked,
  GatherNd: on((builder, value, inputs) => gatherMany(builder, value, need(inputs, 1))),
};

/** Throws Unsuited for an operator that is not known. */
export function operatorOf(op: string): Operator {
  const operator = Object.hasOwn(table, op) ? table[op] : undefined;
  if (operator === undefined) throw new Unsuited('this operator is not known');
  return operator;
}
