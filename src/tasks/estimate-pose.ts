/**
 * estimate-pose: the 17 key points of one person, by a MoveNet single pose model.
 *
 * The image is laid into the model's square as its page asks: aspect ratio kept, centred, the rest black, RGB 0..255. The model answers for
 * the person nearest to the centre and has no score for whether there is one, so a pose is told when enough points are sure. Points
 * that are not sure are left out; `score` is the mean of those told. Deliberately one person, without memory of the frame before: for several, or
 * for small ones, something has to find them first.
 *
 * Source: the model's page, google/movenet/singlepose/lightning/4 of TensorFlow Hub: input, output, threshold 0.3.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { type ModelFacts, modelRef } from '../core/model.js';
import type { Observation, Point } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { floats, type TensorSpec } from '../core/tensor.js';
import { boxAround, unitPoint } from './key-points.js';
import { misplacedPoints } from './misplaced-points.js';
import { onlyTensor } from './model-params.js';
import { requireImage } from './text-lines.js';

/** COCO's, in the order of the model's output. Left and right are the person's. */
export const poseNames = [
  'nose',
  'left_eye',
  'right_eye',
  'left_ear',
  'right_ear',
  'left_shoulder',
  'right_shoulder',
  'left_elbow',
  'right_elbow',
  'left_wrist',
  'right_wrist',
  'left_hip',
  'right_hip',
  'left_knee',
  'right_knee',
  'left_ankle',
  'right_ankle',
] as const;

/** y, x and score of each. */
const pointValues = 3;

const options = z.strictObject({
  min_score: z.number().min(0).max(1).default(0.3).describe('Least score of a point, 0..1; others are left out.'),
  min_points: z.int().min(1).max(poseNames.length).default(5).describe('With fewer such points there is no pose, 1 .. 17.'),
});

export type EstimatePoseOptions = z.infer<typeof options>;

export const estimatePose: Task<EstimatePoseOptions> = {
  name: 'estimate-pose',
  summary: 'Finds the key points of the person nearest to the centre: eyes, shoulders, hands, knees.',
  reads: 'image',
  takesEach: false,
  options,
  metric: misplacedPoints,
  fit(model) {
    squareInput(model);
    onlyTensor(model, 'outputs', [1, 1, poseNames.length, pointValues]);
  },
  async run(input) {
    const view = await input.measure('preprocess', () => letterbox(input));
    const { name, side } = squareInput(input.model);
    const outputs = await input.infer({ [name]: { dtype: 'int32', shape: [1, side, side, 3], data: view.pixels } });
    const values = floats(outputs, onlyTensor(input.model, 'outputs', [1, 1, poseNames.length, pointValues]).name);
    return input.measure('postprocess', () => poseOf(values, view, input.options));
  },
};

/** Throws MODEL_INVALID. */
function squareInput(model: ModelFacts): { readonly name: string; readonly side: number } {
  const [spec, ...more] = model.inputs;
  const [batch, height, width, channels] = spec?.shape ?? [];
  if (spec?.dtype === 'int32' && more.length === 0 && batch === 1 && channels === 3 && typeof width === 'number' && height === width) {
    return { name: spec.name, side: width };
  }
  const found = model.inputs.map(({ dtype, shape }: TensorSpec) => `${dtype}[${shape.join(',')}]`).join(', ');
  throw new ShoalError(
    'MODEL_INVALID',
    `model ${modelRef(model)} does not suit estimate-pose: it needs one input int32[1,side,side,3], the card has ${found}`,
  );
}

interface View {
  /** Interleaved RGB, 0..255. */
  readonly pixels: Int32Array;
  /** From the unit square of the model's input to that of the image: `(value - offset) / share`. */
  readonly offset: Point;
  readonly share: Point;
}

/** The whole image in the middle of the model's square. */
async function letterbox({ image: given, model }: TaskInput<EstimatePoseOptions>): Promise<View> {
  const image = requireImage(given);
  const { side } = squareInput(model);
  const scale = side / Math.max(image.width, image.height);
  const [width, height] = [image.width, image.height].map((size) => Math.max(1, Math.round(size * scale)));
  if (width === undefined || height === undefined) throw new ShoalError('SHOAL_INTERNAL', 'an image without sides');
  const { data } = await image.resize(width, height);
  const [left, top] = [Math.floor((side - width) / 2), Math.floor((side - height) / 2)];
  const pixels = new Int32Array(side * side * 3);
  for (let y = 0; y < height; y++) pixels.set(data.subarray(y * width * 3, (y + 1) * width * 3), ((y + top) * side + left) * 3);
  return { pixels, offset: [left / side, top / side], share: [width / side, height / side] };
}

function poseOf(values: Float32Array, { offset, share }: View, { min_score, min_points }: EstimatePoseOptions): Observation[] {
  const points: Record<string, Point> = {};
  let sum = 0;
  for (const [i, name] of poseNames.entries()) {
    const [y = 0, x = 0, score = 0] = values.subarray(i * pointValues, (i + 1) * pointValues);
    // A score that is no number compares false.
    if (!(score >= min_score)) continue;
    points[name] = unitPoint([(x - offset[0]) / share[0], (y - offset[1]) / share[1]]);
    sum += Math.min(1, score);
  }
  const found = Object.values(points);
  if (found.length < min_points) return [];
  return [{ score: Math.round((sum / found.length) * 1e4) / 1e4, label: 'person', box: boxAround(found), points }];
}
