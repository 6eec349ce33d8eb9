/**
 * classify-orientation: whether a text line is upside down, and its quad the right way up.
 *
 * For each observation of an earlier stage (or the whole image) it answers one, in the same order, with `of`, label `0` or
 * `180` and the score of that label. The quad is the line's own; when the label is `180` with at least `min_score` it
 * begins at the other end, so that its first point is the top left of the text. A following `read-text` with `each:`
 * naming this stage therefore reads every line upright. Deliberately knows no quarter turns: the shape of the quad tells
 * them (see text-lines.ts).
 *
 * Source: PaddleOCR, tools/infer/predict_cls.py: 3 x 48 x 192, kept ratio, padded with 0 on the right, cls_thresh 0.9.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { modelRef } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { floats } from '../core/tensor.js';
import { differentLabels } from './different-labels.js';
import { onlyTensor, readParams } from './model-params.js';
import { cropQuad } from './perspective.js';
import { quadBox, requireImage, type TextLine, textLines, turned } from './text-lines.js';

const options = z.strictObject({
  min_score: z.number().min(0).max(1).default(0.9).describe('A line is turned only when it is upside down with at least this score, 0..1'),
});

export type ClassifyOrientationOptions = z.infer<typeof options>;

const params = z.strictObject({
  height: z.int().min(8).max(256),
  width: z.int().min(8).max(1024),
  channel_order: z.literal('bgr'),
  mean: z.number(),
  std: z.number().positive(),
});

type Params = z.infer<typeof params>;

/** Lines in one run: this model is small, a larger batch only costs memory. */
const batchMax = 8;

export const classifyOrientation: Task<ClassifyOrientationOptions> = {
  name: 'classify-orientation',
  summary: 'Tells text lines that are upside down and turns their quads.',
  reads: 'image',
  takesEach: true,
  cutsOut: 'straightens each line by its corners',
  looksAt: 'detect-text',
  options,
  metric: differentLabels,
  fit(model) {
    const { height, width } = readParams(params, model);
    onlyTensor(model, 'inputs', [null, 3, height, width]);
    onlyTensor(model, 'outputs', [null, 2]);
    if (model.labels.join() !== '0,180') {
      throw new ShoalError(
        'MODEL_INVALID',
        `model ${modelRef(model)}: its labels are ${model.labels.join(', ')}, this task needs 0 and 180`,
      );
    }
  },
  async run(input) {
    const lines = textLines(input.each, requireImage(input.image));
    const observations: Observation[] = [];
    for (let start = 0; start < lines.length; start += batchMax) {
      observations.push(...(await classify(input, lines.slice(start, start + batchMax))));
    }
    return observations;
  },
};

async function classify(input: TaskInput<ClassifyOrientationOptions>, lines: readonly TextLine[]): Promise<Observation[]> {
  const settings = readParams(params, input.model);
  const { height, width } = settings;
  const data = await input.measure('preprocess', async () => crops(await requireImage(input.image).pixels(), lines, settings));
  const { name } = onlyTensor(input.model, 'inputs', [null, 3, height, width]);
  const outputs = await input.infer({ [name]: { dtype: 'float32', shape: [lines.length, 3, height, width], data } });
  const scores = floats(outputs, onlyTensor(input.model, 'outputs', [null, 2]).name);
  return lines.map((line, index) => {
    const upright = scores[index * 2] ?? 0;
    const inverted = scores[index * 2 + 1] ?? 0;
    const label = input.model.labels[inverted > upright ? 1 : 0] ?? '';
    const score = Math.min(1, Math.max(upright, inverted));
    const quad = inverted > upright && score >= input.options.min_score ? turned(line.quad) : line.quad;
    return { score, label, quad, box: quadBox(quad), ...(line.of === null ? {} : { of: line.of }) };
  });
}

function crops(pixels: Parameters<typeof cropQuad>[0], lines: readonly TextLine[], { height, width, mean, std }: Params): Float32Array {
  const planeSize = height * width;
  const data = new Float32Array(lines.length * 3 * planeSize);
  for (const [index, line] of lines.entries()) {
    const size = { width: Math.min(width, Math.max(1, Math.ceil(height * line.ratio))), height };
    cropQuad(pixels, line.corners, size, { mean, std }, { data, offset: index * 3 * planeSize, planeSize, rowSize: width });
  }
  return data;
}
