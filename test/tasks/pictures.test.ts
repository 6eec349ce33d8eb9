import { test } from 'tap';
import type { ModelFacts } from '../../src/core/model.js';
import type { Observation } from '../../src/core/result.js';
import { classifyImage } from '../../src/tasks/classify-image.js';
import { classifyPersonPresence } from '../../src/tasks/classify-person-presence.js';
import { embedImage, unitLength } from '../../src/tasks/embed-image.js';
import { estimateHeadPose } from '../../src/tasks/estimate-head-pose.js';
import { boxInPicture, placeIn } from '../../src/tasks/framing.js';
import { probabilities } from '../../src/tasks/image-classes.js';
import { type Frame, packPixels } from '../../src/tasks/pixels.js';
import { floatTensor, greyImage, paintedImage, runTask } from '../support/task-lab.js';

const frame = (width: number, height: number, format: Partial<Frame['format']>, dtype: Frame['dtype'] = 'float32'): Frame => ({
  name: 'pixels',
  dtype,
  width,
  height,
  format: { layout: 'nhwc', channels: 'rgb', scale: 1, mean: 0, std: 1, pad: 0, ...format },
});

const twoPixels = { width: 2, height: 1, channels: 3 as const, data: Uint8Array.of(0, 127, 255, 51, 102, 204) };
const packed = (at: { x: number; y: number }, into: Frame) =>
  [...packPixels(twoPixels, at, into).data].map((v) => Math.round(Number(v) * 1e4) / 1e4);

test('pixels are laid out, ordered and scaled as the card says, a number a channel in the order of the channels', async (t) => {
  t.same(packed({ x: 0, y: 0 }, frame(2, 1, {})), [0, 127, 255, 51, 102, 204]);
  t.same(packed({ x: 0, y: 0 }, frame(2, 1, { layout: 'nchw' })), [0, 51, 127, 102, 255, 204]);
  t.same(packed({ x: 0, y: 0 }, frame(2, 1, { channels: 'bgr' })), [255, 127, 0, 204, 102, 51]);
  t.same(packed({ x: 0, y: 0 }, frame(2, 1, { channels: 'grey' })), [
    Math.round(0.587 * 127 + 0.114 * 255),
    Math.round(0.299 * 51 + 0.587 * 102 + 0.114 * 204),
  ]);
  t.same(
    packed({ x: 0, y: 0 }, frame(2, 1, { channels: 'bgr', scale: 1 / 255, mean: [0.5, 0, 0], std: [0.5, 1, 2] })),
    [1, 0.498, 0, 0.6, 0.4, 0.1],
  );
});

test('bytes are rounded and stay within their type', async (t) => {
  t.same(packed({ x: 0, y: 0 }, frame(2, 1, { mean: 128 }, 'int8')), [-128, -1, 127, -77, -26, 76]);
  t.same(packed({ x: 0, y: 0 }, frame(2, 1, { scale: 2 }, 'uint8')), [0, 254, 255, 102, 204, 255]);
  t.ok(packPixels(twoPixels, { x: 0, y: 0 }, frame(2, 1, {}, 'int8')).data instanceof Int8Array);
});

test('around an image is padding, scaled like a pixel, and what lies outside the frame is cut', async (t) => {
  const into = frame(3, 2, { channels: 'grey', pad: 255, scale: 1 / 255 });
  const values = packed({ x: 1, y: 1 }, into);
  t.same(values.slice(0, 4), [1, 1, 1, 1]);
  t.ok((values[4] ?? 1) < 0.5 && (values[5] ?? 1) < 0.5);
  t.same(packed({ x: -1, y: 0 }, frame(1, 1, {})), [51, 102, 204]);
});

test('a picture is stretched, letterboxed or cropped into a frame, and a box found there comes back', async (t) => {
  const size = { width: 100, height: 50 };
  const centre = 'centre' as const;
  t.same(placeIn({ width: 40, height: 40 }, size, { fit: 'stretch', align: centre }), { x: 0, y: 0, width: 40, height: 40 });
  t.same(placeIn({ width: 40, height: 40 }, size, { fit: 'letterbox', align: centre }), { x: 0, y: 10, width: 40, height: 20 });
  t.same(placeIn({ width: 40, height: 40 }, size, { fit: 'letterbox', align: 'start' }), { x: 0, y: 0, width: 40, height: 20 });
  t.same(placeIn({ width: 40, height: 40 }, size, { fit: 'crop', align: centre }), { x: -20, y: 0, width: 80, height: 40 });
  t.same(placeIn({ width: 40, height: 40 }, { width: 1, height: 9000 }, { fit: 'letterbox', align: centre }), {
    x: 19,
    y: 0,
    width: 1,
    height: 40,
  });
  const place = placeIn({ width: 40, height: 40 }, size, { fit: 'crop', align: centre });
  t.same(boxInPicture([0, 0, 1, 1], place, { width: 40, height: 40 }), { x_min: 0.25, y_min: 0, x_max: 0.75, y_max: 1 });
});

const classes: ModelFacts = {
  name: 'classes',
  version: '1.0.0',
  task: 'classify-image',
  inputs: [{ name: 'pixels', dtype: 'float32', shape: [1, 4, 4, 3] }],
  outputs: [{ name: 'out', dtype: 'float32', shape: [1, 3] }],
  params: { fit: 'crop', pixels: { layout: 'nhwc', channels: 'rgb' }, activation: 'softmax' },
  labels: ['bird', 'cat', 'dog'],
};
const out = (values: readonly number[]) => () => ({ out: floatTensor([1, values.length], values) });

test('classify-image names the likeliest labels first, at most as many and as sure as asked', async (t) => {
  const logits = out([0, Math.log(3), Math.log(6)]);
  const run = async (options: Record<string, unknown>) =>
    (await runTask(classifyImage, classes, greyImage(8, 8), logits, { options })).observations;
  t.strictSame(await run({}), [{ score: 0.6, label: 'dog' }]);
  t.strictSame(await run({ max_labels: 3 }), [
    { score: 0.6, label: 'dog' },
    { score: 0.3, label: 'cat' },
    { score: 0.1, label: 'bird' },
  ]);
  t.strictSame(await run({ max_labels: 3, min_score: 0.2 }), [
    { score: 0.6, label: 'dog' },
    { score: 0.3, label: 'cat' },
  ]);
  t.strictSame(await run({ min_score: 0.7 }), []);
});

test('probabilities: softmax of large logits stays finite, sigmoid takes each alone', async (t) => {
  t.same([...probabilities(Float32Array.of(1000, 1000), 'softmax')], [0.5, 0.5]);
  t.same([...probabilities(Float32Array.of(0, -1000), 'sigmoid')], [0.5, 0]);
  t.same([...probabilities(Float32Array.of(0.25, 0.75), 'none')], [0.25, 0.75]);
});

test('the middle of a wide image is what a square model sees of it', async (t) => {
  const image = paintedImage(80, 20, (x) => (x > 0.375 && x < 0.625 ? [255, 0, 0] : [0, 0, 255]));
  const { fed } = await runTask(classifyImage, classes, image, out([0, 0, 0]));
  const data = [...(fed[0]?.data ?? [])].map(Number);
  t.same(
    data.filter((_, i) => i % 3 === 0),
    Array(16).fill(255),
    'all red',
  );
});

test('with observations of an earlier stage each place is looked at by itself, told by `of`', async (t) => {
  const image = paintedImage(40, 40, (x, y) => [x < 0.5 ? 200 : 100, y < 0.5 ? 200 : 100, 0]);
  const each: Observation[] = [
    { score: 0.9, box: { x_min: 0, y_min: 0, x_max: 0.5, y_max: 0.5 } },
    {
      score: 0.8,
      quad: [
        [0.5, 0.5],
        [1, 0.5],
        [1, 1],
        [0.5, 1],
      ],
    },
  ];
  const { observations, fed } = await runTask(classifyImage, classes, image, (run) => out(run === 0 ? [9, 0, 0] : [0, 9, 0])(), { each });
  t.same(
    observations.map(({ label, of }) => [label, of]),
    [
      ['bird', 0],
      ['cat', 1],
    ],
  );
  t.same([...(fed[0]?.data ?? [])].slice(0, 3), [200, 200, 0]);
  t.same([...(fed[1]?.data ?? [])].slice(0, 3), [100, 100, 0]);
  await t.rejects(runTask(classifyImage, classes, image, out([0, 0, 0]), { each: [{ score: 1 }] }), {
    code: 'CONFIG_INVALID',
    message: /neither box nor quad/,
  });
});

test('a region cropped to a square model is its middle, and a margin widens it', async (t) => {
  const image = paintedImage(100, 100, (x) => [x > 0.3 && x < 0.7 ? 255 : 0, 0, 0]);
  const each: Observation[] = [{ score: 1, box: { x_min: 0.1, y_min: 0.4, x_max: 0.9, y_max: 0.6 } }];
  const reds = async (params: Record<string, unknown>) => {
    const { fed } = await runTask(classifyImage, { ...classes, params: { ...classes.params, ...params } }, image, out([0, 0, 0]), { each });
    return [...(fed[0]?.data ?? [])]
      .map(Number)
      .filter((_, i) => i % 3 === 0)
      .slice(0, 4);
  };
  t.same(await reds({ fit: 'crop' }), [255, 255, 255, 255]);
  t.same(
    (await reds({ fit: 'stretch' })).map((red) => red > 128),
    [false, true, true, false],
  );
  t.same(
    (await reds({ fit: 'crop', margin: 1 })).map((red) => red > 128),
    [false, true, true, false],
    'three times as high shows three times as much of the width',
  );
});

const presence: ModelFacts = {
  ...classes,
  task: 'classify-person-presence',
  outputs: [{ name: 'out', dtype: 'float32', shape: [1, 2] }],
  labels: ['no person', 'person'],
  params: { ...classes.params, activation: 'none' },
};

test('classify-person-presence gives one answer, and refuses a model with other labels', async (t) => {
  t.strictSame((await runTask(classifyPersonPresence, presence, greyImage(8, 8), out([0.25, 0.75]))).observations, [
    { score: 0.75, label: 'person' },
  ]);
  t.strictSame((await runTask(classifyPersonPresence, presence, greyImage(8, 8), out([0.9, 0.1]))).observations, [
    { score: 0.9, label: 'no person' },
  ]);
  t.throws(() => classifyPersonPresence.fit({ ...presence, labels: ['cat', 'person'] }), {
    code: 'MODEL_INVALID',
    message: /cat, person, expected no person and person/,
  });
});

const pose: ModelFacts = {
  ...classes,
  task: 'estimate-head-pose',
  labels: [],
  params: { fit: 'stretch', pixels: { layout: 'nhwc', channels: 'bgr' }, margin: 0.5, angles: ['yaw_deg', 'pitch_deg', 'roll_deg'] },
};

test('estimate-head-pose answers three named numbers with the face they belong to', async (t) => {
  const face = { score: 0.9, label: 'face', box: { x_min: 0.25, y_min: 0.25, x_max: 0.75, y_max: 0.75 } };
  const angles = out([12.34, -5, 0.04]);
  const { observations } = await runTask(estimateHeadPose, pose, greyImage(40, 40), angles, { each: [face] });
  t.strictSame(observations, [{ ...face, values: { yaw_deg: 12.3, pitch_deg: -5, roll_deg: 0 }, of: 0 }]);
  const whole = await runTask(estimateHeadPose, pose, greyImage(40, 40), angles);
  t.strictSame(whole.observations, [{ score: 1, values: { yaw_deg: 12.3, pitch_deg: -5, roll_deg: 0 } }]);
  t.throws(() => estimateHeadPose.fit({ ...pose, params: { ...pose.params, angles: ['yaw_deg', 'yaw_deg', 'roll_deg'] } }), {
    code: 'MODEL_INVALID',
    message: /each once/,
  });
  t.throws(() => estimateHeadPose.fit({ ...pose, outputs: [{ name: 'out', dtype: 'float32', shape: [1, 4] }] }), {
    message: /need \[1,3\]/,
  });
});

const embedder: ModelFacts = {
  ...classes,
  task: 'embed-image',
  labels: [],
  params: { fit: 'stretch', pixels: { layout: 'nhwc', channels: 'rgb' } },
};

test('embed-image answers a direction of length 1, and fails where there is none', async (t) => {
  t.strictSame((await runTask(embedImage, embedder, greyImage(8, 8), out([3, 0, 4]))).observations, [
    { score: 1, embedding: [0.6, 0, 0.8] },
  ]);
  await t.rejects(runTask(embedImage, embedder, greyImage(8, 8), out([0, 0, 0])), { code: 'INFERENCE', message: /without a direction/ });
  t.equal(unitLength(Float32Array.of(Number.NaN, 1)), null);
  t.throws(() => embedImage.fit({ ...embedder, outputs: [{ name: 'out', dtype: 'float32', shape: [1, 4096] }] }), {
    code: 'MODEL_INVALID',
    message: /2 to 1024 numbers/,
  });
});

test('models for pictures are refused by what is wrong with them', async (t) => {
  const refused = (facts: ModelFacts, message: RegExp) => t.throws(() => classifyImage.fit(facts), { code: 'MODEL_INVALID', message });
  refused({ ...classes, labels: [] }, /no labels/);
  refused({ ...classes, labels: ['cat', 'dog'] }, /\[1,3\], its 2 labels need \[1,2\]/);
  refused({ ...classes, params: { ...classes.params, activation: 'tanh' } }, /activation/);
  refused(
    { ...classes, params: { ...classes.params, pixels: { layout: 'nchw', channels: 'rgb' } } },
    /need one float32 or uint8 or int8\[1,3,height,width\]/,
  );
  refused({ ...classes, inputs: [] }, /inputs are none/);
});
