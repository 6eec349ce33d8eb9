import ort from 'onnxruntime-node';
import { test } from 'tap';
import { Graph } from '../../../src/compile/graph.js';
import { readModel } from '../../../src/compile/onnx/read.js';
import { nodeOf } from '../../../src/compile/onnx/values.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import { equalize } from '../../../src/compile/quantize/equalize.js';
import { floats, modelOf, noise, runModel, type Sketch, size, weights } from '../../support/graph-lab.js';

/** Noise whose output channels (the first dimension) differ a thousandfold. */
function uneven(dims: readonly number[], seed: number) {
  const each = size(dims.slice(1));
  const channels = dims[0] ?? 1;
  return floats(
    Array.from(noise(size(dims), seed), (value, i) => value * 10 ** (-3 + (6 * Math.floor(i / each)) / channels)),
    dims,
  );
}

const constants = { a: uneven([4, 3, 3, 3], 1), ab: weights([4], 2), d: weights([4, 1, 3, 3], 3), p: weights([5, 4, 1, 1], 4) };

function sketch(middle: Sketch['nodes'], from: string, second: 'd' | 'p' = 'd'): Sketch {
  const first = nodeOf('Conv', ['x', 'a', 'ab'], ['t']);
  return {
    nodes: [first, ...middle, nodeOf('Conv', [from, second], ['y'], second === 'd' ? { group: 4 } : {})],
    constants,
    inputs: { x: [1, 3, 8, 8] },
  };
}

async function outputs(model: Uint8Array): Promise<Float32Array> {
  const { y } = await runModel(model, { x: new ort.Tensor('float32', noise(192, 5), [1, 3, 8, 8]) });
  return y?.data as Float32Array;
}

/** The largest weight of the first convolution over the smallest, each channel's own largest. */
function spread(model: Uint8Array): number {
  const graph = new Graph(readModel(model));
  const first = graph.nodes.find(({ op }) => op === 'Conv');
  const values = graph.floats(first?.inputs[1]) ?? new Float32Array(0);
  const peaks = [0, 1, 2, 3].map((c) => Math.max(...values.subarray(c * 27, (c + 1) * 27).map(Math.abs)));
  return Math.max(...peaks) / Math.min(...peaks);
}

const pairs: readonly [string, Sketch][] = [
  ['a depthwise convolution behind one', sketch([], 't')],
  ['a pointwise convolution behind a Relu', sketch([nodeOf('Relu', ['t'], ['r'])], 'r', 'p')],
];
for (const [what, pair] of pairs) {
  test(`${what}: channels come together, and not a bit of the outputs changes`, async (t) => {
    const before = writeModel(modelOf(pair));
    const model = readModel(before);
    t.equal(equalize(new Graph(model)), 1);
    const after = writeModel(model);
    t.ok(spread(before) > 50, `before: ${spread(before)}`);
    t.ok(spread(after) < spread(before) / 4, `after: ${spread(after)}`);
    t.strictSame(await outputs(after), await outputs(before));
    t.equal(equalize(new Graph(readModel(after))), 0, 'a second time there is nothing to do');
  });
}

const others: readonly [string, Sketch][] = [
  ['a gate lies between', sketch([nodeOf('HardSigmoid', ['t'], ['g']), nodeOf('Mul', ['t', 'g'], ['s'])], 's')],
  ['the tensor between is read twice', { ...sketch([nodeOf('Relu', ['t'], ['z'])], 't'), outputs: ['y', 'z'] }],
  ['the tensor between is an output', { ...sketch([], 't'), outputs: ['y', 't'] }],
  [
    'the weights are not constant',
    { ...sketch([], 't'), constants: { ab: constants.ab, d: constants.d }, inputs: { x: [1, 3, 8, 8], a: [4, 3, 3, 3] } },
  ],
];
for (const [what, other] of others) {
  test(`nothing changes where ${what}`, async (t) => {
    const model = modelOf(other);
    const before = writeModel(model);
    t.equal(equalize(new Graph(model)), 0);
    t.strictSame(writeModel(model), before);
  });
}

test('channels that are dead, or would leave the normal numbers, stay as they are', async (t) => {
  for (const value of [0, 1e-37]) {
    const dead = modelOf({ ...sketch([], 't'), constants: { ...constants, a: floats(Array(108).fill(value), [4, 3, 3, 3]) } });
    t.equal(equalize(new Graph(dead)), 0, `${value}`);
  }
});
