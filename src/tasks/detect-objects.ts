/**
 * detect-objects: things of known kinds in an image, each with its label, a score and a box.
 *
 * The card says as data how the image is brought into the model (`fit`, `align`, `pixels`) and how its outputs are read (`decoder` and what
 * that one needs); a family of detectors is a file in objects/ and a line in the table below. Deliberately one run an image:
 * things smaller than a few pixels of the model's input are not found.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type ModelFacts, modelRef } from '../core/model.js';
import type { Observation } from '../core/result.js';
import { nearest } from '../core/suggest.js';
import type { Task, TaskInput } from '../core/task.js';
import { floats } from '../core/tensor.js';
import { boxInPicture, framing, wholeTensor } from './framing.js';
import { readParams, unfit } from './model-params.js';
import { anchorFree, anchorFreeParams } from './objects/anchor-free.js';
import { classNms } from './objects/class-nms.js';
import type { Decode, Head } from './objects/decoder.js';
import { draftDetector } from './objects/draft.js';
import { fastestDet, fastestDetParams } from './objects/fastestdet.js';
import { grid, gridParams } from './objects/grid.js';
import { ssd, ssdParams } from './objects/ssd.js';
import { type Frame, frameOf, normalisationOf, pixelFormat } from './pixels.js';
import { requireImage } from './text-lines.js';
import { unmatchedLabelledBoxes } from './unmatched-boxes.js';

const minScore = z.number().min(0.05).max(1);
const maxOverlap = z.number().gt(0).lt(1);

const options = z.strictObject({
  min_score: minScore.optional().describe("Least score of a thing, 0.05 .. 1; without it, what the model's card says."),
  max_overlap: maxOverlap
    .optional()
    .describe("Intersection over union above which two boxes of one kind are one thing, 0 .. 1; without it, what the model's card says."),
  max_observations: z
    .int()
    .min(1)
    .max(limits.observationsMax)
    .default(100)
    .describe(`Most things an image may have, the surest first, 1 .. ${limits.observationsMax}.`),
  labels: z
    .array(z.string().min(1).max(256))
    .min(1)
    .max(limits.observationsMax)
    .optional()
    .describe("Only these kinds of things, as the model's labels name them; without it, all."),
});

type Options = z.infer<typeof options>;

const common = { ...framing, pixels: pixelFormat, min_score: minScore, max_overlap: maxOverlap };

const params = z.discriminatedUnion('decoder', [
  z.strictObject({ ...common, ...gridParams }),
  z.strictObject({ ...common, ...fastestDetParams }),
  z.strictObject({ ...common, ...anchorFreeParams }),
  z.strictObject({ ...common, ...ssdParams }),
]);

type Params = z.infer<typeof params>;
type Of<Name extends Params['decoder']> = Extract<Params, { decoder: Name }>;

const decoders: { [Name in Params['decoder']]: (head: Head, settings: Of<Name>) => Decode } = {
  grid,
  fastestdet: fastestDet,
  'anchor-free': anchorFree,
  ssd,
};

/** Throws MODEL_INVALID. */
function open(model: ModelFacts): { readonly settings: Params; readonly frame: Frame; readonly decode: Decode } {
  const settings = readParams(params, model);
  const frame = frameOf(model, settings.pixels);
  if (model.labels.length === 0) throw unfit(model, 'it has no labels, and a thing without a name is none');
  const head = { model, width: frame.width, height: frame.height, kinds: model.labels.length };
  const make = decoders[settings.decoder] as (head: Head, settings: Params) => Decode;
  return { settings, frame, decode: make(head, settings) };
}

function fitOptions(model: ModelFacts, { labels = [] }: Options): void {
  const unknown = labels.find((label) => !model.labels.includes(label));
  if (unknown === undefined) return;
  const near = nearest(unknown, model.labels);
  const known = `${modelRef(model)} knows ${model.labels.slice(0, 8).join(', ')}${model.labels.length > 8 ? ` and ${model.labels.length - 8} more` : ''}`;
  throw new ShoalError('CONFIG_INVALID', `labels: "${unknown}" is no label; ${near === null ? known : `did you mean ${near}?`}`);
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  const image = requireImage(input.image);
  const { settings, frame, decode } = open(input.model);
  const { min_score: least = settings.min_score, max_overlap: most = settings.max_overlap, labels, max_observations } = input.options;
  const { tensor, place } = await input.measure('preprocess', () => wholeTensor(image, frame, settings));
  const outputs = await input.infer({ [frame.name]: tensor });
  return input.measure('postprocess', () => {
    const found = decode((name) => floats(outputs, name), least);
    const name = (kind: number) => input.model.labels[kind] ?? '';
    const wanted = labels === undefined ? found : found.filter(({ kind }) => labels.includes(name(kind)));
    return classNms(wanted, most, max_observations).flatMap(({ score, kind, box }) => {
      const placed = boxInPicture(box, place, frame);
      // What a model sees in the padding alone is in no image.
      if (placed.x_max <= placed.x_min || placed.y_max <= placed.y_min) return [];
      return [{ score: Math.round(score * 1e4) / 1e4, label: name(kind), box: placed }];
    });
  });
}

export const detectObjects: Task<Options> = {
  name: 'detect-objects',
  summary: 'Finds things of known kinds: a label, a box and a score each.',
  reads: 'image',
  takesEach: false,
  options,
  metric: unmatchedLabelledBoxes,
  fit: (model) => void open(model),
  fitOptions,
  pixels: (model) => normalisationOf(open(model).frame),
  draft: draftDetector,
  run,
};
