/**
 * What the tasks share that say which of its labels a model sees in a picture as a whole. They find no places: "there is a person", not where.
 *
 * For each observation of an earlier stage, or the whole image, they answer the most likely labels, the likeliest first.
 */
import { z } from 'zod';
import type { CardDraft, ForeignModel } from '../core/card-draft.js';
import type { ModelFacts } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { TaskInput } from '../core/task.js';
import { numbered, pictureInput } from './drafting.js';
import { framing } from './framing.js';
import { sureParams } from './likeliest.js';
import { type Looking, lookAtEach } from './looks.js';
import { outputOf, readParams, unfit } from './model-params.js';
import { frameOf, pixelFormat } from './pixels.js';

const params = z.strictObject({
  ...framing,
  pixels: pixelFormat,
  margin: z.number().min(0).max(1).default(0),
  /** What makes probabilities of the output: softmax for one label of many, sigmoid for labels that do not exclude each other, none if they are. */
  activation: z.enum(['softmax', 'sigmoid', 'none']),
  min_score: sureParams.min_score,
});

/** Throws MODEL_INVALID unless the only output is one number a label. */
export function classesOf(
  model: ModelFacts,
): Looking & { readonly activation: z.infer<typeof params>['activation']; readonly minScore: number } {
  const settings = readParams(params, model);
  const frame = frameOf(model, settings.pixels);
  const { name, shape } = outputOf(model);
  const count = model.labels.length;
  if (count === 0) throw unfit(model, 'it has no labels, and a number without a name says nothing');
  if (shape.length !== 2 || shape[1] !== count) {
    throw unfit(model, `its output "${name}" is [${shape.join(',')}], its ${count} labels need [1,${count}]`);
  }
  return { frame, how: settings, margin: settings.margin, output: name, activation: settings.activation, minScore: settings.min_score };
}

/** At most `most` labels for each picture, those with at least `least` (without it the card's), the likeliest first. */
export function classify(
  input: TaskInput<unknown>,
  { most, least }: { readonly most: number; readonly least?: number | undefined },
): Promise<Observation[]> {
  const looking = classesOf(input.model);
  return lookAtEach(input, looking, (values) =>
    [...probabilities(values, looking.activation)]
      .map((score, kind) => ({ score: Math.round(score * 1e4) / 1e4, label: input.model.labels[kind] ?? '' }))
      .filter(({ score }) => score >= (least ?? looking.minScore))
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

/** Means and deviations of ImageNet's photos, R, G, B from 0 to 1, as most classifiers are trained with. Source: torchvision, transforms. */
const imageNet = { scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

const probabilityOperators = ['Softmax', 'Sigmoid'];

export function draftClassifier(model: ForeignModel): CardDraft[] {
  const picture = pictureInput(model);
  const output = model.outputs.find(({ shape }) => shape.length === 2);
  const count = Number(output?.shape[1]);
  if (picture === null || output === undefined || !Number.isInteger(count)) return [];
  const { layout, known } = picture;
  const activation = probabilityOperators.includes(model.madeBy[output.name] ?? '') ? 'none' : 'softmax';
  const grey = picture.channels === 1;
  const likely =
    layout === 'nchw' && !grey
      ? { pixels: imageNet, said: "0 to 1, less ImageNet's mean, over its deviation" }
      : { pixels: { scale: 1 / 255 }, said: '0 to 1' };
  const range = known ?? likely;
  return [
    {
      params: { fit: 'crop', pixels: { layout, channels: grey ? 'grey' : 'rgb', ...range.pixels }, activation },
      labels: numbered(count),
      outputs: [output],
      remarks: [
        `its output "${output.name}" has a number for each of ${count} classes`,
        `the picture is cut to ${picture.width} x ${picture.height}, ${grey ? 'grey' : 'R, G, B'}, ${range.said} (pixels)`,
        activation === 'none'
          ? `the file ends with ${model.madeBy[output.name]}: its numbers are probabilities (activation: none)`
          : 'its numbers are taken for logits, one class of all (activation: softmax; sigmoid where classes do not exclude each other)',
      ],
    },
  ];
}
