/**
 * From the scores of normal windows to a threshold that normal ones exceed about once in a wanted time.
 *
 * The greatest of each of some stretches of time follows, whatever the scores follow, about a Gumbel distribution, the sooner the more the tail
 * is exponential: so it is their squares that are looked at, sums of squares as they are. Its two numbers are taken from the moments, and the level that is returned to once in the wanted time is read from it. What happens far more seldom than the
 * data is long is a continuation of its tail: a promise of the arithmetic, not of the machine. Deliberately looks at no score of anything
 * that is not normal.
 *
 * Source: Gumbel, Statistics of Extremes (1958); Coles, An Introduction to Statistical Modeling of Extreme Values (2001), section 3.
 */
import { deviation, greatest, mean, quantile } from './linear.js';

const eulerGamma = 0.5772156649;
/** Stretches: enough for two moments; longer ones forget more of what neighbours have in common. */
const stretches = 16;

/**
 * `scores` of normal windows in their order, `hopS` seconds apart, that took no part in the fit. Where an event takes `inARow` windows above the
 * threshold, it is the least of so many that returns. At least the score that one window in a hundred exceeds.
 */
export function returnLevel(scores: ArrayLike<number>, hopS: number, everyS: number, inARow = 1): number {
  const least = Float64Array.from({ length: Math.max(1, scores.length - inARow + 1) }, (_, i) => {
    let smallest = Number.POSITIVE_INFINITY;
    for (let k = i; k < Math.min(scores.length, i + inARow); k++) smallest = Math.min(smallest, scores[k] ?? 0);
    return smallest;
  });
  const length = Math.max(1, Math.ceil(least.length / stretches));
  const maxima: number[] = [];
  for (let start = 0; start < least.length; start += length) maxima.push(greatest(least.subarray(start, start + length)) ** 2);
  const scale = (deviation(maxima) * Math.sqrt(6)) / Math.PI;
  const place = mean(maxima) - eulerGamma * scale;
  const times = Math.max(2, everyS / (length * hopS));
  return Math.max(Math.sqrt(Math.max(0, place - scale * Math.log(-Math.log1p(-1 / times)))), quantile(scores, 0.99));
}
