/**
 * read-text: the characters of text lines.
 *
 * For each observation of an earlier stage with a quad (or box), or the whole image as one line: the line is cut out
 * straight, scaled to the model's height and read. Answers `{text, score, quad, box, of}` in the order of that stage; a
 * line in which nothing legible is read (no text, or a score below `min_score`) is left out, so `of` may skip.
 * Guarantees: what is read in a line does not depend on the other lines of the image; memory is bounded by `max_width_px`
 * and `batch_lines`. Deliberately corrects no spelling.
 *
 * Source: PaddleOCR, tools/infer/predict_rec.py and ppocr/postprocess/rec_postprocess.py (CTCLabelDecode: blank first, then the
 * dictionary, then a space): height 48, kept ratio, (x / 255 - 0.5) / 0.5, B, G, R, padded with 0 on the right.
 * Departures: upstream drops lines below 0.5; of 3,124 true lines, rendered and scanned, the float reads none below 0.66, but half of
 * what it reads where a photo holds no legible text. Upstream pads to the widest line of six and at least to 320; here a line is padded to
 * the next multiple and the minimum of the card, because padding costs as much as text and a line's text must be its own. Faint spaces
 * are written (`space_score`, see ctc.ts), which upstream loses.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type ModelFacts, modelRef } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { floats } from '../core/tensor.js';
import { characterErrors, characterErrorsWithSpaces } from './character-errors.js';
import { decodeCtc } from './ctc.js';
import { onlyTensor, readParams } from './model-params.js';
import { cropQuad } from './perspective.js';
import { quadBox, requireImage, type TextLine, textLines } from './text-lines.js';

const options = z.strictObject({
  min_score: z.number().min(0).max(1).default(0.6).describe('Lines read with a lower score are left out, 0..1'),
  max_width_px: z
    .int()
    .min(64)
    .max(4096)
    .default(2400)
    .describe('Longest line as the model sees it, in pixels at its height; longer lines are squeezed'),
  space_score: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe(
      'A gap between characters is read as a space from this probability, 0..1; 1 leaves it to the most probable character of each step',
    ),
  batch_lines: z
    .int()
    .min(1)
    .max(32)
    .default(1)
    .describe('Lines of equal width in one model run; more than 1 costs memory and rarely pays on a CPU'),
});

export type ReadTextOptions = z.infer<typeof options>;

const params = z.strictObject({
  height: z.int().min(8).max(256),
  /** Lines are padded to at least this and to a multiple of the next, pixels. */
  min_width: z.int().min(8).max(1024),
  width_multiple: z.int().min(1).max(320),
  channel_order: z.literal('bgr'),
  mean: z.number(),
  std: z.number().positive(),
  /** The model's classes: a blank, the labels, a space. */
  classes: z.literal('blank labels space'),
});

type Params = z.infer<typeof params>;

interface Cut extends TextLine {
  readonly position: number;
  readonly width: number;
  readonly paddedWidth: number;
}

export const readText: Task<ReadTextOptions> = {
  name: 'read-text',
  summary: 'Reads the characters of text lines.',
  reads: 'image',
  takesEach: true,
  cutsOut: 'straightens each line by its corners',
  looksAt: 'detect-text',
  options,
  metric: characterErrors,
  alsoMetric: characterErrorsWithSpaces,
  fit(model) {
    const { height } = readParams(params, model);
    onlyTensor(model, 'inputs', [null, 3, height, null]);
    const classes = onlyTensor(model, 'outputs', [null, null, null]).shape[2];
    if (classes !== model.labels.length + 2) {
      throw new ShoalError(
        'MODEL_INVALID',
        `model ${modelRef(model)}: it has ${classes} classes, its ${model.labels.length} labels with blank and space make ${model.labels.length + 2}`,
      );
    }
  },
  async run(input) {
    const settings = readParams(params, input.model);
    const lines = textLines(input.each, requireImage(input.image)).slice(0, limits.observationsMax);
    const read: (Observation | null)[] = lines.map(() => null);
    const planned = batches(lines, settings, input.options);
    // One buffer for all runs: fresh memory for each costs page faults and makes the garbage collector look at once.
    const buffer = new Float32Array(Math.max(0, ...planned.map((batch) => sizeOf(batch, settings))));
    for (const batch of planned) {
      for (const [index, observation] of (await readBatch(input, settings, batch, buffer)).entries()) {
        read[batch[index]?.position ?? 0] = observation;
      }
    }
    return read.filter((observation) => observation !== null);
  },
};

/** Lines of equal padded width together, at most `batch_lines`, the narrow ones first: the runtime's memory grows once. */
function batches(lines: readonly TextLine[], settings: Params, { max_width_px, batch_lines }: ReadTextOptions): Cut[][] {
  const cuts = lines.map((line, position) => {
    const width = Math.min(max_width_px, Math.max(1, Math.ceil(settings.height * line.ratio)));
    const paddedWidth = Math.max(settings.min_width, Math.ceil(width / settings.width_multiple) * settings.width_multiple);
    return { ...line, position, width, paddedWidth };
  });
  cuts.sort((a, b) => a.paddedWidth - b.paddedWidth || a.position - b.position);
  const found: Cut[][] = [];
  for (const cut of cuts) {
    const last = found.at(-1);
    if (last !== undefined && last.length < batch_lines && last[0]?.paddedWidth === cut.paddedWidth) last.push(cut);
    else found.push([cut]);
  }
  return found;
}

/** Elements of the model's input for a batch. */
function sizeOf(batch: readonly Cut[], { height, min_width }: Params): number {
  return batch.length * 3 * height * (batch[0]?.paddedWidth ?? min_width);
}

async function readBatch(
  input: TaskInput<ReadTextOptions>,
  settings: Params,
  batch: readonly Cut[],
  buffer: Float32Array,
): Promise<(Observation | null)[]> {
  const { height, mean, std } = settings;
  const rowSize = batch[0]?.paddedWidth ?? settings.min_width;
  const planeSize = height * rowSize;
  const data = await input.measure('preprocess', async () => {
    const pixels = await requireImage(input.image).pixels();
    const planes = buffer.subarray(0, sizeOf(batch, settings)).fill(0);
    for (const [index, { corners, width }] of batch.entries()) {
      cropQuad(pixels, corners, { width, height }, { mean, std }, { data: planes, offset: index * 3 * planeSize, planeSize, rowSize });
    }
    return planes;
  });
  const { name } = onlyTensor(input.model, 'inputs', [null, 3, height, null]);
  const outputs = await input.infer({ [name]: { dtype: 'float32', shape: [batch.length, 3, height, rowSize], data } });
  const scores = floats(outputs, onlyTensor(input.model, 'outputs', [null, null, null]).name);
  return input.measure('postprocess', () => batch.map((cut, index) => decode(input, cut, scores, index, batch.length)));
}

function decode(input: TaskInput<ReadTextOptions>, cut: Cut, scores: Float32Array, index: number, lines: number): Observation | null {
  const classes = input.model.labels.length + 2;
  const steps = Math.floor(scores.length / lines / classes);
  const shape = { offset: index * steps * classes, steps, classes, blank: 0 };
  const decoded = decodeCtc(scores, shape, { class: classes - 1, score: input.options.space_score });
  const text = spell(decoded.classes, input.model);
  if (text === '' || decoded.score < input.options.min_score) return null;
  return { score: decoded.score, text, quad: cut.quad, box: quadBox(cut.quad), ...(cut.of === null ? {} : { of: cut.of }) };
}

function spell(classes: readonly number[], model: ModelFacts): string {
  const characters = classes.map((index) => (index === model.labels.length + 1 ? ' ' : (model.labels[index - 1] ?? '')));
  return characters.join('').trim().slice(0, limits.textCharsMax);
}
