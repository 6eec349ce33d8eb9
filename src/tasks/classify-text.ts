/**
 * classify-text: which of a model's labels a text is most like, by a linear model of the words and characters in it.
 *
 * The features are hashed here (text-features.ts); the model is fed their buckets and weights and answers a probability for each label. A text
 * of white space has no features and is told nothing of. Deliberately knows no language and no order of words beyond a few in a row.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import type { ModelFacts } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { floats } from '../core/tensor.js';
import { differentLabels } from './different-labels.js';
import { checkIgnored, likeliest, minScoreOption, sureParams } from './likeliest.js';
import { onlyTensor, readParams, unfit } from './model-params.js';
import { textBuckets, textFeatureParams } from './text-features.js';

const options = z.strictObject({ min_score: minScoreOption });

type Options = z.infer<typeof options>;

const params = z.strictObject({ features: textFeatureParams, ...sureParams });

/** Names of its inputs: buckets int32[n], and their weights float32[1,n]. */
function inputsOf(model: ModelFacts): { readonly buckets: string; readonly weights: string } {
  const [buckets, weights, ...more] = model.inputs;
  const free = (size: unknown) => typeof size === 'string';
  const fits =
    buckets?.dtype === 'int32' &&
    buckets.shape.length === 1 &&
    free(buckets.shape[0]) &&
    weights?.dtype === 'float32' &&
    weights.shape.length === 2 &&
    weights.shape[0] === 1 &&
    free(weights.shape[1]) &&
    more.length === 0;
  if (fits) return { buckets: buckets.name, weights: weights.name };
  const found = model.inputs.map((each) => `${each.dtype}[${each.shape.join(',')}]`).join(', ');
  throw unfit(model, `its inputs are ${found}, it needs buckets int32[n] and weights float32[1,n] with a free n`);
}

function fit(model: ModelFacts): void {
  const { ignore } = readParams(params, model);
  inputsOf(model);
  onlyTensor(model, 'outputs', [1, Math.max(2, model.labels.length)]);
  checkIgnored(ignore, model);
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  const { text, model } = input;
  if (text === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'classify-text reads a text, and this capture is none');
  const { features, ignore, min_score: usual } = readParams(params, model);
  const { buckets, weights } = inputsOf(model);
  const found = await input.measure('preprocess', () => textBuckets(text, features));
  const { length } = found;
  if (length === 0) return [];
  const outputs = await input.infer({
    [buckets]: { dtype: 'int32', shape: [length], data: found },
    [weights]: { dtype: 'float32', shape: [1, length], data: new Float32Array(length).fill(1 / Math.sqrt(length)) },
  });
  const told = likeliest(floats(outputs, onlyTensor(model, 'outputs', [1, model.labels.length]).name), model.labels);
  return told.score >= (input.options.min_score ?? usual) && !ignore.includes(told.label) ? [told] : [];
}

export const classifyText: Task<Options> = {
  name: 'classify-text',
  summary: 'Tells which of a few kinds of text a text is: kinds that were learned from examples, such as spam.',
  reads: 'text',
  takesEach: false,
  learnedBy: { command: 'shoal learn classes', from: '--label LABEL=FOLDER ...' },
  options,
  metric: differentLabels,
  fit,
  run,
};
