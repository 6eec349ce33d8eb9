import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'tap';
import { buildVariant, compilerGeneration } from '../../src/compile/recipe.js';
import type { ModelFacts } from '../../src/core/model.js';
import { overlap } from '../../src/core/rectangle.js';
import type { ImagePort, TaskInput } from '../../src/core/task.js';
import type { Tensor, Tensors } from '../../src/core/tensor.js';
import { openRegistry } from '../../src/registry/registry.js';
import { detectFaces } from '../../src/tasks/detect-faces.js';
import { blazefaceAnchors, clippedSigmoid, decodeBlazeface } from '../../src/tasks/faces/blazeface.js';
import type { Candidate } from '../../src/tasks/faces/decoder.js';
import { weightedNms } from '../../src/tasks/faces/weighted-nms.js';
import { pyramid, tilesOf } from '../../src/tasks/image-tiles.js';
import { openTask } from '../../tools/run-task.js';

const data = process.env.SHOAL_TEST_DATA;

test('anchors of strides 16, 32, 32, 32 over 256 pixels are two a cell of 16 x 16, then six a cell of 8 x 8', async (t) => {
  const anchors = blazefaceAnchors(256, [16, 32, 32, 32]);
  t.equal(anchors.length / 2, 896);
  const at = (i: number) => [anchors[2 * i], anchors[2 * i + 1]];
  t.same(
    [at(0), at(1), at(2)],
    [
      [8 / 256, 8 / 256],
      [8 / 256, 8 / 256],
      [24 / 256, 8 / 256],
    ],
  );
  t.same(at(32), [8 / 256, 24 / 256], 'the second row');
  t.same(
    [at(511), at(512), at(517), at(518)],
    [
      [248 / 256, 248 / 256],
      [16 / 256, 16 / 256],
      [16 / 256, 16 / 256],
      [48 / 256, 16 / 256],
    ],
  );
  t.same(at(895), [240 / 256, 240 / 256]);
});

test('logits are clipped before the sigmoid, and what is no number is no face', async (t) => {
  t.equal(clippedSigmoid(0, 100), 0.5);
  t.equal(clippedSigmoid(1e9, 100), clippedSigmoid(100, 100));
  t.equal(clippedSigmoid(-1e9, 2), clippedSigmoid(-2, 100));
  const anchors = Float32Array.of(0.5, 0.5);
  t.same(
    decodeBlazeface(Float32Array.of(Number.NaN), new Float32Array(16), anchors, { inputSize: 256, scoreClip: 100, minScore: 0.3 }),
    [],
  );
});

test('a box and six points are decoded relative to their anchor, in input pixels', async (t) => {
  const anchors = Float32Array.of(0.25, 0.25, 0.5, 0.5);
  const boxes = new Float32Array(32);
  boxes.set([64, -32, 32, 64, 1 * 64, 2 * 64], 16);
  const [face, ...more] = decodeBlazeface(Float32Array.of(-5, 2), boxes, anchors, { inputSize: 256, scoreClip: 100, minScore: 0.5 });
  t.equal(more.length, 0);
  t.same(face?.box, [0.75 - 0.0625, 0.375 - 0.125, 0.75 + 0.0625, 0.375 + 0.125]);
  t.same(face?.points[0], [0.75, 1]);
  t.same(face?.points[5], [0.5, 0.5]);
  t.equal(face?.points.length, 6);
});

const candidate = (score: number, box: [number, number, number, number]): Candidate => ({ score, box, points: [[box[0], box[1]]] });

test('overlap is intersection over union', async (t) => {
  t.equal(overlap([0, 0, 2, 2], [1, 0, 3, 2]), 1 / 3);
  t.equal(overlap([0, 0, 1, 1], [1, 0, 2, 1]), 0);
  t.equal(overlap([0, 0, 0, 0], [0, 0, 0, 0]), 0, 'boxes without area do not divide by zero');
});

test('overlapping candidates become one with the best score and the weighted mean of their geometry', async (t) => {
  const kept = weightedNms([candidate(0.4, [1, 0, 11, 10]), candidate(0.8, [0, 0, 10, 10]), candidate(0.6, [50, 50, 60, 60])], 0.3);
  t.same(
    kept.map(({ score }) => score),
    [0.8, 0.6],
    'best first',
  );
  const [left, , right] = kept[0]?.box ?? [];
  t.ok(Math.abs((left ?? 0) - 1 / 3) < 1e-9 && Math.abs((right ?? 0) - 31 / 3) < 1e-9);
  t.ok(Math.abs((kept[0]?.points[0]?.[0] ?? 0) - 1 / 3) < 1e-9, 'points too');
  t.same(kept[1]?.box, [50, 50, 60, 60], 'one that stands alone is left as it is');
});

test('candidates are compared with the best, not with the blend, so that a chain does not grow', async (t) => {
  const chain = [candidate(0.9, [0, 0, 10, 10]), candidate(0.8, [4, 0, 14, 10]), candidate(0.7, [8, 0, 18, 10])];
  t.equal(weightedNms(chain, 0.3).length, 2);
});

const square = { width: 256, height: 256 };

test('a pyramid doubles up to the size of the image and never enlarges it but for the first level', async (t) => {
  t.same(pyramid(100, 50, square, 4), [{ width: 256, height: 128 }]);
  t.same(pyramid(720, 480, square, 4), [
    { width: 256, height: 171 },
    { width: 512, height: 341 },
  ]);
  t.equal(pyramid(16000, 16000, square, 4).length, 4);
  t.same(pyramid(16000, 1, square, 1), [{ width: 256, height: 1 }]);
  t.same(
    pyramid(800, 600, { width: 320, height: 240 }, 4).map(({ width }) => width),
    [320, 640],
    'a window that is not square is filled too',
  );
});

test('windows cover a level with the overlap asked for, and centre what is smaller', async (t) => {
  t.same(tilesOf({ width: 256, height: 128 }, square, 0.25), [{ x: 0, y: -64 }]);
  const columns = [...new Set(tilesOf({ width: 1000, height: 300 }, square, 0.25).map(({ x }) => x))];
  t.equal(columns[0], 0);
  t.equal(columns.at(-1), 1000 - 256);
  columns.slice(1).forEach((x, i) => {
    t.ok(256 - (x - (columns[i] ?? 0)) >= 64, `windows at ${columns[i]} and ${x}`);
  });
});

/** A model of 64 pixels: 4 x 4 cells of stride 16, 32 anchors. */
const facts: ModelFacts = {
  name: 'faces',
  version: '1.0.0',
  task: 'detect-faces',
  inputs: [{ name: 'pixels', dtype: 'float32', shape: [1, 64, 64, 3] }],
  outputs: [
    { name: 'scores', dtype: 'float32', shape: [1, 32, 1] },
    { name: 'boxes', dtype: 'float32', shape: [1, 32, 16] },
  ],
  params: { anchor_strides: [16], scores: ['scores'], boxes: ['boxes'], score_clip: 100, value_range: [-1, 1], max_overlap: 0.3 },
  labels: [],
};

/** A dark image with white squares; `look` sees every square of a window as a face, surer the larger it is. */
function scene(width: number, height: number, squares: [number, number, number][]): ImagePort {
  return {
    width,
    height,
    pixels: async () => Promise.reject(new Error('not needed')),
    resize: async (w, h) => {
      const pixels = new Uint8Array(w * h * 3);
      for (const [x, y, side] of squares) {
        for (let row = Math.round((y / height) * h); row < Math.round(((y + side) / height) * h); row++) {
          for (let column = Math.round((x / width) * w); column < Math.round(((x + side) / width) * w); column++)
            pixels.fill(255, (row * w + column) * 3, (row * w + column) * 3 + 3);
        }
      }
      return { width: w, height: h, channels: 3, data: pixels };
    },
    part: () => {
      throw new Error('not needed');
    },
  };
}

function look(feeds: Tensors): Tensors {
  const pixels = feeds.pixels?.data as Float32Array;
  const white = (x: number, y: number) => x >= 0 && y >= 0 && x < 64 && y < 64 && pixels[(y * 64 + x) * 3] === 1;
  const scores = new Float32Array(32).fill(-10);
  const boxes = new Float32Array(32 * 16);
  for (let y = 0; y < 64; y++) {
    for (let x = 0; x < 64; x++) {
      if (!white(x, y) || white(x - 1, y) || white(x, y - 1)) continue;
      let side = 0;
      while (white(x + side, y)) side++;
      let height = 0;
      while (white(x, y + height)) height++;
      // As the real model does, it takes a face cut by the window for one that reaches beyond.
      if (x + side === 64 || y + height === 64) side = Math.max(side, height) + 4;
      const centre = [x + side / 2, y + side / 2] as const;
      const cell = Math.min(3, Math.floor(centre[1] / 16)) * 4 + Math.min(3, Math.floor(centre[0] / 16));
      scores[2 * cell] = side >= 6 ? 5 : 0;
      boxes.set([centre[0] - ((cell % 4) + 0.5) * 16, centre[1] - (Math.floor(cell / 4) + 0.5) * 16, side, side], 2 * cell * 16);
    }
  }
  const tensor = (values: Float32Array, last: number): Tensor => ({ dtype: 'float32', shape: [1, 32, last], data: values });
  return { scores: tensor(scores, 1), boxes: tensor(boxes, 16) };
}

async function find(image: ImagePort | null, options: Record<string, unknown> = {}) {
  let runs = 0;
  const input: TaskInput<ReturnType<typeof detectFaces.options.parse>> = {
    image,
    audio: null,
    series: null,
    text: null,
    file: null,
    each: null,
    model: facts,
    options: detectFaces.options.parse(options),
    infer: async (feeds) => {
      runs++;
      return look(feeds);
    },
    measure: async (_, work) => work(),
  };
  const observations = await detectFaces.run(input);
  return { observations, runs };
}

test('an image with large faces or none costs one run', async (t) => {
  t.match(await find(scene(640, 480, [])), { observations: { length: 0 }, runs: 1 });
  const { observations, runs } = await find(scene(640, 480, [[100, 100, 200]]));
  t.equal(runs, 1);
  t.equal(observations.length, 1);
  const { box } = observations[0] ?? {};
  for (const [found, expected] of [
    [box?.x_min, 100 / 640],
    [box?.y_min, 100 / 480],
    [box?.x_max, 300 / 640],
    [box?.y_max, 300 / 480],
  ] as const) {
    t.ok(Math.abs((found ?? 0) - expected) < 0.02, `${found} is near ${expected}`);
  }
});

test('a small face, unsure in the whole image, is found in the window that holds it', async (t) => {
  const { observations, runs } = await find(scene(256, 256, [[150, 40, 18]]));
  t.equal(observations.length, 1);
  t.ok(Math.abs((observations[0]?.box?.x_min ?? 0) - 150 / 256) < 0.02);
  t.ok(runs > 1 && runs < 10, `${runs} runs of 26 possible`);
  t.equal((await find(scene(256, 256, [[150, 40, 18]]), { tiles: 'off' })).observations.length, 0, 'without tiles it is not');
});

test('a face in several windows is one face, and one cut by a window is taken from its neighbour', async (t) => {
  const grid: [number, number, number][] = [];
  for (let y = 8; y < 240; y += 34) for (let x = 8; x < 240; x += 34) grid.push([x, y, 16]);
  const { observations } = await find(scene(256, 256, grid), { max_runs: 64 });
  t.equal(observations.length, grid.length);
});

test('runs are bounded by max_runs, the windows with most evidence first', async (t) => {
  const squares: [number, number, number][] = [
    [8, 8, 16],
    [230, 230, 16],
    [170, 230, 16],
    [230, 170, 16],
  ];
  const { observations, runs } = await find(scene(256, 256, squares), { max_runs: 2 });
  t.equal(runs, 2);
  t.ok(
    observations.every(({ box }) => (box?.x_min ?? 0) > 0.5),
    'the corner with three was looked at',
  );
  t.equal((await find(scene(256, 256, squares))).observations.length, 4);
});

test('observations stay inside the image and carry six named points', async (t) => {
  const { observations } = await find(scene(128, 128, [[0, 0, 60]]));
  const [face] = observations;
  t.strictSame(Object.keys(face?.points ?? {}), ['right_eye', 'left_eye', 'nose', 'mouth', 'right_ear', 'left_ear']);
  t.equal(face?.label, 'face');
  t.equal(face?.box?.x_min, 0);
  await t.rejects(find(null), { code: 'CAPTURE_UNSUPPORTED' });
});

test('a card that does not suit is refused by what is wrong with it', async (t) => {
  t.doesNotThrow(() => detectFaces.fit(facts));
  const refused = (change: Partial<ModelFacts>, message: RegExp) =>
    t.throws(() => detectFaces.fit({ ...facts, ...change }), { code: 'MODEL_INVALID', message });
  refused({ params: {} }, /anchor_strides/);
  refused({ params: { ...facts.params, anchor_strides: [8] } }, /128 anchors/);
  refused({ params: { ...facts.params, anchor_strides: [24] } }, /does not divide/);
  refused({ params: { ...facts.params, boxes: ['nothing'] } }, /32 x 16/);
  refused({ inputs: [{ name: 'pixels', dtype: 'float32', shape: [1, 3, 64, 64] }] }, /1,side,side,3/);
});

test('a face model that takes bytes finds the faces of the one it was made of', async (t) => {
  const model = (await openRegistry(['models'])).find('blazeface-back');
  const pixels = model === null ? null : detectFaces.pixels?.(model);
  const [variant] = model?.variants ?? [];
  if (model === null || pixels === null || pixels === undefined || variant === undefined) throw new Error('blazeface-back is missing');
  t.match(pixels, { input: { dtype: 'uint8', shape: [1, 256, 256, 3] }, channelOrder: 'rgb', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] });
  t.equal(detectFaces.pixels?.({ ...model, inputs: [pixels.input] }), null);
  const source = readFileSync(variant.path);
  const { input, mean, std } = pixels;
  const built = buildVariant(source, {
    schema: 'shoal/recipe/1',
    source_sha256: createHash('sha256').update(source).digest('hex'),
    compiler: compilerGeneration,
    pixels: { tensor: input.name, channel_order: 'rgb', mean: [...mean], std: [...std] },
  });
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'shoal-faces-')), 'bytes.onnx');
  writeFileSync(file, built);
  const sha256 = createHash('sha256').update(built).digest('hex');
  const bytes = { name: 'bytes', path: file, sha256, bytes: built.length, inputs: [input] };
  const both = { ...model, variants: [variant, bytes] };
  const image = readFileSync('samples/astronaut.png');
  const found = [];
  for (const name of [variant.name, 'bytes']) {
    const opened = await openTask(detectFaces, both, name);
    found.push(await opened.run(image));
    await opened.close();
  }
  const [before, after] = found;
  t.equal(before?.observations.length, 1);
  t.equal(after?.runs, before?.runs);
  t.ok(Math.abs((after?.observations[0]?.score ?? 0) - (before?.observations[0]?.score ?? 1)) < 1e-3);
  t.ok(Math.abs((after?.observations[0]?.box?.x_min ?? 0) - (before?.observations[0]?.box?.x_min ?? 1)) < 1e-3);
});

test('known photos have their number of faces', { skip: data === undefined && '4 photos: SHOAL_TEST_DATA is not set' }, async (t) => {
  const model = (await openRegistry(['models'])).find('blazeface-back');
  if (model === null || data === undefined) throw new Error('models/blazeface-back is missing');
  const opened = await openTask(detectFaces, model);
  const count = async (file: string) => opened.run(readFileSync(path.join(data, file)));
  for (const [file, faces, runsMax] of [
    ['samples/astronaut.png', 1, 4],
    ['data/faces/13.jpg', 2, 4],
    ['data/faces/19.jpg', 5, 12],
  ] as const) {
    const { observations, runs } = await count(file);
    t.equal(observations.length, faces, file);
    t.ok(runs <= runsMax, `${file} took ${runs} runs`);
  }
  const crowd = await count('data/faces/1.jpg');
  t.ok(crowd.observations.length >= 45 && crowd.observations.length <= 60, `the crowd has ${crowd.observations.length}`);
  const without = await opened.run(readFileSync(path.join(data, 'samples/coffee.png')));
  t.equal(without.observations.length, 0, 'a cup of coffee has none');
  await opened.close();
});
