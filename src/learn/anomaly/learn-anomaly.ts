/**
 * `learn anomaly`: what is normal for this machine, from recordings of it, as a model of detect-anomaly.
 *
 * Guarantees: pure, and the same recordings and options give the same bytes. Refuses, saying why and what to do, what would be a model in
 * name only.
 */
import { ShoalError } from '../../core/errors.js';
import { duration } from '../../tasks/anomaly-words.js';
import type { Learned } from '../write-learned.js';
import { type Evaluated, type EvaluateOptions, evaluate } from './evaluate.js';
import { type Examples, type Recording, refused } from './examples.js';
import { forecastExamples } from './forecast-examples.js';
import { greatest, mean, median, quantile } from './linear.js';
import { windowExamples } from './window-examples.js';

export interface AnomalyOptions extends EvaluateOptions {
  readonly name: string;
  /** By the rate where it is not said. */
  readonly kind?: 'window' | 'forecast';
  /** All where none are named. */
  readonly channels?: readonly string[];
  readonly windowS: number;
  readonly hopS: number;
  readonly level?: boolean;
}

export interface LearnedAnomaly {
  readonly examples: Examples;
  readonly evaluated: Evaluated;
  readonly learned: Learned;
}

/** Samples further apart than this are a slow series. */
const slowS = 30;
const measuredBy = 'shoal learn anomaly';

/** Throws LEARN_REFUSED, or USAGE for a channel that is not there. */
export function learnAnomaly(recordings: readonly Recording[], options: AnomalyOptions): LearnedAnomaly {
  const channels = channelsOf(recordings, options.channels);
  const slow = recordings.every(({ series }) => series.rateHz !== null && series.rateHz < 1 / slowS);
  const kind = options.kind ?? (slow ? 'forecast' : 'window');
  const examples = kind === 'forecast' ? forecastExamples(recordings, channels) : windowExamples(recordings, { ...options, channels });
  const evaluated = evaluate(examples, options);
  return { examples, evaluated, learned: learnedOf(recordings, options, examples, evaluated) };
}

function channelsOf(recordings: readonly Recording[], named: readonly string[] | undefined): readonly string[] {
  const [first] = recordings;
  if (first === undefined) throw refused('nothing was given to learn from');
  const wanted = named ?? first.series.channels;
  for (const { name, series } of recordings) {
    const missing = wanted.filter((channel) => !series.channels.includes(channel));
    if (missing.length === 0) continue;
    throw new ShoalError('USAGE', `${name} has no channel ${missing.join(', ')}; it has ${series.channels.join(', ')}`);
  }
  return wanted;
}

function learnedOf(recordings: readonly Recording[], options: AnomalyOptions, examples: Examples, evaluated: Evaluated): Learned {
  const { model, threshold, scores, suspicious, lateAbove } = evaluated;
  const { onnx, inputs, outputs } = examples.graph(model);
  const seconds = recordings.reduce((sum, { series }) => sum + series.length / (series.rateHz ?? 1), 0);
  const names = recordings.length > 3 ? `${recordings.length} recordings` : recordings.map(({ name }) => name).join(', ');
  const data = `${examples.rows.rows} normal windows of ${names}, each by a model that had not seen it`;
  const above = mean(scores.map((score) => (score > threshold ? 1 : 0)));
  return {
    name: options.name,
    task: 'detect-anomaly',
    title: `What is normal for ${options.name}`,
    onnx,
    inputs,
    outputs,
    params: examples.params(threshold),
    events: examples.events,
    quality: [
      { metric: 'normal windows above the threshold (share)', value: rounded(above), data, measured_by: measuredBy },
      { metric: 'index of a normal window (median)', value: rounded(median(scores)), data, measured_by: measuredBy },
      {
        metric: 'index that one in a hundred normal windows exceeds',
        value: rounded(quantile(scores, 0.99)),
        data,
        measured_by: measuredBy,
      },
    ],
    note: `Learned here from ${duration(seconds)} of ${examples.channels.join(', ')} (${names}).`,
    evidence: {
      method: 'anomaly',
      kind: examples.kind,
      recordings: recordings.map(({ name, series }) => ({ name, rate_hz: series.rateHz, samples: series.length, filled: series.filled })),
      windows: examples.rows.rows,
      features: model.features,
      states: model.states.count,
      components: model.components,
      threshold,
      false_alarm_every_s: options.falseAlarmEveryS,
      held_out: { median: median(scores), p95: quantile(scores, 0.95), p99: quantile(scores, 0.99), greatest: greatest(scores), above },
      last_fifth_above: lateAbove,
      drift_accepted: options.acceptDrift,
      suspicious,
      remarks: examples.remarks,
    },
  };
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
