/** The range of a byte that costs the least squared error over a histogram: what is inside is rounded, what is outside is cut. */
import type { Range } from './affine.js';
import type { Histogram } from './histogram.js';

/** Ends are tried at these shares of what was seen. */
const shares = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2] as const;

export function leastErrorRange(histogram: Histogram): Range {
  const low = Math.min(0, histogram.range[0]);
  const high = Math.max(0, histogram.range[1]);
  const bins = [...histogram.bins()];
  let best: Range = [low, high];
  let least = Number.POSITIVE_INFINITY;
  for (const lowShare of low === 0 ? [1] : shares) {
    for (const highShare of high === 0 ? [1] : shares) {
      const range: Range = [low * lowShare, high * highShare];
      const error = squaredError(bins, range);
      if (error < least) {
        least = error;
        best = range;
      }
    }
  }
  return best;
}

function squaredError(bins: readonly (readonly [number, number])[], [low, high]: Range): number {
  const step = (high - low) / 255;
  const rounding = (step * step) / 12;
  let error = 0;
  for (const [value, count] of bins) {
    const cut = value < low ? low - value : value > high ? value - high : 0;
    error += count * (cut === 0 ? rounding : cut * cut);
  }
  return error;
}
