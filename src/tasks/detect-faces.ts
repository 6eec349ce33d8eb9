/**
 * detect-faces: faces, with key points where the model gives them.
 *
 * The family of the detector is data in the card (`decoder`): BlazeFace, YuNet, or SSD such as UltraFace; each is a file in faces/ and
 * a line in the table below. What all share is here: windows, levels and weighted suppression (see faces/weighted-nms.ts).
 *
 * Small faces: BlazeFace is sure of a face from about 8 % of its input's side. The whole image is always looked at first, in one
 * run. Candidates smaller than `small` of the input, sure or not, are evidence of faces that the reduction has blurred; only windows
 * that hold such evidence are looked at again at twice the size, and so on. So an image without people or with large faces costs
 * one run, or a few where something resembles a face; a crowd costs all its windows, up to `max_runs`. What leaves no trace in
 * the whole image (below some 2 % of its longer side) is not found.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { ModelFacts } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { blazeface, blazefaceParams } from './faces/blazeface.js';
import type { Candidate, FaceDecoder } from './faces/decoder.js';
import { ssdFaces, ssdFacesParams } from './faces/ssd-faces.js';
import { weightedNms } from './faces/weighted-nms.js';
import { yunet, yunetParams } from './faces/yunet.js';
import { share } from './framing.js';
import { type Level, pyramid, type Tile, tilesOf, type Window } from './image-tiles.js';
import { readParams } from './model-params.js';
import { normalisationOf, packPixels } from './pixels.js';
import { unmatchedBoxes } from './unmatched-boxes.js';

const options = z.strictObject({
  min_score: z.number().min(0.3).max(1).default(0.75).describe('Least score of a face, 0.3 .. 1.'),
  tiles: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe('auto: look again, larger, where the whole image shows signs of small faces; off: one run an image.'),
  max_runs: z.int().min(1).max(limits.tileRunsMax).default(32).describe(`Most model runs an image may cost, 1 .. ${limits.tileRunsMax}.`),
});

/** A card without `decoder` is of the time when BlazeFace was the only one. */
const params = z.preprocess(
  (given) => (typeof given === 'object' && given !== null && !('decoder' in given) ? { ...given, decoder: 'blazeface' } : given),
  z.discriminatedUnion('decoder', [blazefaceParams, yunetParams, ssdFacesParams]),
);

type Options = z.infer<typeof options>;
type Params = z.infer<typeof params>;

const families: { [Name in Params['decoder']]: (model: ModelFacts, settings: Extract<Params, { decoder: Name }>) => FaceDecoder } = {
  blazeface,
  yunet,
  ssd: ssdFaces,
};

/** Throws MODEL_INVALID. */
function decoderOf(model: ModelFacts): FaceDecoder {
  const settings = readParams(params, model);
  return (families[settings.decoder] as (model: ModelFacts, settings: Params) => FaceDecoder)(model, settings);
}

/** Score from which a small candidate is evidence worth a closer look. */
const hintScore = 0.3;
/** Share of the input's side that windows overlap: no evidence is larger than half of it at the level before. */
const tileOverlap = 0.25;
/** Share of a window's side within which its content may be cut. */
const rim = 0.02;
/** 256 .. 2048 pixels: beyond, the enlarged copy costs more memory than the model. */
const levelsMax = 4;

/** What one image needs over its levels. */
interface Look {
  readonly input: TaskInput<Options>;
  readonly decoder: FaceDecoder;
  runs: number;
}

/** Candidates of a level in the unit square of the image; `hints` are those small enough to deserve the next level. */
async function lookAt(
  look: Look,
  level: Level,
  evidence: readonly Candidate[] | null,
): Promise<{ found: Candidate[]; hints: Candidate[] }> {
  const { input, decoder } = look;
  const { frame } = decoder;
  const tiles = promising(tilesOf(level, frame, tileOverlap), level, frame, evidence).slice(0, input.options.max_runs - look.runs);
  const found: Candidate[] = [];
  const image = await input.measure('preprocess', async () => input.image?.resize(level.width, level.height));
  if (image === undefined) throw new ShoalError('CAPTURE_UNSUPPORTED', 'detect-faces looks at images, and this capture is none');
  for (const tile of tiles) {
    const tensor = await input.measure('preprocess', () => packPixels(image, { x: -tile.x, y: -tile.y }, frame));
    const outputs = await input.infer({ [frame.name]: tensor });
    look.runs++;
    await input.measure('postprocess', () => {
      for (const candidate of decoder.decode(outputs, hintScore)) {
        if (!cut(candidate, tile, level, frame)) found.push(placed(candidate, tile, level, frame));
      }
    });
  }
  const merged = weightedNms(found, decoder.maxOverlap);
  const size = ({ box }: Candidate) => Math.max((box[2] - box[0]) * level.width, (box[3] - box[1]) * level.height);
  const smallest = decoder.small * Math.min(frame.width, frame.height);
  return { found: merged, hints: merged.filter((candidate) => size(candidate) < smallest) };
}

/** Windows that hold the centre of some evidence, those with the most of it first; all of them without evidence to go by. */
function promising(tiles: readonly Tile[], level: Level, window: Window, evidence: readonly Candidate[] | null): readonly Tile[] {
  if (evidence === null) return tiles;
  const weigh = (tile: Tile) =>
    evidence.reduce((sum, { box, score }) => {
      const x = ((box[0] + box[2]) / 2) * level.width - tile.x;
      const y = ((box[1] + box[3]) / 2) * level.height - tile.y;
      return x >= 0 && x < window.width && y >= 0 && y < window.height ? sum + score : sum;
    }, 0);
  return tiles
    .map((tile) => ({ tile, weight: weigh(tile) }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ tile }) => tile);
}

/** Whether a face touches the rim of its window where the image goes on: a neighbouring window sees it whole. */
function cut({ box }: Candidate, tile: Tile, level: Level, window: Window): boolean {
  return (
    (box[0] < rim && tile.x > 0) ||
    (box[1] < rim && tile.y > 0) ||
    (box[2] > 1 - rim && tile.x + window.width < level.width) ||
    (box[3] > 1 - rim && tile.y + window.height < level.height)
  );
}

/** From the unit square of a window to that of the image. */
function placed(candidate: Candidate, tile: Tile, level: Level, window: Window): Candidate {
  const x = (value: number) => (value * window.width + tile.x) / level.width;
  const y = (value: number) => (value * window.height + tile.y) / level.height;
  const [left, top, right, bottom] = candidate.box;
  return { score: candidate.score, box: [x(left), y(top), x(right), y(bottom)], points: candidate.points.map((p) => [x(p[0]), y(p[1])]) };
}

function observe({ score, box, points }: Candidate, names: readonly string[]): Observation {
  return {
    score: Math.round(score * 1e4) / 1e4,
    label: 'face',
    box: { x_min: share(box[0]), y_min: share(box[1]), x_max: share(box[2]), y_max: share(box[3]) },
    ...(names.length === 0
      ? {}
      : { points: Object.fromEntries(names.map((name, k) => [name, [share(points[k]?.[0] ?? 0), share(points[k]?.[1] ?? 0)]])) }),
  };
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  if (input.image === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'detect-faces looks at images, and this capture is none');
  const decoder = decoderOf(input.model);
  const look: Look = { input, decoder, runs: 0 };
  const levels = pyramid(input.image.width, input.image.height, decoder.frame, input.options.tiles === 'auto' ? levelsMax : 1);
  const faces: Candidate[] = [];
  let evidence: Candidate[] | null = null;
  for (const level of levels) {
    const { found, hints }: { found: Candidate[]; hints: Candidate[] } = await lookAt(look, level, evidence);
    faces.push(...found.filter((candidate) => candidate.score >= input.options.min_score));
    evidence = hints;
    if (hints.length === 0 || look.runs >= input.options.max_runs) break;
  }
  return input.measure('postprocess', () =>
    weightedNms(faces, decoder.maxOverlap)
      .slice(0, limits.observationsMax)
      .map((face) => observe(face, decoder.pointNames)),
  );
}

export const detectFaces: Task<Options> = {
  name: 'detect-faces',
  summary: 'Finds faces: a box and a score each, and key points where the model gives them.',
  reads: 'image',
  takesEach: false,
  options,
  // A face that is missed is a person who was not seen.
  metric: { ...unmatchedBoxes, budget: 0 },
  fit: (model) => void decoderOf(model),
  pixels: (model) => normalisationOf(decoderOf(model).frame),
  run,
};
