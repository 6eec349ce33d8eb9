/**
 * What a handful of answers, right or wrong, says of all that was told: the share that is right, with its interval, and from which score on.
 *
 * Pure. The answers must be about hits drawn at random, which nobody can check here.
 */
import type { Scored } from './calibration.js';

export interface Precision {
  readonly right: number;
  readonly of: number;
  /** 0..1; 0 without any answer. */
  readonly share: number;
  /** The 95 % interval of the share, 0..1. */
  readonly low: number;
  readonly high: number;
}

/** Standard normal quantile of 0.975. */
const z = 1.959964;

/**
 * A share with its 95 % interval by Wilson's score, which holds for few answers and for shares near 0 and 1 too.
 * Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 1927.
 */
export function precisionOf(all: readonly Pick<Scored, 'right'>[]): Precision {
  const of = all.length;
  const right = all.filter((each) => each.right).length;
  if (of === 0) return { right, of, share: 0, low: 0, high: 1 };
  const share = right / of;
  const middle = share + z ** 2 / (2 * of);
  const reach = z * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2));
  const scale = 1 + z ** 2 / of;
  // The ends are exact where all or none are right; computed, they miss by the last digit.
  return {
    right,
    of,
    share,
    low: right === 0 ? 0 : (middle - reach) / scale,
    high: right === of ? 1 : (middle + reach) / scale,
  };
}

export interface ScoreBand extends Precision {
  /** `from <= score < to`; the last one includes 1. */
  readonly from: number;
  readonly to: number;
  readonly meanScore: number;
}

/** Tenths of the score that have an answer, highest first. */
export function bandsOf(all: readonly Scored[]): ScoreBand[] {
  const tenth = ({ score }: Scored) => Math.min(9, Math.floor(score * 10 + 1e-9));
  return [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].flatMap((band) => {
    const members = all.filter((each) => tenth(each) === band);
    if (members.length === 0) return [];
    const meanScore = members.reduce((sum, { score }) => sum + score, 0) / members.length;
    return { from: band / 10, to: (band + 1) / 10, meanScore, ...precisionOf(members) };
  });
}

export interface Threshold extends Precision {
  readonly score: number;
}

/**
 * The lowest score from which on the answers show a precision of at least `wanted`: the whole interval lies there, not only the share. Null where
 * they do not show it for any score.
 */
export function thresholdFor(all: readonly Scored[], wanted: number): Threshold | null {
  const scores = [...new Set(all.map(({ score }) => score))].sort((a, b) => a - b);
  for (const score of scores) {
    const precision = precisionOf(all.filter((each) => each.score >= score));
    if (precision.low >= wanted) return { score, ...precision };
  }
  return null;
}
