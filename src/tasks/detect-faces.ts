/**
 * detect-faces: faces with six key points, by a BlazeFace detector.
 *
 * Pre-processing as MediaPipe's face detector states it: RGB, aspect ratio kept, the rest black, values -1..1.
 * Anchors, decoding and weighted suppression: see blazeface.ts and weighted-nms.ts.
 *
 * Small faces: the model is sure of a face from about 8 % of its input's side. The whole image is always looked at first, in one
 * run. Candidates smaller than `small` of the input, sure or not, are evidence of faces that the reduction has blurred; only windows
 * that hold such evidence are looked at again at twice the size, and so on. So an image without people or with large faces costs
 * one run, or a few where something resembles a face; a crowd costs all its windows, up to `max_runs`. What leaves no trace in
 * the whole image (below some 2 % of its longer side) is not found.
 */
import { z } from 'zod';
import type { Task, TaskInput } from '../core/contracts.js';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type ModelFacts, modelRef } from '../core/model.js';
import type { Observation } from '../core/result.js';
import { floats } from '../core/tensor.js';
import type { PixelNormalisation } from '../core/workbench.js';
import { blazefaceAnchors, boxValues, type Candidate, decodeBlazeface, keyPointNames } from './blazeface.js';
import { type Level, pyramid, type Tile, tileBytes, tilePixels, tilesOf } from './image-tiles.js';
import { unmatchedBoxes } from './unmatched-boxes.js';
import { weightedNms } from './weighted-nms.js';

const options = z.strictObject({
  min_score: z.number().min(0.3).max(1).default(0.75).describe('Least score of a face, 0.3 .. 1.'),
  tiles: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe('auto: look again, larger, where the whole image shows signs of small faces; off: one run an image.'),
  max_runs: z.int().min(1).max(limits.tileRunsMax).default(32).describe(`Most model runs an image may cost, 1 .. ${limits.tileRunsMax}.`),
});

const paramsSchema = z.strictObject({
  /** Stride in pixels of each anchor layer, in the order of the outputs. */
  anchor_strides: z.array(z.int().positive()).min(1).max(8),
  /** Output names, in anchor order: logits [1, n, 1] and boxes [1, n, 16]. */
  scores: z.array(z.string()).min(1).max(8),
  boxes: z.array(z.string()).min(1).max(8),
  /** Logits are clipped to +- this. */
  score_clip: z.number().positive(),
  /** What the pixel values 0 and 255 become. */
  value_range: z.tuple([z.number(), z.number()]).refine(([low, high]) => low < high, { message: 'the first is the smaller' }),
  /** Intersection over union above which candidates are one face. */
  max_overlap: z.number().gt(0).lt(1),
});

type Options = z.infer<typeof options>;
type Params = z.infer<typeof paramsSchema>;

/** Score from which a small candidate is evidence worth a closer look. */
const hintScore = 0.3;
/** A candidate below this share of the input's side is small: twice the size would make it surer. */
const small = 0.15;
/** Share of the input's side that windows overlap: no evidence is larger than half of it at the level before. */
const tileOverlap = 0.25;
/** Share of a window's side within which its content may be cut. */
const rim = 0.02;
/** 256 .. 2048 pixels: beyond, the enlarged copy costs more memory than the model. */
const levelsMax = 4;

function fit(model: ModelFacts): void {
  const wrong = (what: string) => new ShoalError('MODEL_INVALID', `model ${modelRef(model)} does not suit detect-faces: ${what}`);
  const params = paramsSchema.safeParse(model.params);
  if (!params.success) throw wrong(`params: ${z.prettifyError(params.error).replaceAll('\n', ' ')}`);
  const input = model.inputs[0];
  const [batch, height, width, channels] = input?.shape ?? [];
  if (
    model.inputs.length !== 1 ||
    (input?.dtype !== 'float32' && input?.dtype !== 'uint8') ||
    batch !== 1 ||
    channels !== 3 ||
    typeof width !== 'number' ||
    width !== height
  ) {
    throw wrong(
      `it needs one input float32[1,side,side,3], or uint8 for pixels as they are; the card has ${model.inputs.map((i) => `${i.dtype}[${i.shape}]`).join(', ')}`,
    );
  }
  const uneven = params.data.anchor_strides.find((stride) => width % stride !== 0);
  if (uneven !== undefined) throw wrong(`the anchor stride ${uneven} does not divide the input side ${width}`);
  const anchors = blazefaceAnchors(width, params.data.anchor_strides).length / 2;
  for (const [names, values] of [[params.data.scores, 1] as const, [params.data.boxes, boxValues] as const]) {
    const shapes = names.map((name) => model.outputs.find((output) => output.name === name)?.shape ?? []);
    const rows = shapes.reduce((sum, shape) => sum + (shape[2] === values && typeof shape[1] === 'number' ? shape[1] : Number.NaN), 0);
    if (rows !== anchors) {
      throw wrong(
        `the strides make ${anchors} anchors, so the outputs ${names.join(' + ')} must hold ${anchors} x ${values} values in all`,
      );
    }
  }
}

/** What one image needs over its levels. */
interface Look {
  readonly input: TaskInput<Options>;
  readonly params: Params;
  readonly side: number;
  readonly anchors: Float32Array;
  runs: number;
}

/** Candidates of a level in the unit square of the image; `hints` are those small enough to deserve the next level. */
async function lookAt(
  look: Look,
  level: Level,
  evidence: readonly Candidate[] | null,
): Promise<{ found: Candidate[]; hints: Candidate[] }> {
  const { input, side } = look;
  const tiles = promising(tilesOf(level, side, side * tileOverlap), level, side, evidence).slice(0, input.options.max_runs - look.runs);
  const found: Candidate[] = [];
  const [low, high] = look.params.value_range;
  const image = await input.measure('preprocess', async () => input.image?.resize(level.width, level.height));
  if (image === undefined) throw new ShoalError('CAPTURE_UNSUPPORTED', 'detect-faces looks at images, and this capture is none');
  for (const tile of tiles) {
    const { name, dtype } = input.model.inputs[0] ?? { name: '', dtype: 'float32' };
    const inBytes = dtype === 'uint8';
    const data = await input.measure('preprocess', () =>
      inBytes ? tileBytes(image, tile, side) : tilePixels(image, tile, side, low, high),
    );
    const outputs = await input.infer({ [name]: { dtype, shape: [1, side, side, 3], data } });
    look.runs++;
    await input.measure('postprocess', () => {
      const logits = joined(look.params.scores.map((output) => floats(outputs, output)));
      const boxes = joined(look.params.boxes.map((output) => floats(outputs, output)));
      const seen = decodeBlazeface(logits, boxes, look.anchors, {
        inputSize: side,
        scoreClip: look.params.score_clip,
        minScore: hintScore,
      });
      for (const candidate of seen) if (!cut(candidate, tile, level, side)) found.push(placed(candidate, tile, level, side));
    });
  }
  const merged = weightedNms(found, look.params.max_overlap);
  const size = ({ box }: Candidate) => Math.max((box[2] - box[0]) * level.width, (box[3] - box[1]) * level.height);
  return { found: merged, hints: merged.filter((candidate) => size(candidate) < small * side) };
}

/** Windows that hold the centre of some evidence, those with the most of it first; all of them without evidence to go by. */
function promising(tiles: readonly Tile[], level: Level, side: number, evidence: readonly Candidate[] | null): readonly Tile[] {
  if (evidence === null) return tiles;
  const weigh = (tile: Tile) =>
    evidence.reduce((sum, { box, score }) => {
      const x = ((box[0] + box[2]) / 2) * level.width - tile.x;
      const y = ((box[1] + box[3]) / 2) * level.height - tile.y;
      return x >= 0 && x < side && y >= 0 && y < side ? sum + score : sum;
    }, 0);
  return tiles
    .map((tile) => ({ tile, weight: weigh(tile) }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ tile }) => tile);
}

/** Whether a face touches the rim of its window where the image goes on: a neighbouring window sees it whole. */
function cut({ box }: Candidate, tile: Tile, level: Level, side: number): boolean {
  return (
    (box[0] < rim && tile.x > 0) ||
    (box[1] < rim && tile.y > 0) ||
    (box[2] > 1 - rim && tile.x + side < level.width) ||
    (box[3] > 1 - rim && tile.y + side < level.height)
  );
}

/** From the unit square of a window to that of the image. */
function placed(candidate: Candidate, tile: Tile, level: Level, side: number): Candidate {
  const x = (value: number) => (value * side + tile.x) / level.width;
  const y = (value: number) => (value * side + tile.y) / level.height;
  const [left, top, right, bottom] = candidate.box;
  return { score: candidate.score, box: [x(left), y(top), x(right), y(bottom)], points: candidate.points.map((p) => [x(p[0]), y(p[1])]) };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Inside the image, to a hundred-thousandth: finer than any camera's pixel, short in the payload. */
function unit(value: number): number {
  return Math.round(Math.min(1, Math.max(0, value)) * 1e5) / 1e5;
}

function observe({ score, box, points }: Candidate): Observation {
  return {
    score: Math.round(score * 1e4) / 1e4,
    label: 'face',
    box: { x_min: unit(box[0]), y_min: unit(box[1]), x_max: unit(box[2]), y_max: unit(box[3]) },
    points: Object.fromEntries(keyPointNames.map((name, k) => [name, [unit(points[k]?.[0] ?? 0), unit(points[k]?.[1] ?? 0)]])),
  };
}

function pixels(model: ModelFacts): PixelNormalisation | null {
  fit(model);
  const [input] = model.inputs;
  if (input === undefined || input.dtype === 'uint8') return null;
  const [low, high] = paramsSchema.parse(model.params).value_range;
  // A byte b becomes low + b / 255 * (high - low).
  const [mean, std] = [low / (low - high), 1 / (high - low)];
  return { input: { ...input, dtype: 'uint8' }, channelOrder: 'rgb', mean: [mean, mean, mean], std: [std, std, std] };
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  if (input.image === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'detect-faces looks at images, and this capture is none');
  const params = paramsSchema.parse(input.model.params);
  const side = Number(input.model.inputs[0]?.shape[1]);
  const look: Look = { input, params, side, anchors: blazefaceAnchors(side, params.anchor_strides), runs: 0 };
  const levels = pyramid(input.image.width, input.image.height, side, input.options.tiles === 'auto' ? levelsMax : 1);
  const faces: Candidate[] = [];
  let evidence: Candidate[] | null = null;
  for (const level of levels) {
    const { found, hints }: { found: Candidate[]; hints: Candidate[] } = await lookAt(look, level, evidence);
    faces.push(...found.filter((candidate) => candidate.score >= input.options.min_score));
    evidence = hints;
    if (hints.length === 0 || look.runs >= input.options.max_runs) break;
  }
  return input.measure('postprocess', () => weightedNms(faces, params.max_overlap).slice(0, limits.observationsMax).map(observe));
}

export const detectFaces: Task<Options> = {
  name: 'detect-faces',
  summary: 'Finds faces: a box, a score and six key points each.',
  reads: 'image',
  takesEach: false,
  options,
  // A face that is missed is a person who was not seen.
  metric: { ...unmatchedBoxes, budget: 0 },
  fit,
  pixels,
  run,
};
