/**
 * How an operator says what a window is, and what follows from it: for every input that makes series.
 *
 * Guarantees: a plan that comes out can be filled within the limits. Deliberately knows no channels: they are the payload's.
 */
import { z } from 'zod';
import { limits } from '../core/limits.js';

const milliseconds = z.number().min(1).max(limits.windowMsMax);
const samples = z.int().min(1).max(limits.windowSamplesMax);

/** To be spread into the options of an input: `window`, `rate_hz` and `max_gap_ms`, which `explainWindow` looks at together. */
export const windowFields = {
  window: z
    .strictObject({
      length_ms: milliseconds.optional().describe('length in milliseconds, 1 .. 3600000'),
      hop_ms: milliseconds.optional().describe('milliseconds from the start of one window to the next; default length_ms: no overlap'),
      samples: samples.optional().describe('instead of length_ms: length in samples of each channel, 1 .. 65536'),
      hop: samples.optional().describe('with samples: how many from the start of one window to the next; default samples: no overlap'),
    })
    .optional()
    .describe('gathers samples into windows, by time (length_ms) or by number (samples); without it nothing is gathered'),
  rate_hz: z
    .number()
    .min(0.001)
    .max(limits.windowRateHzMax)
    .optional()
    .describe(
      'resamples each window to this rate by linear interpolation, samples a second, 0.001 .. 50000; without it they stay as they came',
    ),
  max_gap_ms: milliseconds
    .optional()
    .describe(
      'longest pause between two samples of one window; a longer one ends the window unfinished, counted; default a quarter of the window with rate_hz, all of it without, and any for samples without rate_hz',
    ),
};

export type WindowOptions = z.output<z.ZodObject<typeof windowFields>>;

/** What a window of these options is. */
export interface WindowPlan {
  /** By number of samples (of each channel), or by time (ms): `length` and `hop` in that unit. */
  readonly by: 'samples' | 'time';
  readonly length: number;
  readonly hop: number;
  /** Of the grid they are resampled to, in ms; null where they stay as they came. */
  readonly periodMs: number | null;
  readonly maxGapMs: number;
}

/** Without a window: each sample is a series by itself. */
export const eachSample: WindowPlan = { by: 'samples', length: 1, hop: 1, periodMs: null, maxGapMs: Number.POSITIVE_INFINITY };

/** A mistake in the options that no single one of them shows, and the option it is in. Null when there is none. */
export function explainWindow({ window, rate_hz: rateHz, max_gap_ms: gapMs }: WindowOptions): { path: string[]; message: string } | null {
  if (window === undefined) {
    const stray = rateHz !== undefined ? 'rate_hz' : gapMs !== undefined ? 'max_gap_ms' : null;
    return stray === null ? null : { path: [stray], message: 'is of use only with a window' };
  }
  const { length_ms: lengthMs, samples: number, hop_ms: hopMs, hop } = window;
  if ((lengthMs === undefined) === (number === undefined)) {
    return { path: ['window'], message: 'need either length_ms or samples, as in { length_ms: 1000, hop_ms: 500 }' };
  }
  if (hopMs !== undefined && lengthMs === undefined)
    return { path: ['window', 'hop_ms'], message: 'goes with length_ms; with samples say hop' };
  if (hop !== undefined && number === undefined)
    return { path: ['window', 'hop'], message: 'goes with samples; with length_ms say hop_ms' };
  if ((lengthMs ?? number ?? 0) / (hopMs ?? hop ?? Number.POSITIVE_INFINITY) > limits.windowOverlapMax) {
    const key = hopMs === undefined ? 'hop' : 'hop_ms';
    return { path: ['window', key], message: `is too small: a sample may lie in ${limits.windowOverlapMax} windows at most` };
  }
  if (lengthMs === undefined || rateHz === undefined) return null;
  const length = Math.round((lengthMs * rateHz) / 1000);
  if (length >= 1 && length <= limits.windowSamplesMax) return null;
  return { path: ['rate_hz'], message: `makes windows of ${length} samples, need 1 .. ${limits.windowSamplesMax}` };
}

/** Of options in which `explainWindow` finds no mistake; null without a window. */
export function planWindow({ window, rate_hz: rateHz, max_gap_ms: gapMs }: WindowOptions): WindowPlan | null {
  if (window === undefined) return null;
  const periodMs = rateHz === undefined ? null : 1000 / rateHz;
  if (window.samples !== undefined) {
    const { samples: length, hop = length } = window;
    const maxGapMs = gapMs ?? (periodMs === null ? Number.POSITIVE_INFINITY : quarter(length * periodMs, periodMs));
    return { by: 'samples', length, hop, periodMs, maxGapMs };
  }
  const { length_ms: lengthMs = 1, hop_ms: hopMs = lengthMs } = window;
  if (periodMs === null) return { by: 'time', length: lengthMs, hop: hopMs, periodMs, maxGapMs: gapMs ?? lengthMs };
  const length = Math.round(lengthMs / periodMs);
  const hop = Math.max(1, Math.round(hopMs / periodMs));
  return { by: 'samples', length, hop, periodMs, maxGapMs: gapMs ?? quarter(lengthMs, periodMs) };
}

/** Two samples at the wanted rate must always do. */
function quarter(lengthMs: number, periodMs: number): number {
  return Math.max(lengthMs / 4, 2.5 * periodMs);
}
