/**
 * One operator on bytes at a time, beside its float. Each stands behind a convolution that changes nothing, since these operators take
 * bytes where there are some and make none of their own.
 */
import { test } from 'tap';
import type { OnnxNode } from '../../../src/compile/onnx/model.js';
import { nodeOf, type PlainValue, tensorOf } from '../../../src/compile/onnx/values.js';
import { mayBeInt8 } from '../../../src/compile/quantize/operators.js';
import { floats } from '../../support/graph-lab.js';
import { type Int8Sketch, runInt8 } from '../../support/int8-lab.js';

const half = 0.51;
const integers = (...values: number[]) => tensorOf('', BigInt64Array.from(values, BigInt), [values.length]);
const ones = floats([1, 1, 1, 1], [4, 1, 1, 1]);
const bytesOf = (input: string, output: string): OnnxNode => nodeOf('Conv', [input, 'ones'], [output], { group: 4 });

/** `a` and `b` have bytes, of the inputs `x` and `v`. */
function behind(nodes: readonly OnnxNode[], more: Partial<Int8Sketch> = {}): Int8Sketch {
  const two = nodes.some(({ inputs }) => inputs.includes('b'));
  return {
    inputs: { x: [1, 4, 4, 6], ...(two ? { v: [1, 4, 4, 6] } : {}) },
    ...more,
    nodes: [bytesOf('x', 'a'), ...(two ? [bytesOf('v', 'b')] : []), ...nodes],
    constants: { ones, ...more.constants },
  };
}

const start = 'QuantizeLinear DequantizeLinear Conv QuantizeLinear';
const both = `${start} ${start}`;
const end = 'DequantizeLinear';

const moving: readonly [string, readonly PlainOrInts[], Readonly<Record<string, PlainValue>>?][] = [
  ['Identity', []],
  ['Reshape', [integers(4, 24)]],
  ['Flatten', []],
  ['Transpose', [], { perm: [0, 2, 3, 1] }],
  ['Squeeze', [integers(0)]],
  ['Unsqueeze', [integers(1)]],
  ['Slice', [integers(1), integers(3), integers(2)]],
  ['Gather', [integers(3, 0)], { axis: 1 }],
  ['Expand', [integers(3, 4, 4, 6)]],
  ['DepthToSpace', [], { blocksize: 2 }],
  ['SpaceToDepth', [], { blocksize: 2 }],
  ['MaxPool', [], { kernel_shape: [2, 2], pads: [1, 1, 0, 0] }],
  ['Resize', [floats([]), floats([1, 1, 2, 2])], { mode: 'nearest' }],
];

type PlainOrInts = ReturnType<typeof integers>;

for (const [op, others, attributes = {}] of moving) {
  test(`${op} moves bytes as they are`, async (t) => {
    const names = others.map((_, i) => `other${i}`);
    const constants = Object.fromEntries(others.map((tensor, i) => [`other${i}`, tensor]));
    const { count, ops, steps } = await runInt8(t, behind([nodeOf(op, ['a', ...names], ['y'], attributes)], { constants }));
    t.equal(count, 2);
    t.equal(ops, `${start} ${op} ${end}`);
    t.ok(steps <= half, `off by ${steps} steps`);
  });
}

test('a Relu costs nothing: its bytes are those of its input, which are cut at zero', async (t) => {
  const { count, ops, steps } = await runInt8(t, behind([nodeOf('Relu', ['a'], ['y'])]));
  t.equal(count, 2);
  t.equal(ops, `${start} ${end}`);
  t.ok(steps <= half, `off by ${steps} steps`);
});

test('a Relu of bytes that are needed as they are clips them', async (t) => {
  const { ops, steps } = await runInt8(t, behind([nodeOf('Relu', ['a'], ['y'])], { outputs: ['y', 'a'] }));
  t.equal(ops, `${start} Clip ${end} ${end}`);
  // The step of the input, twice as wide as that of y, holds on both.
  t.ok(steps <= half, `off by ${steps} steps`);
});

for (const [what, inputs] of [
  ['on both sides', ['a', 'low', 'high']],
  ['above only', ['a', '', 'high']],
  ['below only', ['a', 'low']],
] as const) {
  test(`a Clip ${what} is one of bytes, or none`, async (t) => {
    const constants = { low: -1, high: 2 };
    const free = await runInt8(t, behind([nodeOf('Clip', inputs, ['y'])], { constants }));
    t.equal(free.ops, `${start} ${end}`);
    t.ok(free.steps <= half, `off by ${free.steps} steps`);
    const bound = await runInt8(t, behind([nodeOf('Clip', inputs, ['y'])], { constants, outputs: ['y', 'a'] }));
    t.equal(bound.ops, `${start} Clip ${end} ${end}`);
    t.ok(bound.steps <= half, `off by ${bound.steps} steps`);
  });
}

test('a Clip whose bounds are computed stays float', async (t) => {
  const sketch = behind([nodeOf('ReduceMin', ['v'], ['low'], { keepdims: 0 }), nodeOf('Clip', ['a', 'low'], ['y'])]);
  const { count, ops, steps } = await runInt8(t, { ...sketch, inputs: { ...sketch.inputs, v: [4] } });
  t.equal(count, 1);
  t.match(ops, /Clip$/);
  t.ok(steps <= half, `off by ${steps} steps`);
});

const sixth = { alpha: { float: 1 / 6 }, beta: { float: 0.5 } };

test('a gate has the bytes of its input under another scale', async (t) => {
  const { count, ops, steps } = await runInt8(t, behind([nodeOf('HardSigmoid', ['a'], ['y'], sixth)]));
  t.equal(count, 2);
  t.equal(ops, `${start} ${end}`);
  // 255 bytes above the one that shuts it, 256 steps from shut to open.
  t.ok(steps <= 1, `off by ${steps} steps`);
});

test('a gate and its product: what is above the gate is clipped for the gate and kept for the product', async (t) => {
  const { count, ops, steps } = await runInt8(t, behind([nodeOf('HardSigmoid', ['a'], ['g'], sixth), nodeOf('Mul', ['a', 'g'], ['y'])]));
  t.equal(count, 3);
  t.equal(ops, `${start} Clip ${end} ${end} Mul QuantizeLinear ${end}`);
  // Half a step of the input where the product is steepest (1.8 times, and its step is 1.6 of the output's), half a step of the output.
  t.ok(steps <= 2, `off by ${steps} steps`);
});

test('a gate whose input is needed as it is stays float', async (t) => {
  const { count, steps } = await runInt8(t, behind([nodeOf('HardSigmoid', ['a'], ['y'], sixth)], { outputs: ['y', 'a'] }));
  t.equal(count, 1);
  t.ok(steps <= half, `off by ${steps} steps`);
});

for (const op of ['Add', 'Mul']) {
  test(`${op} of two tensors takes bytes and gives bytes`, async (t) => {
    const { count, ops, steps } = await runInt8(t, behind([nodeOf(op, ['a', 'b'], ['y'])]));
    t.equal(count, 3);
    t.equal(ops, `${both} ${end} ${end} ${op} QuantizeLinear ${end}`);
    t.ok(steps <= half, `off by ${steps} steps`);
  });

  test(`${op} with a constant tensor has it in bytes`, async (t) => {
    const constants = { row: floats([-1, 0.5, 2, -2], [4, 1, 1]) };
    const { count, ops, steps } = await runInt8(t, behind([nodeOf(op, ['row', 'a'], ['y'])], { constants }));
    t.equal(count, 2);
    t.equal(ops, `${start} ${end} ${op} QuantizeLinear ${end}`, 'the constant is read like weights');
    // The constant has 255 steps of its own: half of one times the largest input, in steps of the output.
    t.ok(steps <= 1, `off by ${steps} steps`);
  });
}

test('a sum with a float tensor stays float, a product with one takes it in', async (t) => {
  const float = (op: string) => behind([nodeOf('Tanh', ['v'], ['c']), nodeOf(op, ['a', 'c'], ['y'])]);
  const run = (op: string) => runInt8(t, { ...float(op), inputs: { x: [1, 4, 4, 6], v: [1, 4, 1, 1] } });
  const sum = await run('Add');
  t.equal(sum.count, 1);
  const product = await run('Mul');
  t.equal(product.count, 2);
  t.ok(sum.steps <= half && product.steps <= 1, `off by ${sum.steps} and ${product.steps} steps`);
});

test('a number is added by moving zero, and multiplied by changing the scale: no operator is left', async (t) => {
  for (const [op, number] of [
    ['Add', 1.5],
    ['Add', -0.75],
    ['Mul', 0.3],
    ['Mul', 20],
  ] as const) {
    const { count, ops, steps } = await runInt8(t, behind([nodeOf(op, ['a', 'number'], ['y'])], { constants: { number } }));
    t.equal(count, 2);
    t.equal(ops, `${start} ${end}`, `${op} ${number}`);
    t.ok(steps <= 1, `${op} ${number}: off by ${steps} steps`);
  }
});

test('a number that moves zero out of the bytes, or turns them around, is an operator', async (t) => {
  for (const [op, number] of [
    ['Add', 100],
    ['Mul', -0.5],
  ] as const) {
    const { ops, steps } = await runInt8(t, behind([nodeOf(op, ['a', 'number'], ['y'])], { constants: { number }, outputs: ['y', 'a'] }));
    t.match(ops, new RegExp(`${op}`), `${op} ${number}`);
    t.ok(steps <= 1, `${op} ${number}: off by ${steps} steps`);
  }
});

test('what whole bytes miss of a number goes into the bias of the convolution behind it', async (t) => {
  const constants = { number: 0.44 / 32, w: floats([1, -1, 0.5, 1, 1, 1, 1, 1], [2, 4, 1, 1]) };
  const sketch = behind([nodeOf('Add', ['a', 'number'], ['s']), nodeOf('Conv', ['s', 'w'], ['y'])], { constants, outputs: ['y', 'a'] });
  const { count, ops, steps } = await runInt8(t, sketch);
  t.equal(count, 3);
  t.notMatch(ops, /Add/);
  t.ok(steps <= 1, `off by ${steps} steps`);
});

test('tensors whose bytes mean the same are put together as they are, others by their values', async (t) => {
  const nodes = [nodeOf('Concat', ['a', 'b'], ['y'], { axis: 1 })];
  const alike = await runInt8(t, behind(nodes));
  t.equal(alike.count, 3);
  t.equal(alike.ops, `${both} Concat ${end}`);
  const unlike = await runInt8(t, behind(nodes, { outputs: ['y', 'a'], ranges: { a: [-4, 8] } }));
  t.equal(unlike.count, 3);
  t.match(unlike.ops, /DequantizeLinear DequantizeLinear Concat QuantizeLinear/);
  for (const { steps } of [alike, unlike]) t.ok(steps <= 1, `off by ${steps} steps`);
});

for (const [op, attributes] of [
  ['GlobalAveragePool', {}],
  ['AveragePool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
] as const) {
  test(`${op} takes bytes and gives bytes`, async (t) => {
    const { count, ops, steps } = await runInt8(t, behind([nodeOf(op, ['a'], ['y'], attributes)]));
    t.equal(count, 2);
    t.equal(ops, `${start} ${end} ${op} QuantizeLinear ${end}`);
    t.ok(steps <= half, `off by ${steps} steps`);
  });
}

test('an operator without bytes before it, of another domain or unknown stays as it is', async (t) => {
  const sketch = (node: OnnxNode): Int8Sketch => ({ nodes: [node], inputs: { x: [1, 4, 4, 6] } });
  for (const op of ['Relu', 'HardSigmoid', 'GlobalAveragePool', 'Transpose', 'Tanh']) {
    const { count, ops, steps } = await runInt8(t, sketch(nodeOf(op, ['x'], ['y'])));
    t.equal(count, 0, op);
    t.equal(ops, op);
    t.equal(steps, 0, op);
  }
});

test('the tensors of known operators are worth observing, of others not', (t) => {
  for (const op of ['Conv', 'MatMul', 'Gemm', 'Relu', 'Concat', 'Reshape']) t.equal(mayBeInt8(nodeOf(op, ['x'], ['y'])), true, op);
  for (const op of ['Softmax', 'LSTM', 'toString']) t.equal(mayBeInt8(nodeOf(op, ['x'], ['y'])), false, op);
  t.equal(mayBeInt8(nodeOf('Conv', ['x'], ['y'], {}, 'com.example')), false);
  t.end();
});
