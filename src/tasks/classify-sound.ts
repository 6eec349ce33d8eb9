/**
 * classify-sound: which of a model's labels a recording, or each stretch of it, sounds like.
 *
 * The model hears one window after the other and gives a probability for each label. Of a recording their mean over the windows counts; with
 * `per: window` windows in a row that sound alike are one observation with its time, as spot-keyword tells words. What the model is not sure
 * enough of is not told. Deliberately knows no sound but its labels: a sound of another kind is taken for one of them, or is unsure.
 *
 * The features are those of the card; see sound-features.ts. A model is made by `shoal learn classes` on an embedding of sound.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import type { ModelFacts } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { floats } from '../core/tensor.js';
import { differentLabels } from './different-labels.js';
import { checkIgnored, type Judged, type Likeliest, labelled, minScoreOption, sureParams } from './likeliest.js';
import { onlyTensor, readParams } from './model-params.js';
import { SoundWindows, soundWindowParams } from './sound-windows.js';

const options = z.strictObject({
  per: z
    .enum(['recording', 'window'])
    .default('recording')
    .describe('One label for the recording, or one for each stretch of it with its time.'),
  min_score: minScoreOption,
  hop_ms: z
    .int()
    .min(20)
    .max(600_000)
    .default(500)
    .describe('From the start of a window to that of the next, milliseconds; each costs a model run.'),
});

type Options = z.infer<typeof options>;

const params = z.strictObject({ ...soundWindowParams, ...sureParams });

function fit(model: ModelFacts): void {
  const { ignore } = readParams(params, model);
  onlyTensor(model, 'outputs', [1, Math.max(2, model.labels.length)]);
  checkIgnored(ignore, model);
  new SoundWindows(model);
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  const { audio, model } = input;
  if (audio === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'classify-sound listens to audio, and this capture is none');
  const { rate_hz: rateHz, ignore, min_score: usual } = readParams(params, model);
  const windows = new SoundWindows(model);
  const { name } = onlyTensor(model, 'outputs', [1, model.labels.length]);
  const samples = await input.measure('preprocess', () => audio.samples(rateHz));
  const judged: Judged[] = [];
  for (const start of windows.starts(samples.length, Math.max(1, Math.round((input.options.hop_ms * rateHz) / 1000)))) {
    const outputs = await input.infer(await input.measure('preprocess', () => windows.feeds(samples, start)));
    judged.push({ scores: floats(outputs, name), segment: windows.segment(start, samples.length) });
  }
  const least = input.options.min_score ?? usual;
  const sure = ({ label, score }: Likeliest) => score >= least && !ignore.includes(label);
  return input.measure('postprocess', () => labelled(judged, model.labels, input.options.per, sure));
}

export const classifySound: Task<Options> = {
  name: 'classify-sound',
  summary: 'Tells which of a few kinds of sound a recording, or each stretch of it, is: kinds that were learned from examples.',
  reads: 'audio',
  takesEach: false,
  learnedBy: { command: 'shoal learn classes', from: '--label LABEL=FOLDER ...' },
  options,
  metric: differentLabels,
  fit,
  run,
};
