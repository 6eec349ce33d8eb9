import { type Test, test } from 'tap';
import type { ModelFacts } from '../../src/core/model.js';
import type { Observation } from '../../src/core/result.js';
import type { Tensors } from '../../src/core/tensor.js';
import { detectObjects } from '../../src/tasks/detect-objects.js';
import { classNms } from '../../src/tasks/objects/class-nms.js';
import { floatTensor, greyImage, runTask } from '../support/task-lab.js';

const pixels = { layout: 'nchw', channels: 'rgb' };
const common = { fit: 'stretch', pixels, min_score: 0.3, max_overlap: 0.5 };

/** A model of 64 x 32 pixels that knows a cat and a dog. */
function model(shape: readonly number[], params: Record<string, unknown>, change: Partial<ModelFacts> = {}): ModelFacts {
  return {
    name: 'things',
    version: '1.0.0',
    task: 'detect-objects',
    inputs: [{ name: 'pixels', dtype: 'float32', shape: [1, 3, 32, 64] }],
    outputs: [{ name: 'out', dtype: 'float32', shape }],
    params: { ...common, ...params },
    labels: ['cat', 'dog'],
    ...change,
  };
}

const find = async (facts: ModelFacts, outputs: Tensors, options: Record<string, unknown> = {}, size: [number, number] = [64, 32]) =>
  (await runTask(detectObjects, facts, greyImage(...size), () => outputs, { options })).observations;

function near(t: Test, found: Observation | undefined, label: string, score: number, box: readonly number[]) {
  t.equal(found?.label, label);
  t.ok(Math.abs((found?.score ?? 0) - score) < 1e-3, `score ${found?.score}, expected ${score}`);
  const { x_min = -1, y_min = -1, x_max = -1, y_max = -1 } = found?.box ?? {};
  for (const [i, value] of [x_min, y_min, x_max, y_max].entries()) {
    t.ok(Math.abs(value - (box[i] ?? 0)) < 1e-4, `box[${i}] is ${value}, expected ${box[i]}`);
  }
}

test('grid: a cell of the second stride is decoded by its column, row and stride', async (t) => {
  // 64 x 32: 4 x 2 cells of 16 pixels, then 2 x 1 of 32.
  const facts = model([1, 10, 7], { decoder: 'grid', strides: [16, 32] });
  const values = new Float32Array(70);
  values.set([0.5, 0.5, Math.log(0.5), Math.log(0.25), 0.9, 0.1, 0.8], 9 * 7);
  values.set([0.25, 0, 0, 0, 0.5, 0.5, 0.4], 5 * 7);
  const found = await find(facts, { out: floatTensor([1, 10, 7], values) }, { min_score: 0.2 });
  t.equal(found.length, 2);
  near(t, found[0], 'dog', 0.72, [48 / 64 - 8 / 64, 16 / 32 - 4 / 32, 48 / 64 + 8 / 64, 16 / 32 + 4 / 32]);
  near(t, found[1], 'cat', 0.25, [20 / 64 - 8 / 64, 16 / 32 - 8 / 32, 20 / 64 + 8 / 64, 16 / 32 + 8 / 32]);
});

test('grid: with decoded true the rows are pixels already', async (t) => {
  const facts = model([1, 10, 7], { decoder: 'grid', strides: [16, 32], decoded: true });
  const values = new Float32Array(70);
  values.set([32, 16, 16, 8, 1, 0.9, 0], 21);
  near(t, (await find(facts, { out: floatTensor([1, 10, 7], values) }))[0], 'cat', 0.9, [0.375, 0.375, 0.625, 0.625]);
});

test('fastestdet: offset by tanh of a cell, size by sigmoid of the picture, planes by class', async (t) => {
  const facts = model([1, 7, 2, 4], { decoder: 'fastestdet' });
  const values = new Float32Array(7 * 8);
  const cell = 1 * 4 + 2;
  [0.8, Math.atanh(0.5), Math.atanh(0.25), 0, Math.log(1 / 3), 0.25, 0.75].forEach((value, plane) => {
    values[plane * 8 + cell] = value;
  });
  const [found, ...more] = await find(facts, { out: floatTensor([1, 7, 2, 4], values) });
  t.equal(more.length, 0);
  near(t, found, 'dog', 0.6, [2.5 / 4 - 0.25, 1.25 / 2 - 0.125, 2.5 / 4 + 0.25, 1.25 / 2 + 0.125]);
});

test('anchor-free: rows across and rows along give the same, with and without an objectness', async (t) => {
  const rows = [
    [32, 16, 16, 8, 0.9, 0.2],
    [8, 8, 4, 4, 0.1, 0.7],
  ];
  const along = floatTensor([1, 2, 6], rows.flat());
  const across = floatTensor(
    [1, 6, 2],
    Array.from({ length: 12 }, (_, i) => rows[i % 2]?.[Math.floor(i / 2)] ?? 0),
  );
  const params = { decoder: 'anchor-free', objectness: false };
  const first = await find(model([1, 2, 6], params), { out: along });
  t.same(await find(model([1, 6, 2], params), { out: across }), first);
  near(t, first[0], 'cat', 0.9, [0.375, 0.375, 0.625, 0.625]);
  near(t, first[1], 'dog', 0.7, [6 / 64, 6 / 32, 10 / 64, 10 / 32]);

  const sure = floatTensor([1, 2, 7], [32, 16, 16, 8, 0.5, 0.9, 0.2, 8, 8, 4, 4, Number.NaN, 0.1, 0.7]);
  const second = await find(model([1, 2, 7], { ...params, objectness: true }), { out: sure });
  t.equal(second.length, 1, 'an objectness that is no number is nothing');
  near(t, second[0], 'cat', 0.45, [0.375, 0.375, 0.625, 0.625]);
});

const ssdOutputs = (classes: number) => [
  { name: 'boxes', dtype: 'float32' as const, shape: [1, 4, 4] },
  { name: 'scores', dtype: 'float32' as const, shape: [1, 4, classes] },
];

test('ssd: decoded corners in either order, the background left out', async (t) => {
  const params = { decoder: 'ssd', boxes: 'boxes', scores: 'scores' };
  const boxes = new Float32Array(16);
  boxes.set([0.1, 0.2, 0.5, 0.6], 4);
  const scores = new Float32Array(12);
  scores.set([0.95, 0.01, 0.04], 0);
  scores.set([0.1, 0.2, 0.7], 3);
  const outputs = { boxes: floatTensor([1, 4, 4], boxes), scores: floatTensor([1, 4, 3], scores) };
  const facts = model([], params, { outputs: ssdOutputs(3) });
  const found = await find(facts, outputs);
  t.equal(found.length, 1, 'a sure background is nothing');
  near(t, found[0], 'dog', 0.7, [0.1, 0.2, 0.5, 0.6]);
  const other = await find(model([], { ...params, corners: 'yxyx' }, { outputs: ssdOutputs(3) }), outputs);
  near(t, other[0], 'dog', 0.7, [0.2, 0.1, 0.6, 0.5]);
});

test('ssd: offsets from priors, row by row with the sizes of a cell together, and logits through softmax', async (t) => {
  const priors = {
    layers: [
      {
        stride: 32,
        sizes: [
          [16, 16],
          [32, 16],
        ],
      },
    ],
  };
  const params = { decoder: 'ssd', boxes: 'boxes', scores: 'scores', activation: 'softmax', priors };
  const boxes = new Float32Array(16);
  boxes.set([1, -1, Math.log(2) / 0.2, 0], 3 * 4);
  const scores = new Float32Array(12);
  for (let i = 0; i < 4; i++) scores[3 * i] = 9;
  scores.set([0, Math.log(3), Number.NEGATIVE_INFINITY], 9);
  const outputs = { boxes: floatTensor([1, 4, 4], boxes), scores: floatTensor([1, 4, 3], scores) };
  const found = await find(model([], params, { outputs: ssdOutputs(3) }), outputs);
  t.equal(found.length, 1);
  // The prior of 32 x 16 at (48, 16): moved by 0.1 of its size, twice as wide, cut at the edge.
  near(t, found[0], 'cat', 0.75, [(48 + 3.2 - 32) / 64, (16 - 1.6 - 8) / 32, 1, (16 - 1.6 + 8) / 32]);
});

test('overlapping boxes of one class become one, of two classes stay two', async (t) => {
  const row = (x: number, cat: number, dog: number) => [x, 16, 16, 16, cat, dog];
  const rows = [...row(20, 0.6, 0), ...row(22, 0.9, 0), ...row(22, 0, 0.8), ...row(50, 0.5, 0)];
  const facts = model([1, 4, 6], { decoder: 'anchor-free', objectness: false });
  const outputs = { out: floatTensor([1, 4, 6], rows) };
  const labels = async (options: Record<string, unknown>) =>
    (await find(facts, outputs, options)).map((each) => `${each.label} ${each.score}`);
  t.same(await labels({}), ['cat 0.9', 'dog 0.8', 'cat 0.5'], 'best first');
  t.same(await labels({ max_overlap: 0.9 }), ['cat 0.9', 'dog 0.8', 'cat 0.6', 'cat 0.5']);
  t.same(await labels({ max_observations: 2 }), ['cat 0.9', 'dog 0.8']);
  t.same(await labels({ min_score: 0.85 }), ['cat 0.9']);
  t.same(await labels({ labels: ['dog'] }), ['dog 0.8']);
});

test('of a flood of boxes only the best are compared, in bounded time', async (t) => {
  const flood = Array.from({ length: 30_000 }, (_, i) => ({
    score: 1 - i / 40_000,
    kind: 0,
    box: [i, 0, i + 0.9, 1] as const,
  }));
  const kept = classNms(flood, 0.5, 10_000);
  t.equal(kept.length, 2000);
  t.equal(kept[0]?.score, 1);
});

test('a letterboxed box comes back to where it was in a wide and in a high image', async (t) => {
  for (const [width, height] of [
    [640, 160],
    [100, 400],
    [64, 32],
  ] as const) {
    for (const align of ['centre', 'start'] as const) {
      const facts = model([1, 1, 6], { decoder: 'anchor-free', objectness: false, fit: 'letterbox', align });
      const scale = Math.min(64 / width, 32 / height);
      const [w, h] = [width * scale, height * scale];
      const [x0, y0] = align === 'start' ? [0, 0] : [(64 - w) / 2, (32 - h) / 2];
      // A quarter of the image, from its middle to the lower right.
      const row = [x0 + 0.75 * w, y0 + 0.75 * h, 0.5 * w, 0.5 * h, 0.9, 0];
      const [found] = await find(facts, { out: floatTensor([1, 1, 6], row) }, {}, [width, height]);
      near(t, found, 'cat', 0.9, [0.5, 0.5, 1, 1]);
    }
  }
});

test('labels that the model does not know are refused, naming a near one', async (t) => {
  const facts = model([1, 2, 6], { decoder: 'anchor-free', objectness: false });
  const ask = (labels: string[]) => detectObjects.fitOptions?.(facts, detectObjects.options.parse({ labels }));
  t.doesNotThrow(() => ask(['dog']));
  t.throws(() => ask(['dog', 'cats']), { code: 'CONFIG_INVALID', message: /"cats" is no label; did you mean cat\?/ });
  t.throws(() => ask(['lorry']), { code: 'CONFIG_INVALID', message: /things@1\.0\.0 knows cat, dog/ });
});

test('a card that does not suit is refused by what is wrong with it', async (t) => {
  const refused = (facts: ModelFacts, message: RegExp) => t.throws(() => detectObjects.fit(facts), { code: 'MODEL_INVALID', message });
  const rows = { decoder: 'anchor-free', objectness: false };
  t.doesNotThrow(() => detectObjects.fit(model([1, 2, 6], rows)));
  refused(model([1, 2, 6], { ...rows, decoder: 'yolo' }), /decoder/);
  refused(model([1, 2, 6], { ...rows, anchors: 3 }), /anchors/);
  refused(model([1, 2, 6], { ...rows, min_score: undefined }), /min_score/);
  refused(model([1, 2, 7], rows), /\[1,2,7\], its 2 labels need \[1,boxes,6\] or \[1,6,boxes\]/);
  refused(model([1, 2, 6], { ...rows, objectness: true }), /2 labels and an objectness need \[1,boxes,7\]/);
  refused(model([1, 2, 6], rows, { labels: [] }), /no labels/);
  refused(
    model([1, 2, 6], rows, { inputs: [{ name: 'pixels', dtype: 'float32', shape: [1, 32, 64, 3] }] }),
    /need one .*\[1,3,height,width\]/,
  );
  refused(model([1, 2, 6], rows, { inputs: [{ name: 'pixels', dtype: 'int64', shape: [1, 3, 32, 64] }] }), /int64/);
  refused(model([1, 2, 6], rows, { outputs: [{ name: 'out', dtype: 'int8', shape: [1, 2, 6] }] }), /"out" is int8/);
  refused(model([1, 2, 6], rows, { outputs: [{ name: 'out', dtype: 'float32', shape: [1, 'n', 6] }] }), /fixed shape/);
  refused(model([1, 10, 7], { decoder: 'grid', strides: [16] }), /make 8 cells, its output has 10 rows/);
  refused(model([1, 8, 2, 4], { decoder: 'fastestdet' }), /need \[1,7,rows,columns\]/);
  const ssd = { decoder: 'ssd', boxes: 'boxes', scores: 'scores' };
  refused(model([], { ...ssd, boxes: 'box' }, { outputs: ssdOutputs(3) }), /no output "box", only boxes, scores/);
  refused(model([], ssd, { outputs: ssdOutputs(2) }), /scores \[1,n,3\]/);
  const priors = { layers: [{ stride: 32, sizes: [[16, 16]] }] };
  refused(model([], { ...ssd, priors }, { outputs: ssdOutputs(3) }), /make 2 priors, its output has 4 boxes/);
});

test('a capture that is no image is refused', async (t) => {
  await t.rejects(
    runTask(detectObjects, model([1, 2, 6], { decoder: 'anchor-free', objectness: false }), null, () => ({})),
    { code: 'CAPTURE_UNSUPPORTED' },
  );
});
