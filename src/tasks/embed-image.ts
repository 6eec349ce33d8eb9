/**
 * embed-image: an image, or each place found before, as a direction in a space where what looks alike lies close: an embedding.
 *
 * Any model with one output [1, n] of floats serves. The numbers are divided by their length (L2), so that the dot product of two
 * embeddings of one model is their similarity, -1 .. 1; embeddings of different models must not be compared. Rounded to four decimals. The
 * score is always 1: an embedding is not sure or unsure.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type ModelFacts, modelRef } from '../core/model.js';
import type { Task } from '../core/task.js';
import { cosineDistance } from './cosine-distance.js';
import { framing } from './framing.js';
import { type Looking, lookAtEach } from './looks.js';
import { outputOf, readParams, unfit } from './model-params.js';
import { frameOf, pixelFormat } from './pixels.js';

const options = z.strictObject({});

type Options = z.infer<typeof options>;

const params = z.strictObject({ ...framing, pixels: pixelFormat, margin: z.number().min(0).max(1).default(0) });

/** Throws MODEL_INVALID. */
function embedderOf(model: ModelFacts): Looking {
  const settings = readParams(params, model);
  const frame = frameOf(model, settings.pixels);
  const { name, shape } = outputOf(model);
  const size = shape[1] ?? 0;
  if (shape.length !== 2 || size < 2 || size > limits.embeddingMax) {
    throw unfit(model, `its output "${name}" is [${shape.join(',')}], an embedding is [1,n] with 2 to ${limits.embeddingMax} numbers`);
  }
  return { frame, how: settings, margin: settings.margin, output: name };
}

/** Divided by its length, to four decimals. Null where it has no direction. */
export function unitLength(values: Float32Array): number[] | null {
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  if (!(length > 0 && Number.isFinite(length))) return null;
  return Array.from(values, (value) => Math.round((value / length) * 1e4) / 1e4);
}

export const embedImage: Task<Options> = {
  name: 'embed-image',
  summary: 'Turns an image, or each place found before, into numbers that say how alike two look.',
  reads: 'image',
  takesEach: true,
  options,
  metric: cosineDistance,
  fit: (model) => void embedderOf(model),
  run(input) {
    return lookAtEach(input, embedderOf(input.model), (values) => {
      const embedding = unitLength(values);
      if (embedding === null)
        throw new ShoalError('INFERENCE', `${modelRef(input.model)} gave an embedding without a direction: all zero or not finite`);
      return [{ score: 1, embedding }];
    });
  },
};
