/**
 * From the scores of normal windows to a threshold that normal ones exceed about once in a wanted time.
 *
 * The greatest score of each of some stretches of time follows, whatever the scores follow, about a Gumbel distribution; its two numbers are
 * taken from the moments, and the level that is returned to once in the wanted time is read from it. What happens far more seldom than the
 * data is long is a continuation of its tail: a promise of the arithmetic, not of the machine. Deliberately looks at no score of anything
 * that is not normal.
 *
 * Source: Gumbel, Statistics of Extremes (1958); Coles, An Introduction to Statistical Modeling of Extreme Values (2001), section 3.
 */
import { deviation, mean, quantile } from './linear.js';

const eulerGamma = 0.5772156649;
/** Stretches: enough for two moments; longer ones forget more of what neighbours have in common. */
export const stretches = 16;

/**
 * `scores` of normal windows in their order, `hopS` seconds apart, that took no part in the fit. At least the score that one in a hundred
 * exceeds.
 */
export function returnLevel(scores: ArrayLike<number>, hopS: number, everyS: number): number {
  const length = Math.max(1, Math.ceil(scores.length / stretches));
  const maxima: number[] = [];
  for (let start = 0; start < scores.length; start += length) {
    let greatest = 0;
    for (let i = start; i < Math.min(scores.length, start + length); i++) greatest = Math.max(greatest, scores[i] ?? 0);
    maxima.push(greatest);
  }
  const scale = (deviation(maxima) * Math.sqrt(6)) / Math.PI;
  const place = mean(maxima) - eulerGamma * scale;
  const times = Math.max(2, everyS / (length * hopS));
  return Math.max(place - scale * Math.log(-Math.log1p(-1 / times)), quantile(scores, 0.99));
}
