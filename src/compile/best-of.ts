/** Which of several attempts is the best: pure, the same attempts give the same answer. */
import type { Evaluation } from '../core/workbench.js';
import type { Verdict } from './choose.js';

export interface Judged {
  readonly evaluation: Evaluation;
  readonly verdict: Verdict;
  /** Of the arithmetic that was given back to float. */
  readonly floatShare?: number;
}

/** Within this of the fastest, accuracy is worth more than what is left to gain. */
const closeEnough = 1.15;

/**
 * Kept before refused; among the kept the most accurate of those nearly as fast as the fastest, since other samples will judge it;
 * among the refused that are faster than the float the most accurate. Null where there is none; null ones do not count.
 */
export function bestOf<One extends Judged>(attempts: readonly (One | null)[]): One | null {
  const all = attempts.filter((one) => one !== null);
  const able = all.filter(({ evaluation }) => evaluation.failure === undefined);
  const kept = able.filter(({ verdict }) => verdict.kept);
  const fastest = Math.min(...kept.map(({ verdict }) => verdict.cpuRatio));
  const close = kept.filter(({ verdict }) => verdict.cpuRatio <= fastest * closeEnough);
  const faster = able.filter(({ verdict }) => verdict.cpuRatio < 1);
  const [first = []] = [close, faster, able].filter((some) => some.length > 0);
  return [...first].sort((a, b) => errorsOf(a) - errorsOf(b) || (a.floatShare ?? 0) - (b.floatShare ?? 0))[0] ?? all[0] ?? null;
}

/** Infinite where there is no answer. */
export function errorsOf(tried: Judged | null | undefined): number {
  if (tried === null || tried === undefined || tried.evaluation.failure !== undefined) return Number.POSITIVE_INFINITY;
  return tried.evaluation.scores.reduce((sum, { errors }) => sum + errors, 0);
}
