/**
 * What a model of a slow series is shown: for each of the last steps what went before it and what time it was. Pure; every number that decides
 * is in the card.
 *
 * A step is the mean of the samples of `step_s` seconds. A row of regressors is 1, then sine and cosine of the time of day (`harmonics` of
 * them), of the time of the week (where `weekly`), then the values `lags` steps before. Values are (value - centre) / scale of their channel.
 * Times are UTC, by the start that the series says.
 */
import { z } from 'zod';
import { limits } from '../core/limits.js';

export const seriesForecastParams = z.strictObject({
  step_s: z.number().positive(),
  channels: z
    .array(z.strictObject({ name: z.string().min(1).max(64), centre: z.number(), scale: z.number().positive() }))
    .min(1)
    .max(limits.seriesChannelsMax),
  harmonics: z.int().min(0).max(24),
  weekly: z.boolean(),
  /** Ascending, in steps. */
  lags: z.array(z.int().positive()).min(1).max(64),
  /** How many of the newest steps of `lags` a forecast of a day ahead must do without. */
  recent: z.int().min(0).max(64),
  /** Over how many steps residuals are averaged, ascending; the last is how many steps are looked at. */
  spans: z.array(z.int().positive()).min(1).max(8),
});

export type SeriesForecastParams = z.infer<typeof seriesForecastParams>;

const daySeconds = 86_400;
const weekHarmonics = 6;

/** What is compared: a forecast from what went just before, and one from the time and the day before alone. */
export const horizons = ['next', 'day'] as const;

/** One number of a moment. */
export interface ForecastFeature {
  readonly channel: string;
  readonly what: (typeof horizons)[number] | 'changes';
  /** Steps averaged over. */
  readonly span: number;
}

/** Of each channel the residuals of both forecasts over each span, then how much it changes from step to step. */
export function forecastFeatures({ channels, spans }: SeriesForecastParams): ForecastFeature[] {
  return channels.flatMap(({ name: channel }) => [
    ...horizons.flatMap((what) => spans.map((span): ForecastFeature => ({ channel, what, span }))),
    { channel, what: 'changes' as const, span: spans.at(-1) ?? 1 },
  ]);
}

/** Steps looked at. */
export function stepsSeen({ spans }: SeriesForecastParams): number {
  return spans.at(-1) ?? 1;
}

/** Steps a series must have for one answer. */
export function stepsNeeded(params: SeriesForecastParams): number {
  return stepsSeen(params) + (params.lags.at(-1) ?? 0);
}

/** Regressors that tell the time, the 1 included. */
export function clockColumns({ harmonics, weekly }: SeriesForecastParams): number {
  return 1 + 2 * harmonics + (weekly ? 2 * weekHarmonics : 0);
}

/** All regressors. */
export function columnsOf(params: SeriesForecastParams): number {
  return clockColumns(params) + params.lags.length;
}

/** Means of whole steps, as the model counts: (value - centre) / scale. */
export function toSteps(samples: Float32Array, each: number, { centre, scale }: { centre: number; scale: number }): Float32Array {
  return Float32Array.from({ length: Math.floor(samples.length / each) }, (_, step) => {
    let sum = 0;
    for (let i = 0; i < each; i++) sum += samples[step * each + i] ?? 0;
    return (sum / each - centre) / scale;
  });
}

/** The regressors of step `at` of a channel into `out` from `place` on. Steps before the first count as 0. */
export function rowOf(
  params: SeriesForecastParams,
  steps: Float32Array,
  at: number,
  startMs: number,
  out: Float32Array | Float64Array,
  place: number,
): void {
  const seconds = startMs / 1000 + at * params.step_s;
  let next = place;
  out[next++] = 1;
  const turn = (period: number, times: number): void => {
    const phase = (2 * Math.PI * (seconds % period)) / period;
    for (let k = 1; k <= times; k++) {
      out[next++] = Math.sin(k * phase);
      out[next++] = Math.cos(k * phase);
    }
  };
  turn(daySeconds, params.harmonics);
  if (params.weekly) turn(7 * daySeconds, weekHarmonics);
  for (const lag of params.lags) out[next++] = steps[at - lag] ?? 0;
}
