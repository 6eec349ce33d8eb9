/**
 * landmark-face: where the parts of a face are, by MediaPipe's face mesh.
 *
 * For each face of an earlier stage (or the whole image as one) the model sees a square around it: half as large again as the longer side
 * of its box, turned so that the eyes are level where the stage named them. It answers 468 points, of which a few have a name (see
 * face-points.ts). `score` is how sure the model is that there is a face; below `min_score` nothing is told. The depth of the points is left out:
 * it has no unit in an image.
 *
 * Source: MediaPipe, modules/face_landmark: face_detection_front_detection_to_roi (rotation by the eyes, scale 1.5, square_long) and
 * tensors_to_face_landmarks (192 x 192, values 0..1, presence 0.5).
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { type ModelFacts, modelRef } from '../core/model.js';
import type { Box, Observation, Point } from '../core/result.js';
import type { ImagePort, Task, TaskInput } from '../core/task.js';
import { floats } from '../core/tensor.js';
import { contourPoints, meshPoints } from './face-points.js';
import { boxAround, unitPoint } from './key-points.js';
import { misplacedPoints } from './misplaced-points.js';
import { readParams } from './model-params.js';
import { cropQuad } from './perspective.js';
import { quadBox, requireImage } from './text-lines.js';

const options = z.strictObject({
  points: z
    .enum(['contour', 'all'])
    .default('contour')
    .describe('contour: 26 points with names, some 800 bytes a face; all: p0 .. p467, some 10 KB.'),
  min_score: z.number().min(0).max(1).default(0.5).describe('Least score of a face, 0..1.'),
  max_faces: z
    .int()
    .min(1)
    .max(256)
    .default(16)
    .describe('Most faces of one image, the first of the stage before, 1 .. 256; each is a model run.'),
});

export type LandmarkFaceOptions = z.infer<typeof options>;

const paramsSchema = z.strictObject({
  /** Output names: [1, 1404], x, y and depth of each point in pixels of the input; [1, 1], a score 0..1. */
  mesh: z.string(),
  presence: z.string(),
});

/** 25 % on each side. */
const enlarged = 1.5;

export const landmarkFace: Task<LandmarkFaceOptions> = {
  name: 'landmark-face',
  summary: 'Says where eyes, brows, nose, mouth and chin of a face are.',
  reads: 'image',
  takesEach: true,
  cutsOut: 'turns each face level by its eyes',
  looksAt: 'detect-faces',
  options,
  metric: misplacedPoints,
  fit(model) {
    squareInput(model);
    const { mesh, presence } = readParams(paramsSchema, model);
    const shape = (name: string): string => model.outputs.find((output) => output.name === name)?.shape.join() ?? 'not there';
    for (const [name, wanted] of [
      [mesh, `1,${meshPoints * 3}`],
      [presence, '1,1'],
    ] as const) {
      if (shape(name) !== wanted) throw unsuited(model, `its output "${name}" has to be [${wanted}], and is [${shape(name)}]`);
    }
  },
  async run(input) {
    const image = requireImage(input.image);
    const faces =
      input.each === null ? [wholeImage(image)] : input.each.slice(0, input.options.max_faces).map((face, of) => viewOf(face, of, image));
    const observations: Observation[] = [];
    for (const face of faces) observations.push(...(await look(input, image, face)));
    return observations;
  },
};

function unsuited(model: ModelFacts, what: string): ShoalError {
  return new ShoalError('MODEL_INVALID', `model ${modelRef(model)} does not suit landmark-face: ${what}`);
}

function squareInput(model: ModelFacts): { readonly name: string; readonly side: number } {
  const [spec, ...more] = model.inputs;
  const [batch, height, width, channels] = spec?.shape ?? [];
  if (spec?.dtype === 'float32' && more.length === 0 && batch === 1 && channels === 3 && typeof width === 'number' && height === width) {
    return { name: spec.name, side: width };
  }
  const found = model.inputs.map(({ dtype, shape }) => `${dtype}[${shape.join(',')}]`).join(', ');
  throw unsuited(model, `it needs one input float32[1,side,side,3], the card has ${found}`);
}

/** A square of the image, in its pixels. */
interface View {
  readonly of: number | null;
  readonly centre: Point;
  readonly side: number;
  /** Clockwise, of the face's upright in the image. */
  readonly radians: number;
}

function wholeImage({ width, height }: ImagePort): View {
  return { of: null, centre: [width / 2, height / 2], side: Math.max(width, height), radians: 0 };
}

function viewOf({ box, quad, points }: Observation, of: number, { width, height }: ImagePort): View {
  const place: Box | undefined = box ?? (quad === undefined ? undefined : quadBox(quad));
  if (place === undefined) {
    throw new ShoalError(
      'CONFIG_INVALID',
      `observation ${of} of the stage named by "each" has neither box nor quad; use a stage that finds faces, such as detect-faces`,
    );
  }
  const [right, left] = [points?.right_eye, points?.left_eye];
  const level = right === undefined || left === undefined;
  return {
    of,
    centre: [((place.x_min + place.x_max) / 2) * width, ((place.y_min + place.y_max) / 2) * height],
    side: Math.max(1, enlarged * Math.max((place.x_max - place.x_min) * width, (place.y_max - place.y_min) * height)),
    radians: level ? 0 : Math.atan2((left[1] - right[1]) * height, (left[0] - right[0]) * width),
  };
}

/** From the unit square of a view to pixels of the image. */
function placed({ centre, side, radians }: View, u: number, v: number): Point {
  const [x, y] = [(u - 0.5) * side, (v - 0.5) * side];
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
  return [centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos];
}

async function look(input: TaskInput<LandmarkFaceOptions>, image: ImagePort, view: View): Promise<Observation[]> {
  const { name, side } = squareInput(input.model);
  const { mesh, presence } = readParams(paramsSchema, input.model);
  const data = await input.measure('preprocess', () => crop(image, view, side));
  const outputs = await input.infer({ [name]: { dtype: 'float32', shape: [1, side, side, 3], data } });
  return input.measure('postprocess', () => {
    const score = Math.min(1, floats(outputs, presence)[0] ?? 0);
    if (!(score >= input.options.min_score)) return [];
    const values = floats(outputs, mesh);
    const at = (vertex: number): Point => {
      const [x, y] = placed(view, (values[vertex * 3] ?? 0) / side, (values[vertex * 3 + 1] ?? 0) / side);
      return [x / image.width, y / image.height];
    };
    const all = Array.from({ length: meshPoints }, (_, vertex) => at(vertex));
    return [
      {
        score: Math.round(score * 1e4) / 1e4,
        label: 'face',
        box: boxAround(all),
        points: named(all, input.options.points),
        ...(view.of === null ? {} : { of: view.of }),
      },
    ];
  });
}

function named(all: readonly Point[], which: LandmarkFaceOptions['points']): Record<string, Point> {
  if (which === 'all') return Object.fromEntries(all.map((point, vertex) => [`p${vertex}`, unitPoint(point)]));
  return Object.fromEntries(Object.entries(contourPoints).map(([name, vertex]) => [name, unitPoint(all[vertex] ?? [0, 0])]));
}

/** The view as the model takes it: interleaved RGB, 0..1. */
async function crop(image: ImagePort, view: View, side: number): Promise<Float32Array> {
  const corners = [placed(view, 0, 0), placed(view, 1, 0), placed(view, 1, 1), placed(view, 0, 1)].flat();
  const planeSize = side * side;
  const planes = new Float32Array(planeSize * 3);
  cropQuad(
    await image.pixels(),
    corners,
    { width: side, height: side },
    { mean: 0, std: 1 },
    { data: planes, offset: 0, planeSize, rowSize: side },
  );
  const data = new Float32Array(planeSize * 3);
  for (let i = 0, to = 0; i < planeSize; i++) {
    for (let plane = 2; plane >= 0; plane--) data[to++] = planes[plane * planeSize + i] ?? 0;
  }
  return data;
}
