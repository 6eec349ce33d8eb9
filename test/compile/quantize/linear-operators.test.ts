/** Convolutions and matrix products on bytes, beside their float. Weights lie on the grid of 7 bits, so the output's own step is all that is lost. */
import { test } from 'tap';
import { nodeOf, type PlainValue } from '../../../src/compile/onnx/values.js';
import { floats } from '../../support/graph-lab.js';
import { gridStep, gridWeights, type Int8Sketch, runInt8 } from '../../support/int8-lab.js';

/** Rounding to the output's bytes, and a little for the arithmetic in between. */
const half = 0.51;
const onBytes = 'QuantizeLinear DequantizeLinear Conv QuantizeLinear DequantizeLinear';

const bias = (...units: number[]) =>
  floats(
    units.map((unit) => (unit * gridStep) / 64),
    [units.length],
  );

function convolution(dims: readonly number[], attributes: Readonly<Record<string, PlainValue>> = {}): Int8Sketch {
  return {
    nodes: [nodeOf('Conv', ['x', 'w', 'b'], ['y'], attributes)],
    inputs: { x: [2, 4, 7, 9] },
    constants: { w: gridWeights(dims), b: bias(...Array.from({ length: dims[0] ?? 0 }, (_, i) => 1000 * i - 2000)) },
  };
}

for (const [what, sketch] of Object.entries({
  'one by one': convolution([6, 4, 1, 1]),
  'three by three, padded and with strides': convolution([6, 4, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 2] }),
  'dilated, padded on one side': convolution([5, 4, 3, 3], { pads: [0, 0, 2, 2], dilations: [2, 2] }),
  'one channel each': convolution([4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }),
  'in groups': convolution([6, 2, 3, 1], { group: 2 }),
})) {
  test(`a convolution on bytes, ${what}, is the float one but for the step of its output`, async (t) => {
    const { count, ops, steps } = await runInt8(t, sketch);
    t.equal(count, 1);
    t.equal(ops, onBytes);
    t.ok(steps <= half, `off by ${steps} steps`);
  });
}

test('a convolution without a bias, with one scale for all weights, or with 8 bits is one too', async (t) => {
  const { inputs, constants } = convolution([6, 4, 3, 3]);
  const nodes = [nodeOf('Conv', ['x', 'w'], ['y'])];
  for (const options of [{}, { perChannel: false }, { bits: 8 as const }]) {
    const { ops, steps } = await runInt8(t, { nodes, inputs, constants: { w: constants?.w ?? 0 }, ...options });
    t.equal(ops, onBytes);
    t.ok(steps <= ('bits' in options ? 1 : half), `${JSON.stringify(options)}: off by ${steps} steps`);
  }
});

test('a convolution with a bias takes one scale for all, too', async (t) => {
  const { steps } = await runInt8(t, { ...convolution([6, 4, 3, 3]), perChannel: false });
  t.ok(steps <= half, `off by ${steps} steps`);
});

test('a bias beside weights that are next to nothing keeps its value', async (t) => {
  const constants = { w: floats([1e-9, -1e-9], [2, 1, 1, 1]), b: floats([5, -7]) };
  const { count, steps } = await runInt8(t, { nodes: [nodeOf('Conv', ['x', 'w', 'b'], ['y'])], inputs: { x: [1, 1, 3, 3] }, constants });
  t.equal(count, 1);
  t.ok(steps <= half, `off by ${steps} steps`);
});

test('what lies outside the range of the output is cut at its end', async (t) => {
  const sketch = convolution([6, 4, 1, 1]);
  const whole = await runInt8(t, sketch);
  const cut = await runInt8(t, { ...sketch, ranges: { y: [-1, 1] } });
  t.ok(whole.steps <= half && cut.steps > 100, `cut by ${cut.steps} steps`);
});

test('a convolution stays float when a range is unknown, it is told to, or its weights or bias are computed', async (t) => {
  const sketch = convolution([6, 4, 1, 1]);
  const { constants = {} } = sketch;
  const computed = (name: string, dims: readonly number[]): Int8Sketch => ({
    nodes: [nodeOf('Tanh', ['v'], [name]), ...sketch.nodes],
    inputs: { ...sketch.inputs, v: dims },
    constants: Object.fromEntries(Object.entries(constants).filter(([key]) => key !== name)),
  });
  for (const [why, float] of Object.entries({
    'no range of the input': { ...sketch, ranges: { x: null } },
    'no range of the output': { ...sketch, ranges: { y: null } },
    'told to': { ...sketch, floatNodes: ['y'] },
    'weights are computed': computed('w', [6, 4, 1, 1]),
    'bias is computed': computed('b', [6]),
  } satisfies Record<string, Int8Sketch>)) {
    const { count, ops, steps } = await runInt8(t, float);
    t.equal(count, 0, why);
    t.match(ops, /^(Tanh )?Conv$/, why);
    t.ok(steps < 1e-3, `${why}: the same answer`);
  }
});

for (const [what, node, dims, axis] of [
  ['MatMul', nodeOf('MatMul', ['x', 'w'], ['y']), [8, 10], 1],
  ['Gemm', nodeOf('Gemm', ['x', 'w'], ['y']), [8, 10], 1],
  ['Gemm with a bias', nodeOf('Gemm', ['x', 'w', 'b'], ['y']), [8, 10], 1],
  ['Gemm with its weights transposed', nodeOf('Gemm', ['x', 'w', 'b'], ['y'], { transB: 1 }), [10, 8], 0],
] as const) {
  test(`a ${what} takes bytes and gives float, and loses nothing of weights on the grid`, async (t) => {
    const constants = { w: gridWeights(dims, axis), b: bias(...Array.from({ length: 10 }, (_, i) => 900 * i - 4000)) };
    const { count, ops, steps } = await runInt8(t, { nodes: [node], inputs: { x: [3, 8] }, constants });
    t.equal(count, 1);
    t.equal(ops, `QuantizeLinear DequantizeLinear ${node.op}`);
    t.ok(steps <= 0.01, `off by ${steps} steps`);
  });
}

test('a product of more than two dimensions has its weights by column', async (t) => {
  const sketch = { nodes: [nodeOf('MatMul', ['x', 'w'], ['y'])], inputs: { x: [2, 3, 8] }, constants: { w: gridWeights([8, 5], 1) } };
  const { count, steps } = await runInt8(t, sketch);
  t.equal(count, 1);
  t.ok(steps <= 0.01, `off by ${steps} steps`);
});

test('a product with a factor, with its data transposed, or of two computed tensors stays float', async (t) => {
  for (const [why, sketch] of Object.entries({
    alpha: {
      nodes: [nodeOf('Gemm', ['x', 'w'], ['y'], { alpha: { float: 0.5 } })],
      inputs: { x: [8, 8] },
      constants: { w: gridWeights([8, 8]) },
    },
    beta: {
      nodes: [nodeOf('Gemm', ['x', 'w', 'w'], ['y'], { beta: { float: 2 } })],
      inputs: { x: [8, 8] },
      constants: { w: gridWeights([8, 8]) },
    },
    transA: { nodes: [nodeOf('Gemm', ['x', 'w'], ['y'], { transA: 1 })], inputs: { x: [8, 8] }, constants: { w: gridWeights([8, 8]) } },
    computed: { nodes: [nodeOf('MatMul', ['x', 'v'], ['y'])], inputs: { x: [8, 8], v: [8, 8] } },
  } satisfies Record<string, Int8Sketch>)) {
    const { count, steps } = await runInt8(t, sketch);
    t.equal(count, 0, why);
    t.equal(steps, 0, why);
  }
});
