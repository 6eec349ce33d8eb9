import { test } from 'tap';
import type { ModelFacts } from '../../src/core/model.js';
import type { Tensors } from '../../src/core/tensor.js';
import { detectFaces } from '../../src/tasks/detect-faces.js';
import { floatTensor, greyImage, paintedImage, runTask } from '../support/task-lab.js';

/** YuNet of 64 x 32 pixels: 8 x 4 cells of 8 pixels, 2 x 1 of 32. */
const yunet: ModelFacts = {
  name: 'faces',
  version: '1.0.0',
  task: 'detect-faces',
  inputs: [{ name: 'pixels', dtype: 'float32', shape: [1, 3, 32, 64] }],
  outputs: [8, 32].flatMap((stride) => {
    const cells = (64 / stride) * (32 / stride);
    return [
      { name: `cls_${stride}`, dtype: 'float32' as const, shape: [1, cells, 1] },
      { name: `obj_${stride}`, dtype: 'float32' as const, shape: [1, cells, 1] },
      { name: `bbox_${stride}`, dtype: 'float32' as const, shape: [1, cells, 4] },
      { name: `kps_${stride}`, dtype: 'float32' as const, shape: [1, cells, 10] },
    ];
  }),
  params: {
    decoder: 'yunet',
    pixels: { layout: 'nchw', channels: 'bgr' },
    layers: [8, 32].map((stride) => ({
      stride,
      class: `cls_${stride}`,
      objectness: `obj_${stride}`,
      box: `bbox_${stride}`,
      points: `kps_${stride}`,
    })),
    max_overlap: 0.3,
    small: 0.05,
  },
  labels: [],
};

function empty(facts: ModelFacts): Record<string, { dtype: 'float32'; shape: number[]; data: Float32Array }> {
  return Object.fromEntries(
    facts.outputs.map(({ name, shape }) => {
      const sizes = shape.map(Number);
      return [name, { dtype: 'float32' as const, shape: sizes, data: new Float32Array(sizes.reduce((a, b) => a * b, 1)) }];
    }),
  );
}

test('YuNet: the score is the geometric mean, box and points are in strides from their cell', async (t) => {
  const outputs = empty(yunet);
  // Cell (3, 1) of stride 8.
  const cell = 1 * 8 + 3;
  outputs.cls_8?.data.set([0.81], cell);
  outputs.obj_8?.data.set([1], cell);
  outputs.bbox_8?.data.set([1, 1, Math.log(2), Math.log(1)], cell * 4);
  outputs.kps_8?.data.set([0, 0, 1, 1, 2, 0, 0.5, 0.5, -1, 2], cell * 10);
  const { observations, fed } = await runTask(detectFaces, yunet, greyImage(64, 32), () => outputs as Tensors);
  t.same(fed[0]?.shape, [1, 3, 32, 64]);
  t.strictSame(observations, [
    {
      score: 0.9,
      label: 'face',
      box: { x_min: 24 / 64, y_min: 12 / 32, x_max: 40 / 64, y_max: 20 / 32 },
      points: {
        right_eye: [24 / 64, 8 / 32],
        left_eye: [32 / 64, 16 / 32],
        nose: [40 / 64, 8 / 32],
        right_mouth: [28 / 64, 12 / 32],
        left_mouth: [16 / 64, 24 / 32],
      },
    },
  ]);
});

test('YuNet: pixels are fed as blue, green, red planes of bytes', async (t) => {
  const image = paintedImage(64, 32, (x) => (x < 0.5 ? [10, 20, 30] : [200, 210, 220]));
  const { fed } = await runTask(detectFaces, yunet, image, () => empty(yunet) as Tensors);
  const at = (plane: number, x: number) => fed[0]?.data[plane * 64 * 32 + x];
  t.same([at(0, 0), at(1, 0), at(2, 0)], [30, 20, 10]);
  t.same([at(0, 63), at(1, 63), at(2, 63)], [220, 210, 200]);
});

const ultraface: ModelFacts = {
  ...yunet,
  outputs: [
    { name: 'boxes', dtype: 'float32', shape: [1, 3, 4] },
    { name: 'scores', dtype: 'float32', shape: [1, 3, 2] },
  ],
  params: {
    decoder: 'ssd',
    boxes: 'boxes',
    scores: 'scores',
    pixels: { layout: 'nchw', channels: 'rgb', mean: 127, std: 128 },
    max_overlap: 0.3,
  },
};

test('UltraFace: decoded boxes of an image narrower than the window lose its padding, and there are no points', async (t) => {
  const outputs = {
    // A window of 64 x 32 shows a square image from 16 to 48.
    boxes: floatTensor([1, 3, 4], [0.25, 0, 0.5, 1, 0.25, 0, 0.5, 0.9, 0, 0, 1, 1]),
    scores: floatTensor([1, 3, 2], [0.1, 0.9, 0.2, 0.8, 0.6, 0.4]),
  };
  const { observations } = await runTask(detectFaces, ultraface, greyImage(200, 200), () => outputs, { options: { tiles: 'off' } });
  t.equal(observations.length, 1);
  t.notOk(observations[0]?.points);
  const { x_min = -1, x_max = -1, y_min = -1 } = observations[0]?.box ?? {};
  t.same([x_min, x_max, y_min], [0, 0.5, 0]);
});

test('a face smaller than `small` of a window that is not square is looked at again', async (t) => {
  const small = { ...ultraface, params: { ...ultraface.params, small: 0.4 } };
  const outputs = (run: number) => ({
    boxes: floatTensor([1, 3, 4], run === 0 ? [0.1, 0.1, 0.2, 0.3, 0, 0, 0, 0, 0, 0, 0, 0] : new Float32Array(12)),
    scores: floatTensor([1, 3, 2], run === 0 ? [0, 0.4, 1, 0, 1, 0] : new Float32Array(6)),
  });
  const twice = await runTask(detectFaces, small, greyImage(128, 64), outputs);
  t.ok(twice.fed.length > 1, `${twice.fed.length} runs`);
  const once = await runTask(detectFaces, ultraface, greyImage(128, 64), outputs);
  t.equal(once.fed.length, 1, 'a face of 6 pixels of 32 is not small where `small` is 0.15');
});

test('cards of either family are refused by what is wrong with them', async (t) => {
  const refused = (facts: ModelFacts, message: RegExp) => t.throws(() => detectFaces.fit(facts), { code: 'MODEL_INVALID', message });
  t.doesNotThrow(() => detectFaces.fit(yunet));
  t.doesNotThrow(() => detectFaces.fit(ultraface));
  refused({ ...yunet, params: { ...yunet.params, decoder: 'retina' } }, /decoder/);
  refused({ ...yunet, outputs: yunet.outputs.slice(1) }, /no output "cls_8", only obj_8/);
  refused(
    { ...yunet, inputs: [{ name: 'pixels', dtype: 'float32', shape: [1, 3, 64, 64] }] },
    /"cls_8" is \[1,32,1\], the stride 8 needs \[1,64,1\]/,
  );
  refused({ ...ultraface, params: { ...ultraface.params, background: false } }, /scores \[1,n,1\]/);
});
