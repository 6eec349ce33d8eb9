/**
 * classify-series: which of a model's labels a window of a signal, or a recording of it, is most like.
 *
 * The recording is cut into windows as the card has it; the features of each (series-features.ts) are what the model is fed, and it gives a
 * probability for each label. Of a recording their mean over the windows counts; with `per: window` windows in a row that are alike are one
 * observation with its time. What the model is not sure enough of is not told. A model is made by `shoal learn classes`.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { ModelFacts } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { floats } from '../core/tensor.js';
import { differentLabels } from './different-labels.js';
import { checkIgnored, type Judged, type Likeliest, labelled, minScoreOption, sureParams } from './likeliest.js';
import { onlyTensor, readParams } from './model-params.js';
import { SeriesFeatures, seriesFeatureParams } from './series-features.js';
import { checkRate, namedChannels, windowStarts } from './series-windows.js';

const options = z.strictObject({
  per: z
    .enum(['recording', 'window'])
    .default('recording')
    .describe('One label for the recording, or one for each stretch of it with its time.'),
  min_score: minScoreOption,
});

type Options = z.infer<typeof options>;

const params = z.strictObject({ features: seriesFeatureParams, ...sureParams });

function fit(model: ModelFacts): void {
  const { features, ignore } = readParams(params, model);
  onlyTensor(model, 'inputs', [1, new SeriesFeatures(features).features.length]);
  onlyTensor(model, 'outputs', [1, Math.max(2, model.labels.length)]);
  checkIgnored(ignore, model);
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  const { series, model } = input;
  if (series === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'classify-series looks at series, and this capture is none');
  const { features: given, ignore, min_score: usual } = readParams(params, model);
  const { samples, hop_samples: hop, rate_hz: rateHz, channels } = given;
  checkRate(series, rateHz, model.name);
  const names = channels.map(({ name }) => name);
  const found = namedChannels(series, names, model.name);
  const starts = windowStarts(series.length, samples, hop).slice(0, limits.observationsMax);
  if (starts.length === 0) {
    throw new ShoalError('CAPTURE_UNSUPPORTED', `the series has ${series.length} samples of each channel, ${model.name} needs ${samples}`);
  }
  const extractor = new SeriesFeatures(given);
  const { name, shape } = onlyTensor(model, 'inputs', [1, extractor.features.length]);
  const output = onlyTensor(model, 'outputs', [1, model.labels.length]).name;
  const judged: Judged[] = [];
  for (const start of starts) {
    const data = new Float32Array(extractor.features.length);
    await input.measure('preprocess', () =>
      extractor.of(
        found.map((channel) => channel.subarray(start, start + samples)),
        data,
        0,
      ),
    );
    const outputs = await input.infer({ [name]: { dtype: 'float32', shape: shape.map(Number), data } });
    const seconds = (at: number) => Math.round((at / rateHz) * 1e3) / 1e3;
    judged.push({ scores: floats(outputs, output), segment: { start_s: seconds(start), end_s: seconds(start + samples) } });
  }
  const least = input.options.min_score ?? usual;
  const sure = ({ label, score }: Likeliest) => score >= least && !ignore.includes(label);
  return input.measure('postprocess', () => labelled(judged, model.labels, input.options.per, sure));
}

export const classifySeries: Task<Options> = {
  name: 'classify-series',
  summary: 'Tells which of a few kinds a window of a signal, or a recording of one, is: kinds that were learned from examples.',
  reads: 'series',
  takesEach: false,
  learnedBy: { command: 'shoal learn classes', from: '--label LABEL=FOLDER ...' },
  options,
  metric: differentLabels,
  fit,
  run,
};
