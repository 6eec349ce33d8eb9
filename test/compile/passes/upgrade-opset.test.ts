/** Each operator whose form changed, in a small model of an old operator set, run before and after. */
import { test } from 'tap';
import { Graph } from '../../../src/compile/graph.js';
import { nodeOf, tensorOf } from '../../../src/compile/onnx/values.js';
import { opsetObstacle, upgradeOpset } from '../../../src/compile/passes/upgrade-opset.js';
import { apply, floats, modelOf, type Sketch, untouched, weights } from '../../support/graph-lab.js';

const inputs = { x: [2, 3, 4, 6] };
const int64 = (values: readonly number[]) => tensorOf('', BigInt64Array.from(values, BigInt), [values.length]);
const pads = [0, 0, 1, 2, 0, 0, 0, 1];
const floatList = (values: readonly number[]) => ({ kind: 'floats' as const, value: values, rest: [] });

function upsample(op: 'Upsample' | 'Resize', mode: string, scales: readonly number[]): Omit<Sketch, 'inputs'> {
  return { nodes: [nodeOf(op, ['x', 's'], ['y'], { mode })], constants: { s: floats(scales) }, opset: op === 'Resize' ? 10 : 9 };
}

const old: Readonly<Record<string, Omit<Sketch, 'inputs'>>> = {
  'Clip with both bounds': { nodes: [nodeOf('Clip', ['x'], ['y'], { min: { float: -1 }, max: { float: 2 } })], opset: 7 },
  'Clip with one': { nodes: [nodeOf('Clip', ['x'], ['y'], { max: { float: 2 } })], opset: 10 },
  'Clip without': { nodes: [nodeOf('Clip', ['x'], ['y'])], opset: 10 },
  Slice: { nodes: [nodeOf('Slice', ['x'], ['y'], { starts: [1, -5], ends: [3, -1], axes: [2, 3] })], opset: 9 },
  'Slice without axes': { nodes: [nodeOf('Slice', ['x'], ['y'], { starts: [0, 1], ends: [1, 9] })], opset: 9 },
  'Pad with a value': { nodes: [nodeOf('Pad', ['x'], ['y'], { pads, value: { float: 0.5 } })], opset: 9 },
  'Pad by reflection': { nodes: [nodeOf('Pad', ['x'], ['y'], { pads, mode: 'reflect' })], opset: 10 },
  'Squeeze and Unsqueeze': {
    nodes: [nodeOf('Unsqueeze', ['x'], ['u'], { axes: [0, 2] }), nodeOf('Squeeze', ['u'], ['y'], { axes: [0] })],
    opset: 11,
  },
  'Squeeze of all': { nodes: [nodeOf('Unsqueeze', ['x'], ['u'], { axes: [0, 2] }), nodeOf('Squeeze', ['u'], ['y'])], opset: 12 },
  ReduceSum: { nodes: [nodeOf('ReduceSum', ['x'], ['y'], { axes: [1, -1], keepdims: 0 })], opset: 12 },
  'ReduceSum of all': { nodes: [nodeOf('ReduceSum', ['x'], ['y'])], opset: 9 },
  Split: { nodes: [nodeOf('Split', ['x'], ['y', 'z'], { axis: 3, split: [2, 4] })], outputs: ['y', 'z'], opset: 11 },
  'Split evenly': { nodes: [nodeOf('Split', ['x'], ['y', 'z'], { axis: 2 })], outputs: ['y', 'z'], opset: 11 },
  'Softmax over the last axis': { nodes: [nodeOf('Softmax', ['x'], ['y'], { axis: 3 })], opset: 9 },
  'Softmax over all but the first': { nodes: [nodeOf('Softmax', ['x'], ['y'])], opset: 9 },
  'LogSoftmax over two axes': { nodes: [nodeOf('LogSoftmax', ['x'], ['y'], { axis: 2 })], opset: 11 },
  Dropout: { nodes: [nodeOf('Dropout', ['x'], ['d'], { ratio: { float: 0.9 } }), nodeOf('Relu', ['d'], ['y'])], opset: 9 },
  BatchNormalization: {
    nodes: [nodeOf('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['y'])],
    constants: { s: weights([3]), b: weights([3]), m: weights([3]), v: floats([1, 2, 3]) },
    opset: 8,
  },
  TopK: { nodes: [nodeOf('TopK', ['x'], ['y', 'i'], { k: 2, axis: 3 })], opset: 9 },
  Scatter: {
    nodes: [nodeOf('Scatter', ['x', 'i', 'u'], ['y'], { axis: 1 })],
    constants: { i: tensorOf('', BigInt64Array.of(2n), [1, 1, 1, 1]), u: floats([9], [1, 1, 1, 1]) },
    opset: 10,
  },
  'Upsample, nearest': upsample('Upsample', 'nearest', [1, 1, 2, 3]),
  'Upsample, linear': upsample('Upsample', 'linear', [1, 1, 2, 2]),
  'Resize, nearest': upsample('Resize', 'nearest', [1, 1, 1.5, 2]),
};

for (const [what, sketch] of Object.entries(old)) {
  test(`${what} of operator set ${sketch.opset} means the same in 13`, async (t) => {
    const { model } = await apply(t, { ...sketch, inputs }, upgradeOpset);
    t.equal(model.opsets.get(''), 13);
    t.ok(model.irVersion >= 7);
    t.equal(opsetObstacle(new Graph(model)), null);
  });
}

test('Upsample with its scales as attribute', async (t) => {
  const node = nodeOf('Upsample', ['x'], ['y'], { mode: 'nearest' });
  node.attributes.set('scales', floatList([1, 1, 2, 2]));
  const { model } = await apply(t, { nodes: [node], inputs, opset: 8 }, upgradeOpset);
  t.match(model.graph.nodes, [{ op: 'Resize' }]);
});

test('the end of a slice that no double holds', async (t) => {
  const node = nodeOf('Slice', ['x'], ['y'], { starts: [1], axes: [3] });
  node.attributes.set('ends', { kind: 'ints', value: [2n ** 63n - 1n], rest: [] });
  await apply(t, { nodes: [node], inputs, opset: 9 }, upgradeOpset);
});

test('what cannot be carried over leaves the whole model at its operator set, and says which node', async (t) => {
  const convertible = nodeOf('Unsqueeze', ['x'], ['c'], { axes: [0] });
  const cases: readonly [string, Omit<Sketch, 'inputs'>, RegExp][] = [
    ['it shrinks', upsample('Resize', 'nearest', [1, 1, 0.5, 0.5]), /node "y" \(Resize\): it shrinks, and operator set 10/],
    [
      'computed scales',
      { nodes: [nodeOf('Exp', ['e'], ['s']), nodeOf('Resize', ['x', 's'], ['y'])], constants: { e: floats([0, 0, 0, 0]) }, opset: 10 },
      /its scales are computed/,
    ],
    ['unknown', { nodes: [nodeOf('Hardmax', ['x'], ['y'])], opset: 11 }, /node "y" \(Hardmax\): the compiler does not know/],
    ['too old', { nodes: [nodeOf('Relu', ['x'], ['y'])], opset: 6 }, /from operator set 6 to 13: those below 7/],
  ];
  for (const [what, sketch, reason] of cases) {
    const all = { ...sketch, nodes: [convertible, ...sketch.nodes], outputs: ['y', 'c'], inputs };
    t.match(opsetObstacle(new Graph(modelOf(all))), reason, what);
    await untouched(t, what, all, upgradeOpset);
  }
});

test('a graph within a graph keeps its operator set', (t) => {
  const branch = modelOf({ nodes: [nodeOf('Relu', ['x'], ['r'])], inputs: {}, outputs: ['r'] }).graph;
  const node = nodeOf('If', ['c'], ['y']);
  for (const name of ['then_branch', 'else_branch']) node.attributes.set(name, { kind: 'graph', value: branch, rest: [] });
  const model = modelOf({ nodes: [node], inputs, opset: 12 });
  t.match(opsetObstacle(new Graph(model)), /node "y" \(If\): it holds a graph/);
  t.equal(upgradeOpset.apply(new Graph(model)), 0);
  t.equal(model.opsets.get(''), 12);
  t.end();
});

test('a newer model stays as it is', async (t) => {
  const nodes = [nodeOf('Unsqueeze', ['x', 'a'], ['u']), nodeOf('Softmax', ['u'], ['y'], { axis: 1 })];
  await untouched(t, 'operator set 15', { nodes, constants: { a: int64([0]) }, inputs, opset: 15 }, upgradeOpset);
});
