import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { test } from 'tap';
import type { Model, ModelFacts } from '../../src/core/model.js';
import type { Observation, Point } from '../../src/core/result.js';
import type { ImagePort, Task, TaskInput } from '../../src/core/task.js';
import type { Tensor, Tensors } from '../../src/core/tensor.js';
import { openImage } from '../../src/engine/image.js';
import { openRegistry } from '../../src/registry/registry.js';
import { detectFaces } from '../../src/tasks/detect-faces.js';
import { estimatePose, poseNames } from '../../src/tasks/estimate-pose.js';
import { contourPoints, meshPoints } from '../../src/tasks/face-points.js';
import { landmarkFace } from '../../src/tasks/landmark-face.js';
import { misplacedPoints } from '../../src/tasks/misplaced-points.js';
import { openTask } from '../../tools/run-task.js';

const registry = await openRegistry(['models']);

function bundled(task: string): Model {
  const model = registry.defaultFor(task);
  if (model === null) throw new Error(`no model for ${task}`);
  return model;
}

const pose = bundled('estimate-pose');
const mesh = bundled('landmark-face');

/** An image whose left half is red and whose right half is blue. */
async function halves(width: number, height: number): Promise<ImagePort> {
  const data = Buffer.alloc(width * height * 3);
  for (let i = 0; i < width * height; i++) data[i * 3 + (i % width < width / 2 ? 0 : 2)] = 255;
  return openImage(
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  );
}

/** Runs a task whose model answers what it is told to; `fed` is what the model was given. */
async function run<Options>(
  task: Task<Options>,
  model: ModelFacts,
  image: ImagePort,
  answer: readonly Tensors[],
  more: { each?: readonly Observation[]; options?: object } = {},
): Promise<{ observations: Observation[]; fed: Tensor[] }> {
  const fed: Tensor[] = [];
  const input: TaskInput<Options> = {
    image,
    audio: null,
    series: null,
    text: null,
    file: null,
    each: more.each ?? null,
    model,
    options: task.options.parse(more.options ?? {}),
    infer: async (feeds) => {
      fed.push(...Object.values(feeds));
      return answer[fed.length - 1] ?? {};
    },
    measure: async (_, work) => work(),
  };
  return { observations: await task.run(input), fed };
}

/** What MoveNet answers: y, x and score of each point. */
function poseTensor(points: Partial<Record<(typeof poseNames)[number], [y: number, x: number, score: number]>>): Tensors {
  const data = Float32Array.from(poseNames.flatMap((name) => points[name] ?? [0.5, 0.5, 0.1]));
  return { 'Identity:0': { dtype: 'float32', shape: [1, 1, 17, 3], data } };
}

test('the whole image lies in the middle of the square, black around, and points come back to its own shares', async (t) => {
  const answer = poseTensor({
    nose: [0.5, 0.5, 0.9],
    left_eye: [0.25, 1, 0.7],
    right_eye: [0.75, 0, 0.5],
    // In the black below, where the image has no place: told at its edge.
    left_ankle: [0.99, 0.5, 0.3],
    right_ankle: [0.75, 0.5, 0.6],
    left_hip: [0.5, 0.5, 0.29],
    right_hip: [0.5, 0.5, Number.NaN],
  });
  const { observations, fed } = await run(estimatePose, pose, await halves(400, 200), [answer]);
  const [given] = fed;
  t.same([given?.dtype, given?.shape], ['int32', [1, 192, 192, 3]]);
  const pixel = (x: number, y: number) => Array.from(given?.data.slice((y * 192 + x) * 3, (y * 192 + x) * 3 + 3) ?? [], Number);
  t.same(
    [pixel(10, 47), pixel(10, 48), pixel(10, 143), pixel(10, 144)],
    [
      [0, 0, 0],
      [255, 0, 0],
      [255, 0, 0],
      [0, 0, 0],
    ],
  );
  t.same(pixel(180, 96), [0, 0, 255]);
  t.same(observations, [
    {
      score: 0.6,
      label: 'person',
      box: { x_min: 0, y_min: 0, x_max: 1, y_max: 1 },
      points: { nose: [0.5, 0.5], left_eye: [1, 0], right_eye: [0, 1], left_ankle: [0.5, 1], right_ankle: [0.5, 1] },
    },
  ]);
});

test('too few sure points are no pose, and both thresholds can be set', async (t) => {
  const answer = poseTensor({ nose: [0.5, 0.5, 0.9], left_eye: [0.4, 0.4, 0.4], right_eye: [0.4, 0.6, 0.4], left_ear: [0.4, 0.3, 0.4] });
  const image = await halves(100, 100);
  t.same((await run(estimatePose, pose, image, [answer])).observations, []);
  const loose = await run(estimatePose, pose, image, [answer], { options: { min_points: 4 } });
  t.same(Object.keys(loose.observations[0]?.points ?? {}), ['nose', 'left_eye', 'right_eye', 'left_ear']);
  t.same((await run(estimatePose, pose, image, [answer], { options: { min_points: 1, min_score: 0.8 } })).observations[0]?.score, 0.9);
});

/** What the face mesh answers: all points in the middle of its input, but those given. */
function meshTensors(presence: number, points: Readonly<Record<number, Point>> = {}): Tensors {
  const data = new Float32Array(meshPoints * 3);
  for (let i = 0; i < meshPoints; i++) data.set(points[i] ?? [96, 96], i * 3);
  return {
    output_mesh: { dtype: 'float32', shape: [1, meshPoints * 3], data },
    output_faceflag: { dtype: 'float32', shape: [1, 1], data: Float32Array.of(presence) },
  };
}

const face: Observation = { score: 1, box: { x_min: 0.4, y_min: 0.4, x_max: 0.6, y_max: 0.6 } };

test('a face is seen in a square half as large again as its box, and its points come back from there', async (t) => {
  const answer = meshTensors(0.75, { [contourPoints.nose_tip]: [0, 0], [contourPoints.chin]: [192, 192] });
  const { observations, fed } = await run(landmarkFace, mesh, await halves(200, 200), [answer], { each: [face] });
  const data = fed[0]?.data ?? [];
  t.equal(data.length, 192 * 192 * 3);
  t.same([data[0], data[1], data[2]], [1, 0, 0], 'red first, 0..1');
  t.same([data[191 * 3], data[191 * 3 + 2]], [0, 1], 'blue on the right');
  const [found, ...more] = observations;
  t.equal(more.length, 0);
  t.match(found, { score: 0.75, label: 'face', of: 0, box: { x_min: 0.35, y_min: 0.35, x_max: 0.65, y_max: 0.65 } });
  t.same(found?.points?.nose_tip, [0.35, 0.35]);
  t.same(found?.points?.chin, [0.65, 0.65]);
  t.same(found?.points?.left_eye_top, [0.5, 0.5]);
  t.same(Object.keys(found?.points ?? {}), Object.keys(contourPoints));
});

test('a face on its side is turned by its eyes before it is looked at, in an image of any shape', async (t) => {
  // The person's right eye above the left one: turned clockwise by a quarter.
  const lying: Observation = { ...face, points: { right_eye: [0.5, 0.45], left_eye: [0.5, 0.55] } };
  const answer = meshTensors(1, { [contourPoints.nose_tip]: [192, 96], [contourPoints.chin]: [96, 192] });
  const { observations, fed } = await run(landmarkFace, mesh, await halves(200, 400), [answer], { each: [lying] });
  const data = fed[0]?.data ?? [];
  const at = (x: number, y: number) => [data[(y * 192 + x) * 3], data[(y * 192 + x) * 3 + 2]];
  t.same(
    [at(96, 5), at(96, 186)],
    [
      [0, 1],
      [1, 0],
    ],
    'what was right is above',
  );
  // The square has 1.5 x 80 pixels; its right is below in the image, its bottom on the left.
  t.same(observations[0]?.points?.nose_tip, [0.5, 0.65]);
  t.same(observations[0]?.points?.chin, [0.2, 0.5]);
});

test('without faces named the whole image is one, what is none is left out, and all points are told when asked for', async (t) => {
  const image = await halves(100, 50);
  const whole = await run(landmarkFace, mesh, image, [meshTensors(0.9, { 7: [0, 96] })], { options: { points: 'all' } });
  const [found] = whole.observations;
  t.equal(found?.of, undefined);
  t.equal(Object.keys(found?.points ?? {}).length, meshPoints);
  t.same(
    [found?.points?.p7, found?.points?.p8],
    [
      [0, 0.5],
      [0.5, 0.5],
    ],
  );
  const answers = [meshTensors(0.49), meshTensors(0.6), meshTensors(Number.NaN)];
  const several = await run(landmarkFace, mesh, image, answers, { each: [face, face, face, face], options: { max_faces: 3 } });
  t.equal(several.fed.length, 3);
  t.same(
    several.observations.map(({ of }) => of),
    [1],
  );
  await t.rejects(run(landmarkFace, mesh, image, [], { each: [{ score: 1 }] }), {
    code: 'CONFIG_INVALID',
    message: /observation 0 .* neither box nor quad.*detect-faces/,
  });
});

test('a card that does not suit says what is wrong', async (t) => {
  const input = { name: 'x', dtype: 'float32', shape: [1, 192, 192, 3] } as const;
  t.throws(() => estimatePose.fit({ ...pose, inputs: [input] }), {
    code: 'MODEL_INVALID',
    message: /int32\[1,side,side,3\], the card has float32/,
  });
  t.throws(() => estimatePose.fit({ ...pose, outputs: [{ name: 'y', dtype: 'float32', shape: [1, 56] }] }), { message: /1,1,17,3/ });
  t.throws(() => landmarkFace.fit({ ...mesh, inputs: [{ ...input, shape: [1, 192, 128, 3] }] }), {
    message: /float32\[1,side,side,3\], the card has/,
  });
  t.throws(() => landmarkFace.fit({ ...mesh, params: { ...mesh.params, mesh: 'elsewhere' } }), {
    message: /"elsewhere" has to be \[1,1404\], and is \[not there\]/,
  });
  t.throws(() => landmarkFace.fit({ ...mesh, params: {} }), { code: 'MODEL_INVALID', message: /params do not suit/ });
  estimatePose.fit(pose);
  landmarkFace.fit(mesh);
});

test('points count as wrong when they are off by more than 5 % of the box, missing, or too many', async (t) => {
  const one = (points: Record<string, Point>, of?: number): Observation => ({
    score: 1,
    box: { x_min: 0, y_min: 0, x_max: 0.5, y_max: 0.2 },
    points,
    ...(of === undefined ? {} : { of }),
  });
  const reference = [one({ a: [0.1, 0.1], b: [0.2, 0.1] })];
  const score = (...found: Observation[]) => misplacedPoints.score(reference, found);
  t.same(score(one({ a: [0.124, 0.1], b: [0.2, 0.109] })), { errors: 0, total: 2 });
  t.same(score(one({ a: [0.126, 0.1], b: [0.2, 0.111] })), { errors: 2, total: 2 }, 'in widths and heights of the box');
  t.same(score(one({ a: [0.1, 0.1], c: [0.2, 0.1] })), { errors: 2, total: 2 }, 'one missing, one too many');
  t.same(score(), { errors: 2, total: 2 });
  t.same(score(one({ a: [0.1, 0.1], b: [0.2, 0.1] }, 0)), { errors: 4, total: 2 }, 'another thing');
  t.same(misplacedPoints.score([], []), { errors: 0, total: 0 });
});

/** Where the nose of the astronaut is, in shares of the sample, and how far her eyes are apart. */
const [nose, eyes] = [[0.437, 0.237] as const, 0.08];

test('on a photo of a person the pose has its points where they are, and on one of a cup there is none', async (t) => {
  const model = registry.defaultFor('estimate-pose');
  if (model === null) throw new Error('no model');
  const opened = await openTask(estimatePose as Task, model);
  t.teardown(() => opened.close());
  const { observations } = await opened.run(await readFile('samples/astronaut.png'));
  const points = observations[0]?.points ?? {};
  const [x, y] = points.nose ?? [0, 0];
  t.ok(Math.hypot(x - nose[0], y - nose[1]) < eyes / 4, `the nose is at ${x}, ${y}`);
  t.ok((points.left_shoulder?.[0] ?? 0) > (points.right_shoulder?.[0] ?? 1), 'her left shoulder is on the right');
  t.ok((points.left_shoulder?.[1] ?? 0) > y, 'shoulders are below');
  t.same((await opened.run(await readFile('samples/coffee.png'))).observations, []);
});

test('points of a face stay with the face when the picture is turned', async (t) => {
  const model = registry.defaultFor('landmark-face');
  const detector = registry.defaultFor('detect-faces');
  if (model === null || detector === null) throw new Error('no model');
  const [finder, opened] = [await openTask(detectFaces as Task, detector), await openTask(landmarkFace as Task, model)];
  t.teardown(() => Promise.all([finder.close(), opened.close()]));
  const upright = await readFile('samples/astronaut.png');
  const look = async (picture: Uint8Array) =>
    (await opened.run(picture, (await finder.run(picture)).observations)).observations[0]?.points ?? {};
  const before = await look(upright);
  const [x, y] = before.nose_tip ?? [0, 0];
  t.ok(Math.hypot(x - nose[0], y - nose[1]) < eyes / 3, `the nose is at ${x}, ${y}`);
  t.ok((before.chin?.[1] ?? 0) > (before.mouth_bottom?.[1] ?? 1) && (before.mouth_top?.[1] ?? 0) > y, 'mouth and chin are below');
  const size = 512;
  const degrees = 30;
  const side = size * (Math.cos(Math.PI / 6) + Math.sin(Math.PI / 6));
  const turned = await look(await sharp(upright).rotate(degrees).png().toBuffer());
  for (const name of ['left_eye_outer', 'right_eye_outer', 'nose_tip', 'mouth_left', 'chin']) {
    const [u, v] = (before[name] ?? [0, 0]).map((value) => (value - 0.5) * size) as [number, number];
    const [cos, sin] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
    const expected = [(u * cos - v * sin) / side + 0.5, (u * sin + v * cos) / side + 0.5] as const;
    const [a, b] = turned[name] ?? [0, 0];
    t.ok(Math.hypot(a - expected[0], b - expected[1]) * side < (eyes * size) / 6, `${name} is where it was`);
  }
});
