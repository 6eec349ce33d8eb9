/**
 * What an anomaly model is learned from, whichever kind it is: rows of features of what was normal, and where each comes from.
 */
import { ShoalError } from '../../core/errors.js';
import type { Series } from '../../core/series.js';
import type { anomalyParams } from '../../tasks/detect-anomaly.js';
import type { Rows } from './linear.js';
import type { Judged, NormalModel, NormalOptions } from './normal-model.js';
import type { LearnedGraph } from './normal-onnx.js';

/** A series with what a person calls it. */
export interface Recording {
  readonly name: string;
  readonly series: Series;
}

/** Where a row comes from. */
export interface Place {
  readonly recording: string;
  /** From the start of the recording. */
  readonly startS: number;
  /** By the recording's own clock, ms since 1970; null where it has none. */
  readonly timeMs: number | null;
}

type Params = ReturnType<typeof anomalyParams.parse>;

export interface Examples {
  readonly kind: Params['kind'];
  readonly rows: Rows;
  readonly places: readonly Place[];
  /** From one row to the next, and the least distance in rows at which two share no sample. */
  readonly hopS: number;
  readonly apart: number;
  readonly fitting: NormalOptions;
  readonly channels: readonly string[];
  /** What moved, for a person. */
  words(judged: Judged, found: ArrayLike<number>): string;
  graph(model: NormalModel): LearnedGraph;
  params(threshold: number): Params;
  /** What an operator is told of it. */
  readonly remarks: readonly string[];
  /** Milliseconds: what a pipeline takes where it says nothing. */
  readonly events: { readonly on_after_ms: number; readonly off_after_ms: number; readonly cooldown_ms: number };
  /** What a live input must hand over for one answer, seconds. */
  readonly window: { readonly lengthS: number; readonly hopS: number };
}

export function refused(message: string): ShoalError {
  return new ShoalError('LEARN_REFUSED', message);
}

/** The rate all recordings have. Throws LEARN_REFUSED. */
export function commonRate(recordings: readonly Recording[]): number {
  const [first, ...others] = recordings;
  for (const { name, series } of recordings) {
    if (series.rateHz === null) {
      throw refused(
        `${name}: its rate is not known: give it a column named time with even steps, or say how many rows a second it has with --rate`,
      );
    }
  }
  const rateHz = first?.series.rateHz ?? 0;
  for (const { name, series } of others) {
    if (Math.abs((series.rateHz ?? 0) / rateHz - 1) > 0.02) {
      throw refused(`${name} has ${series.rateHz} Hz and ${first?.name} ${rateHz} Hz: learn from recordings of one rate`);
    }
  }
  return rateHz;
}

/** Throws LEARN_REFUSED for a channel that says the same all the time: whatever it does next would be an anomaly, or nothing would. */
export function refuseConstant(channels: readonly string[], spread: readonly number[]): void {
  const dead = channels.filter((_, c) => !((spread[c] ?? 0) > 0));
  if (dead.length === 0) return;
  const [noun, verb] = dead.length === 1 ? ['channel', 'never changes'] : ['channels', 'never change'];
  const left = channels.filter((name) => !dead.includes(name));
  const way = left.length === 0 ? 'is the sensor connected?' : `is the sensor connected? To learn without: --channels ${left.join(',')}`;
  throw refused(`${noun} ${dead.join(', ')} ${verb} in what was given; ${way}`);
}
