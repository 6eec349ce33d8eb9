/**
 * detect-anomaly: how unlike the normal a window of a signal is, by a model that was learned on this machine (`shoal learn anomaly`).
 *
 * Two kinds of model, by `kind` of the card. `window`: the features of a window (series-features.ts) against the states of the machine when all
 * was well. `forecast`, for slow series: what is left of the last steps when what went before and the time of day are taken off
 * (series-forecast.ts). Both answer with an index, about 1 for what is normal, and with what each feature adds to it. Against the threshold of
 * the card, or of the stage, the label is `anomaly` above and `normal` up to it; the score is index / (index + threshold): 0.5 at the threshold,
 * growing with the index, never 1. `text` says what moved. A series longer than a window is judged window by window; of more than
 * `limits.observationsMax` the most unusual are told.
 *
 * Source: the model is learn/anomaly/normal-model.ts; Mahalanobis (1936), Tipping and Bishop (1999).
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { ModelFacts } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { Series } from '../core/series.js';
import type { Task, TaskInput } from '../core/task.js';
import { floats, type Tensors } from '../core/tensor.js';
import { forecastWords, windowWords } from './anomaly-words.js';
import { differentScores } from './different-scores.js';
import { readParams, unfit } from './model-params.js';
import { SeriesFeatures, seriesFeatureParams } from './series-features.js';
import { columnsOf, forecastFeatures, rowOf, seriesForecastParams, stepsNeeded, stepsSeen, toSteps } from './series-forecast.js';
import { checkRate, namedChannels, windowStarts } from './series-windows.js';

const options = z.strictObject({
  threshold: z
    .number()
    .positive()
    .optional()
    .describe('The index above which a window is an anomaly; without it the one that was learned.'),
});

type Options = z.infer<typeof options>;

const threshold = z.number().positive();
export const anomalyParams = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('window'), threshold, features: seriesFeatureParams }),
  z.strictObject({ kind: z.literal('forecast'), threshold, forecast: seriesForecastParams, rate_hz: z.number().positive() }),
]);

type Params = z.infer<typeof anomalyParams>;
type Kind<Name extends Params['kind']> = Extract<Params, { kind: Name }>;

function fit(model: ModelFacts): void {
  const params = readParams(anomalyParams, model);
  const width = params.kind === 'window' ? new SeriesFeatures(params.features).features.length : forecastFeatures(params.forecast).length;
  const expected = new Map<string, readonly number[]>([
    ['index', [1, 1]],
    ['share', [1, width]],
    ['expected', [1, width]],
    ['state', [1]],
  ]);
  if (params.kind === 'forecast') expected.set('features', [1, width]);
  check(model, 'outputs', expected);
  check(model, 'inputs', params.kind === 'window' ? new Map([['features', [1, width]]]) : forecastInputs(params));
}

function forecastInputs({ forecast }: Kind<'forecast'>): Map<string, readonly number[]> {
  const { length } = forecast.channels;
  const seen = stepsSeen(forecast);
  return new Map([
    ['rows', [length, seen, columnsOf(forecast)]],
    ['steps', [length, seen]],
  ]);
}

function check(model: ModelFacts, side: 'inputs' | 'outputs', expected: ReadonlyMap<string, readonly number[]>): void {
  for (const [name, shape] of expected) {
    const found = model[side].find((tensor) => tensor.name === name);
    if (found !== undefined && found.shape.join() === shape.join()) continue;
    throw unfit(model, `it needs ${name}[${shape.join()}] among its ${side}, the card has ${found?.shape.join() ?? 'no such tensor'}`);
  }
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  const { series, model } = input;
  if (series === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'detect-anomaly looks at series of numbers, and this capture is none');
  const params = readParams(anomalyParams, model);
  const all = params.kind === 'window' ? await judgeWindows(input, series, params) : await judgeForecasts(input, series, params);
  if (all.length <= limits.observationsMax) return all;
  const least = [...all].sort((a, b) => b.score - a.score)[limits.observationsMax - 1]?.score ?? 0;
  return all.filter(({ score }) => score >= least).slice(0, limits.observationsMax);
}

async function judgeWindows(
  input: TaskInput<Options>,
  series: Series,
  { features: given, ...params }: Kind<'window'>,
): Promise<Observation[]> {
  const { model } = input;
  const channels = namedChannels(
    series,
    given.channels.map(({ name }) => name),
    model.name,
  );
  checkRate(series, given.rate_hz, model.name);
  const starts = windowStarts(series.length, given.samples, given.hop_samples);
  if (starts.length === 0) throw tooShort(model, series.length / given.rate_hz, given.samples / given.rate_hz);
  const features = new SeriesFeatures(given);
  const observations: Observation[] = [];
  for (const start of starts) {
    const found = new Float32Array(features.features.length);
    const window = channels.map((samples) => samples.subarray(start, start + given.samples));
    await input.measure('preprocess', () => features.of(window, found, 0));
    const answer = await input.infer({ features: { dtype: 'float32', shape: [1, found.length], data: found } });
    const segment = { start_s: rounded(start / given.rate_hz), end_s: rounded((start + given.samples) / given.rate_hz) };
    observations.push(
      await input.measure('postprocess', () => ({
        ...verdict(answer, input.options.threshold ?? params.threshold, () =>
          windowWords(features.features, { ...movedOf(answer), found }),
        ),
        segment,
      })),
    );
  }
  return observations;
}

async function judgeForecasts(input: TaskInput<Options>, series: Series, params: Kind<'forecast'>): Promise<Observation[]> {
  const { forecast } = params;
  const { model } = input;
  const given = namedChannels(
    series,
    forecast.channels.map(({ name }) => name),
    model.name,
  );
  checkRate(series, params.rate_hz, model.name);
  const { startMs } = series;
  if (startMs === null)
    throw new ShoalError('CAPTURE_UNSUPPORTED', `${model.name} knows days, and this series does not say when it was measured`);
  const each = Math.max(1, Math.round(forecast.step_s * params.rate_hz));
  const steps = forecast.channels.map((channel, c) => toSteps(given[c] ?? new Float32Array(), each, channel));
  const [needed, seen, columns] = [stepsNeeded(forecast), stepsSeen(forecast), columnsOf(forecast)];
  const length = Math.floor(series.length / each);
  if (length < needed) throw tooShort(model, length * forecast.step_s, needed * forecast.step_s);
  const features = forecastFeatures(forecast);
  const observations: Observation[] = [];
  for (let last = needed - 1; last < length; last++) {
    const rows = new Float32Array(steps.length * seen * columns);
    const newest = new Float32Array(steps.length * seen);
    await input.measure('preprocess', () => {
      for (const [c, channel] of steps.entries()) {
        newest.set(channel.subarray(last - seen + 1, last + 1), c * seen);
        for (let s = 0; s < seen; s++) rowOf(forecast, channel, last - seen + 1 + s, startMs, rows, (c * seen + s) * columns);
      }
    });
    const answer = await input.infer({
      rows: { dtype: 'float32', shape: [steps.length, seen, columns], data: rows },
      steps: { dtype: 'float32', shape: [steps.length, seen], data: newest },
    });
    const segment = { start_s: rounded(last * forecast.step_s), end_s: rounded((last + 1) * forecast.step_s) };
    const words = () =>
      forecastWords(features, { ...movedOf(answer), found: floats(answer, 'features') }, forecast.channels, forecast.step_s);
    observations.push(
      await input.measure('postprocess', () => ({ ...verdict(answer, input.options.threshold ?? params.threshold, words), segment })),
    );
  }
  return observations;
}

function movedOf(answer: Tensors): { share: Float32Array; expected: Float32Array } {
  return { share: floats(answer, 'share'), expected: floats(answer, 'expected') };
}

function verdict(answer: Tensors, threshold: number, words: () => string): Observation {
  const index = floats(answer, 'index')[0] ?? Number.NaN;
  const score = Math.round((index / (index + threshold)) * 1e4) / 1e4;
  const values = { index: rounded(index), threshold: rounded(threshold), state: Number(answer.state?.data[0] ?? 0) };
  if (index <= threshold) return { score, label: 'normal', values };
  return { score, label: 'anomaly', text: words().slice(0, limits.textCharsMax), values };
}

function tooShort(model: ModelFacts, foundS: number, neededS: number): ShoalError {
  return new ShoalError(
    'CAPTURE_UNSUPPORTED',
    `the series is ${rounded(foundS)} s long, ${model.name} needs ${rounded(neededS)} s: set the input's window to that`,
  );
}

function rounded(value: number): number {
  return Math.round(value * 1e3) / 1e3;
}

export const detectAnomaly: Task<Options> = {
  name: 'detect-anomaly',
  summary:
    'Tells how unlike the normal a window of a signal is, and which channel and band moved, by a model learned on the machine itself with `shoal learn anomaly`.',
  reads: 'series',
  takesEach: false,
  learnedBy: { command: 'shoal learn anomaly', from: '--from FILE' },
  options,
  metric: differentScores,
  fit,
  run,
};
