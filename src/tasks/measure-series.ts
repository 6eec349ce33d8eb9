/**
 * measure-series: plain statistics of a window, channel by channel, for conditions that a person writes: "mean above 50", "range above 3".
 *
 * The model computes them from float32[channels, samples]; which ones it gives, and in which order, its card says. One observation a channel, in the
 * order of the channels: its name is the label, the statistics are the values, in the unit of the channel. The score is always 1: nothing is
 * guessed. Deliberately finds nothing by itself: what is unusual for a machine is detect-anomaly's to say.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import type { ModelFacts } from '../core/model.js';
import { type Observation, valueNamePattern } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { floats } from '../core/tensor.js';
import { differentValues } from './different-values.js';
import { onlyTensor, readParams } from './model-params.js';

const options = z.strictObject({});

type Options = z.infer<typeof options>;

const params = z.strictObject({
  /** Names of the model's columns, as they appear in `values`. */
  statistics: z.array(z.string().regex(valueNamePattern)).min(1).max(32),
});

function fit(model: ModelFacts): void {
  const { statistics } = readParams(params, model);
  onlyTensor(model, 'inputs', [null, null]);
  onlyTensor(model, 'outputs', [null, statistics.length]);
}

/** Read once a model, not once a window. */
const namesOf = new WeakMap<ModelFacts, { readonly statistics: readonly string[]; readonly input: string; readonly output: string }>();

function namesIn(model: ModelFacts) {
  let names = namesOf.get(model);
  if (names === undefined) {
    const { statistics } = readParams(params, model);
    names = {
      statistics,
      input: onlyTensor(model, 'inputs', [null, null]).name,
      output: onlyTensor(model, 'outputs', [null, statistics.length]).name,
    };
    namesOf.set(model, names);
  }
  return names;
}

async function run({ series, model, infer, measure }: TaskInput<Options>): Promise<Observation[]> {
  if (series === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'measure-series looks at a series, and this capture is none');
  const { statistics, input, output } = namesIn(model);
  const { channels, length, data } = series;
  const found = floats(await infer({ [input]: { dtype: 'float32', shape: [channels.length, length], data } }), output);
  return measure('postprocess', () =>
    channels.map((label, channel) => {
      const values: Record<string, number> = {};
      for (let i = 0; i < statistics.length; i++) values[statistics[i] ?? ''] = found[channel * statistics.length + i] ?? 0;
      return { score: 1, label, values };
    }),
  );
}

export const measureSeries: Task<Options> = {
  name: 'measure-series',
  summary: 'Measures a window of a signal, channel by channel: mean, spread, extremes, slope.',
  reads: 'series',
  takesEach: false,
  options,
  metric: differentValues,
  fit,
  run,
};
