import { test } from 'tap';
import { operatorNames } from '../../../src/compile/import/tfjs/operators.js';
import { difference, size } from '../../support/graph-lab.js';
import {
  type Constant,
  type Feed,
  feed,
  flag,
  float,
  graphFiles,
  importedOutputs,
  int,
  ints,
  type Node,
  node,
  numbers,
  one,
  placeholder,
  positive,
  scalar,
  text,
  texts,
  tfOutputs,
  type,
  weights,
} from '../../support/tfjs-lab.js';

const tolerance = 1e-4;
const tested = new Set<string>(['Placeholder', 'Const']);

interface Sketch {
  readonly nodes: readonly Node[];
  readonly constants?: Readonly<Record<string, Constant>>;
  readonly inputs?: Readonly<Record<string, Feed>>;
  readonly outputs?: readonly string[];
}

const images = { x: feed([1, 7, 6, 3]) };

/** Fails unless the imported graph gives what TensorFlow.js gives, outputs called y and x a float32 input unless stated. */
function same(what: string, { nodes, constants = {}, inputs = images, outputs = ['y'] }: Sketch): void {
  for (const { op } of nodes) tested.add(op);
  test(`${what} is what TensorFlow.js computes`, async (t) => {
    const holders = Object.entries(inputs).map(([name, { dims, dtype }]) =>
      placeholder(name, dims, dtype === 'int32' ? 'DT_INT32' : 'DT_FLOAT'),
    );
    const files = graphFiles([...holders, ...nodes], constants);
    const expected = await tfOutputs(files, inputs, outputs);
    t.ok(
      Object.values(expected).some(({ data }) => new Set(Array.from(data as Float32Array, Number)).size > 1) ||
        size(expected.y?.dims ?? []) === 1,
      'it is not all the same number',
    );
    const found = await importedOutputs(files, inputs, outputs);
    const off = difference(expected, found);
    t.ok(off <= tolerance, `off by ${off}`);
    for (const name of outputs) t.equal(found[name]?.type, expected[name]?.type, 'of the same type');
  });
}

for (const op of ['Abs', 'Ceil', 'Cos', 'Elu', 'Erf', 'Exp', 'Floor', 'Neg', 'Relu', 'Relu6', 'Round', 'Selu', 'Sigmoid', 'Sign', 'Sin']) {
  same(op, { nodes: [node('y', op, ['x'])] });
}
for (const op of [
  'Softplus',
  'Tan',
  'Tanh',
  'Square',
  'Identity',
  'StopGradient',
  'Softmax',
  'LogSoftmax',
  'ZerosLike',
  'OnesLike',
  'Snapshot',
]) {
  same(op, { nodes: [node('m', op, ['x']), node('y', 'AddV2', ['m', 'x'])] });
}
for (const op of ['Log', 'Sqrt', 'Rsqrt', 'Reciprocal']) {
  same(op, { nodes: [node('a', 'Abs', ['x']), node('b', 'AddV2', ['a', 'one']), node('y', op, ['b'])], constants: { one: one(1) } });
}
same('LeakyRelu', { nodes: [node('y', 'LeakyRelu', ['x'], { alpha: float(0.3) })] });
same('ClipByValue', { nodes: [node('y', 'ClipByValue', ['x', 'low', 'high'])], constants: { low: one(-1), high: one(0.5) } });
same('Prelu with a slope a channel', { nodes: [node('y', 'Prelu', ['x', 's'])], constants: { s: weights([3]) } });
same('Prelu with a slope a pixel', { nodes: [node('y', 'Prelu', ['x', 's'])], constants: { s: weights([7, 6, 3]) } });

for (const op of ['Add', 'AddV2', 'Sub', 'Mul', 'Maximum', 'Minimum', 'SquaredDifference']) {
  same(`${op} of two`, { nodes: [node('y', op, ['x', 'z'])], inputs: { ...images, z: feed([1, 7, 6, 3], 5) } });
  same(`${op} with a vector`, { nodes: [node('y', op, ['x', 'c'])], constants: { c: weights([3]) } });
  same(`${op} of images channels first and a number a column`, {
    nodes: [conv('m', 'x', { padding: text('SAME') }), node('y', op, ['c', 'm'])],
    constants: { w: weights([3, 3, 3, 4]), c: weights([6, 1]) },
  });
}
for (const op of ['Div', 'RealDiv', 'FloorMod']) {
  same(`${op} of floats`, { nodes: [node('y', op, ['x', 'c'])], constants: { c: positive([3]) } });
}
// TensorFlow.js, unlike TensorFlow, makes int32 of it.
same('FloorDiv of floats', {
  nodes: [node('m', 'FloorDiv', ['x', 'c']), node('y', 'Cast', ['m'], { DstT: type('DT_FLOAT') })],
  constants: { c: positive([3]) },
});
const whole = { i: { dims: [6], dtype: 'int32', values: Int32Array.of(-7, -6, -1, 0, 5, 9) } as const };
for (const op of ['RealDiv', 'FloorDiv', 'FloorMod', 'Mul', 'Maximum']) {
  same(`${op} of whole numbers of either sign`, {
    nodes: [node('y', op, ['i', 'c'])],
    inputs: whole,
    constants: { c: numbers(3, 3, 3, 2, 2, 4) },
  });
}
same('Pow', { nodes: [node('a', 'Abs', ['x']), node('y', 'Pow', ['a', 'e'])], constants: { e: one(1.5) } });
same('AddN', {
  nodes: [node('y', 'AddN', ['x', 'z', 'c'])],
  inputs: { ...images, z: feed([1, 7, 6, 3], 5) },
  constants: { c: weights([1, 7, 6, 3]) },
});
same('BiasAdd', { nodes: [node('y', 'BiasAdd', ['x', 'b'])], constants: { b: weights([3]) } });

for (const op of ['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual']) {
  same(op, { nodes: [node('r', 'Round', ['x']), node('y', op, ['r', 'c'])], constants: { c: one(1) } });
}
const bits = [node('a', 'Greater', ['x', 'zero']), node('b', 'Less', ['x', 'two'])];
const bounds = { zero: one(0), two: one(2) };
same('LogicalAnd', { nodes: [...bits, node('y', 'LogicalAnd', ['a', 'b'])], constants: bounds });
same('LogicalOr', { nodes: [...bits, node('m', 'LogicalNot', ['b']), node('y', 'LogicalOr', ['m', 'a'])], constants: bounds });
same('Select', { nodes: [...bits, node('n', 'Neg', ['x']), node('y', 'Select', ['a', 'x', 'n'])], constants: bounds });
same('SelectV2', { nodes: [...bits, node('y', 'SelectV2', ['b', 'x', 'two'])], constants: bounds });
same('Cast to whole numbers, towards zero', { nodes: [node('y', 'Cast', ['x'], { DstT: type('DT_INT32') })] });
same('Cast of whole numbers and of truths', {
  nodes: [
    node('f', 'Cast', ['i'], { DstT: type('DT_FLOAT') }),
    node('p', 'Greater', ['f', 'zero']),
    node('g', 'Cast', ['p'], { DstT: type('DT_FLOAT') }),
    node('y', 'AddV2', ['f', 'g']),
  ],
  inputs: whole,
  constants: { zero: one(0) },
});
same('an input of whole numbers given out again', { nodes: [node('y', 'Identity', ['i'])], inputs: whole });

function conv(name: string, input: string, attr: Readonly<Record<string, unknown>>, op = 'Conv2D', more: readonly string[] = []): Node {
  return node(name, op, [input, 'w', ...more], {
    strides: ints(1, 1, 1, 1),
    dilations: ints(1, 1, 1, 1),
    data_format: text('NHWC'),
    ...attr,
  });
}

for (const [height, width] of [
  [7, 6],
  [8, 9],
] as const) {
  const inputs = { x: feed([1, height, width, 4]) };
  for (const stride of [1, 2, 3]) {
    for (const padding of ['SAME', 'VALID']) {
      const attr = { strides: ints(1, stride, stride, 1), padding: text(padding) };
      const where = `${padding} by ${stride} over ${height} x ${width}`;
      same(`Conv2D ${where}`, { nodes: [conv('y', 'x', attr)], inputs, constants: { w: weights([3, 2, 4, 5]) } });
      same(`DepthwiseConv2dNative ${where}`, {
        nodes: [conv('y', 'x', attr, 'DepthwiseConv2dNative')],
        inputs,
        constants: { w: weights([3, 3, 4, 2]) },
      });
      for (const op of ['MaxPool', 'AvgPool'])
        same(`${op} ${where}`, { nodes: [node('y', op, ['x'], { ...attr, ksize: ints(1, 3, 2, 1) })], inputs });
    }
  }
}
same('Conv2D, dilated', {
  nodes: [conv('y', 'x', { dilations: ints(1, 2, 2, 1), padding: text('SAME') })],
  constants: { w: weights([3, 3, 3, 4]) },
});
same('Conv2D, padded explicitly', {
  nodes: [conv('y', 'x', { padding: text('EXPLICIT'), explicit_paddings: ints(0, 0, 2, 1, 0, 3, 0, 0) })],
  constants: { w: weights([3, 3, 3, 4]) },
});
for (const [activation, extra] of [
  ['Relu', {}],
  ['Relu6', {}],
  ['Elu', {}],
  ['Sigmoid', {}],
  ['LeakyRelu', { leakyrelu_alpha: float(0.1) }],
] as const) {
  same(`_FusedConv2D with ${activation}`, {
    nodes: [
      conv('y', 'x', { padding: text('SAME'), fused_ops: texts('BiasAdd', activation), num_args: int(1), ...extra }, '_FusedConv2D', ['b']),
    ],
    constants: { w: weights([3, 3, 3, 4]), b: weights([4], 9) },
  });
}
same('_FusedConv2D with Prelu', {
  nodes: [conv('y', 'x', { padding: text('SAME'), fused_ops: texts('BiasAdd', 'Prelu'), num_args: int(2) }, '_FusedConv2D', ['b', 's'])],
  constants: { w: weights([3, 3, 3, 4]), b: weights([4], 9), s: weights([1, 1, 4], 2) },
});
same('FusedDepthwiseConv2dNative', {
  nodes: [
    conv('y', 'x', { padding: text('SAME'), fused_ops: texts('BiasAdd', 'Relu6'), num_args: int(1) }, 'FusedDepthwiseConv2dNative', ['b']),
  ],
  constants: { w: weights([3, 3, 3, 2]), b: weights([6], 9) },
});
for (const [padding, height, width] of [
  ['SAME', 14, 11],
  ['SAME', 13, 12],
  ['VALID', 15, 13],
] as const) {
  same(`Conv2DBackpropInput ${padding} to ${height} x ${width}`, {
    nodes: [
      node('y', 'Conv2DBackpropInput', ['shape', 'w', 'x'], {
        strides: ints(1, 2, 2, 1),
        padding: text(padding),
        data_format: text('NHWC'),
      }),
    ],
    constants: { shape: numbers(1, height, width, 2), w: weights([3, 3, 2, 3]) },
  });
}
for (const op of ['FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3']) {
  same(op, {
    nodes: [node('y', op, ['x', 'g', 'b', 'm', 'v'], { epsilon: float(0.01), is_training: flag(false), data_format: text('NHWC') })],
    constants: { g: weights([3]), b: weights([3], 8), m: weights([3], 9), v: positive([3]) },
  });
}
const matrices = { x: feed([4, 5]) };
same('MatMul', { nodes: [node('y', 'MatMul', ['x', 'w'])], inputs: matrices, constants: { w: weights([5, 6]) } });
same('MatMul, both turned', {
  nodes: [node('y', 'MatMul', ['x', 'w'], { transpose_a: flag(true), transpose_b: flag(true) })],
  inputs: matrices,
  constants: { w: weights([6, 4]) },
});
same('_FusedMatMul', {
  nodes: [node('y', '_FusedMatMul', ['x', 'w', 'b'], { fused_ops: texts('BiasAdd', 'Relu'), num_args: int(1) })],
  inputs: matrices,
  constants: { w: weights([5, 6]), b: weights([6], 9) },
});
const stacks = { x: feed([2, 3, 4]), z: feed([2, 5, 4], 5) };
for (const op of ['BatchMatMul', 'BatchMatMulV2'])
  same(op, { nodes: [node('y', op, ['x', 'z'], { adj_x: flag(false), adj_y: flag(true) })], inputs: stacks });

same('Pad', {
  nodes: [node('y', 'Pad', ['x', 'p'])],
  constants: { p: { dims: [4, 2], dtype: 'int32', values: [0, 0, 1, 2, 0, 3, 1, 0] } },
});
same('PadV2', {
  nodes: [node('y', 'PadV2', ['x', 'p', 'v'])],
  constants: { p: { dims: [4, 2], dtype: 'int32', values: [0, 0, 1, 2, 0, 3, 0, 0] }, v: one(-2) },
});
same('MirrorPad', {
  nodes: [node('y', 'MirrorPad', ['x', 'p'], { mode: text('REFLECT') })],
  constants: { p: { dims: [4, 2], dtype: 'int32', values: [0, 0, 1, 2, 2, 0, 0, 0] } },
});
for (const op of ['ResizeBilinear', 'ResizeNearestNeighbor']) {
  for (const attr of [{}, { align_corners: flag(true) }, { half_pixel_centers: flag(true) }]) {
    for (const [height, width] of [
      [14, 12],
      [5, 13],
      [3, 2],
    ] as const) {
      same(`${op} ${Object.keys(attr)} to ${height} x ${width}`, {
        nodes: [node('y', op, ['x', 's'], attr)],
        constants: { s: numbers(height, width) },
      });
    }
  }
}
same('DepthToSpace', {
  nodes: [node('y', 'DepthToSpace', ['x'], { block_size: int(2), data_format: text('NHWC') })],
  inputs: { x: feed([1, 3, 2, 12]) },
});

for (const op of ['Mean', 'Sum', 'Max', 'Min', 'Prod']) {
  for (const [axes, keep] of [
    [[1, 2], true],
    [[1, 2], false],
    [[-1], true],
    [[3, 1], false],
    [[0, 1, 2, 3], false],
  ] as const) {
    same(`${op} over ${axes}${keep ? ', kept' : ''}`, {
      nodes: [node('y', op, ['x', 'a'], { keep_dims: flag(keep) })],
      constants: { a: numbers(...axes) },
    });
  }
  same(`${op} of images channels first`, {
    nodes: [conv('m', 'x', { padding: text('SAME') }), node('y', op, ['m', 'a'], { keep_dims: flag(true) })],
    constants: { w: weights([3, 3, 3, 4]), a: numbers(2, 3) },
  });
}
for (const op of ['ArgMax', 'ArgMin']) same(op, { nodes: [node('y', op, ['x', 'a'])], constants: { a: scalar(2) } });
same('TopKV2', {
  nodes: [node('y', 'TopKV2', ['x', 'k'], { sorted: flag(true) })],
  inputs: { x: feed([3, 20]) },
  constants: { k: scalar(4) },
  outputs: ['y:0', 'y:1'],
});

same('Reshape', { nodes: [node('y', 'Reshape', ['x', 's'])], constants: { s: numbers(2, -1, 3) } });
same('Reshape of images channels first', {
  nodes: [conv('m', 'x', { padding: text('SAME') }), node('y', 'Reshape', ['m', 's'])],
  constants: { w: weights([3, 3, 3, 4]), s: numbers(1, -1) },
});
same('Squeeze', { nodes: [node('y', 'Squeeze', ['x'], { squeeze_dims: ints(0) })] });
same('Squeeze of all', { nodes: [node('y', 'Squeeze', ['x'])], inputs: { x: feed([1, 4, 1, 5]) } });
same('ExpandDims', { nodes: [node('y', 'ExpandDims', ['x', 'a'])], inputs: stacks, constants: { a: scalar(-2) } });
same('shapes computed from shapes', {
  nodes: [
    node('shape', 'Shape', ['x']),
    node('h', 'StridedSlice', ['shape', 'one', 'two', 'one'], { shrink_axis_mask: int(1) }),
    node('double', 'Mul', ['h', 'six']),
    node('rank', 'Rank', ['x']),
    node('all', 'Size', ['x']),
    node('rest', 'Sub', ['rank', 'three']),
    node('packed', 'Pack', ['rest', 'double', 'three'], { axis: int(0) }),
    node('picked', 'GatherV2', ['packed', 'order', 'zero']),
    node('joined', 'ConcatV2', ['picked', 'tail', 'zero']),
    node('y', 'Reshape', ['x', 'joined']),
  ],
  constants: {
    one: numbers(1),
    two: numbers(2),
    six: scalar(6),
    three: scalar(3),
    order: numbers(1, 2, 0),
    zero: scalar(0),
    tail: numbers(1),
  },
});
same('Fill', { nodes: [node('f', 'Fill', ['s', 'v']), node('y', 'AddV2', ['f', 'x'])], constants: { s: numbers(7, 1, 1), v: one(2.5) } });
for (const axis of [1, 3, -2]) {
  same(`ConcatV2 along ${axis} of images in both layouts`, {
    nodes: [conv('m', 'x', { padding: text('SAME') }), node('y', 'ConcatV2', ['m', 'x', 'a'])],
    constants: { w: weights([3, 3, 3, 3]), a: scalar(axis) },
  });
}
same('Pack', { nodes: [node('y', 'Pack', ['x', 'z'], { axis: int(1) })], inputs: { x: feed([2, 3]), z: feed([2, 3], 5) } });
same('Unpack', {
  nodes: [node('u', 'Unpack', ['x'], { axis: int(1), num: int(3) }), node('y', 'Sub', ['u:2', 'u'])],
  inputs: { x: feed([2, 3, 4]) },
});
same('Split', {
  nodes: [conv('m', 'x', { padding: text('SAME') }), node('s', 'Split', ['a', 'm'], { num_split: int(2) }), node('y', 'Sub', ['s:1', 's'])],
  constants: { w: weights([3, 3, 3, 4]), a: scalar(3) },
});
same('SplitV', {
  nodes: [node('s', 'SplitV', ['x', 'n', 'a'], { num_split: int(2) }), node('y', 'Neg', ['s:1'])],
  constants: { n: numbers(2, 5), a: scalar(1) },
});
same('Slice', { nodes: [node('y', 'Slice', ['x', 'b', 'n'])], constants: { b: numbers(0, 2, 1, 0), n: numbers(1, 3, -1, 2) } });
same('StridedSlice by steps', {
  nodes: [node('y', 'StridedSlice', ['x', 'b', 'e', 's'], { begin_mask: int(1), end_mask: int(5) })],
  constants: { b: numbers(0, 3, 1, 0), e: numbers(0, 6, 0, 3), s: numbers(1, 2, 2, 1) },
});
same('StridedSlice of one row', {
  nodes: [node('y', 'StridedSlice', ['x', 'b', 'e', 's'], { begin_mask: int(1), end_mask: int(5), shrink_axis_mask: int(2) })],
  constants: { b: numbers(0, 3, 1), e: numbers(0, 4, 0), s: numbers(1, 1, 1) },
});
test('StridedSlice of one row by steps is what TensorFlow computes; TensorFlow.js 4.22 steps along the wrong dimension there', async (t) => {
  const nodes = [
    placeholder('x', [1, 7, 6, 3]),
    node('y', 'StridedSlice', ['x', 'b', 'e', 's'], { begin_mask: int(1), end_mask: int(5), shrink_axis_mask: int(2) }),
  ];
  const files = graphFiles(nodes, { b: numbers(0, 3, 1), e: numbers(0, 4, 0), s: numbers(1, 1, 2) });
  const x = { dims: [1, 7, 6, 3], values: Float32Array.from({ length: 126 }, (_, i) => i) };
  const { y } = await importedOutputs(files, { x }, ['y']);
  t.same(
    [y?.dims, Array.from((y?.data ?? []) as Float32Array)],
    [
      [1, 3, 3],
      [57, 58, 59, 63, 64, 65, 69, 70, 71],
    ],
  );
});
same('StridedSlice from the end', {
  nodes: [node('y', 'StridedSlice', ['x', 'b', 'e', 's'])],
  constants: { b: numbers(0, -5, -4), e: numbers(1, -1, 90), s: numbers(1, 3, 1) },
});
same('StridedSlice of images channels first', {
  nodes: [conv('m', 'x', { padding: text('SAME') }), node('y', 'StridedSlice', ['m', 'b', 'e', 's'], {})],
  constants: { w: weights([3, 3, 3, 4]), b: numbers(0, 1, 0, 1), e: numbers(1, 7, -1, 4), s: numbers(1, 2, 1, 2) },
});
same('Tile', { nodes: [node('y', 'Tile', ['x', 'n'])], inputs: { x: feed([2, 3]) }, constants: { n: numbers(2, 3) } });
same('Transpose', {
  nodes: [conv('m', 'x', { padding: text('SAME') }), node('y', 'Transpose', ['m', 'o'])],
  constants: { w: weights([3, 3, 3, 4]), o: numbers(0, 3, 2, 1) },
});
same('GatherV2', {
  nodes: [node('y', 'GatherV2', ['x', 'p', 'a'])],
  constants: { p: { dims: [2, 2], dtype: 'int32', values: [5, 0, 2, 2] }, a: scalar(2) },
});
same('GatherNd', {
  nodes: [node('y', 'GatherNd', ['x', 'p'])],
  constants: { p: { dims: [2, 3], dtype: 'int32', values: [0, 6, 1, 0, 2, 5] } },
});

test('no operator is without a comparison, but those that only pass something on', async (t) => {
  t.same(
    operatorNames.filter((name) => !tested.has(name)),
    ['CheckNumerics', 'PreventGradient'],
  );
});
