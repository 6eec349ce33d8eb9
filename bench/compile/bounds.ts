/**
 * What a sample of samples says of all of them: bounds by resampling whole samples, because errors within one belong together.
 *
 * Source: B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3 (percentile intervals). The seed is fixed: the
 * same answers give the same bounds.
 */
import { percentile } from '../figure.js';
import { seeded } from '../rendered/random.js';

/** A ratio of sums over samples. */
export interface Part {
  readonly over: number;
  readonly under: number;
}

const resamples = 2000;

export function ratio(parts: readonly Part[]): number {
  let [over, under] = [0, 0];
  for (const part of parts) {
    over += part.over;
    under += part.under;
  }
  return over / under;
}

/** One-sided 95 % bounds of `ratio(parts)`. */
export function bounds(parts: readonly Part[]): { readonly lower: number; readonly upper: number } {
  const random = seeded(20_261_124);
  const over = Float64Array.from(parts, (part) => part.over);
  const under = Float64Array.from(parts, (part) => part.under);
  const ratios: number[] = [];
  for (let resample = 0; resample < resamples; resample++) {
    let [sumOver, sumUnder] = [0, 0];
    for (let i = 0; i < over.length; i++) {
      const drawn = Math.floor(random.next() * over.length);
      sumOver += over[drawn] ?? 0;
      sumUnder += under[drawn] ?? 0;
    }
    if (sumUnder > 0) ratios.push(sumOver / sumUnder);
  }
  return { lower: percentile(ratios, 0.05), upper: percentile(ratios, 0.95) };
}
