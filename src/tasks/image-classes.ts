/**
 * What the tasks share that say which of its labels a model sees in a picture as a whole. They find no places: "there is a person", not where.
 *
 * For each observation of an earlier stage, or the whole image, they answer the most likely labels, the likeliest first.
 */
import { z } from 'zod';
import type { TaskInput } from '../core/contracts.js';
import type { ModelFacts } from '../core/model.js';
import type { Observation } from '../core/result.js';
import { framing } from './framing.js';
import { type Looking, lookAtEach } from './looks.js';
import { outputOf, readParams, unfit } from './model-params.js';
import { frameOf, pixelFormat } from './pixels.js';

const params = z.strictObject({
  ...framing,
  pixels: pixelFormat,
  margin: z.number().min(0).max(1).default(0),
  /** What makes probabilities of the output: softmax for one label of many, sigmoid for labels that do not exclude each other, none if they are. */
  activation: z.enum(['softmax', 'sigmoid', 'none']),
});

/** Throws MODEL_INVALID unless the only output is one number a label. */
export function classesOf(model: ModelFacts): Looking & { readonly activation: z.infer<typeof params>['activation'] } {
  const settings = readParams(params, model);
  const frame = frameOf(model, settings.pixels);
  const { name, shape } = outputOf(model);
  const count = model.labels.length;
  if (count === 0) throw unfit(model, 'it has no labels, and a number without a name says nothing');
  if (shape.length !== 2 || shape[1] !== count) {
    throw unfit(model, `its output "${name}" is [${shape.join(',')}], its ${count} labels need [1,${count}]`);
  }
  return { frame, how: settings, margin: settings.margin, output: name, activation: settings.activation };
}

/** At most `most` labels for each picture, those with at least `least`, the likeliest first. */
export function classify(
  input: TaskInput<unknown>,
  { most, least }: { readonly most: number; readonly least: number },
): Promise<Observation[]> {
  const looking = classesOf(input.model);
  return lookAtEach(input, looking, (values) =>
    [...probabilities(values, looking.activation)]
      .map((score, kind) => ({ score: Math.round(Math.min(1, Math.max(0, score)) * 1e4) / 1e4, label: input.model.labels[kind] ?? '' }))
      .filter(({ score }) => score >= least)
      .sort((a, b) => b.score - a.score)
      .slice(0, most),
  );
}

/** Pure; as many as `values`. */
export function probabilities(values: Float32Array, activation: 'softmax' | 'sigmoid' | 'none'): Float32Array {
  if (activation === 'none') return values;
  if (activation === 'sigmoid') return values.map((value) => 1 / (1 + Math.exp(-value)));
  const greatest = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - greatest));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}
