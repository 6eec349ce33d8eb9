/**
 * The gate: a variant is kept only when it is faster here than the fused float and no worse than its budget allows.
 *
 * Guarantees: pure; the same evaluations give the same verdict and the same sentence. The comparison is paired: both models answered the
 * same samples, and whole samples are resampled, because errors within one belong together.
 *
 * Source: B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3 (percentile intervals).
 */
import { seededRandom } from '../core/random.js';
import type { Evaluation, SampleScore } from '../core/workbench.js';

export interface Verdict {
  readonly kept: boolean;
  /** One sentence, for a person. */
  readonly reason: string;
  /** Errors a thing more than the original's. */
  readonly loss: number;
  /** Upper 95 % bound of it. */
  readonly bound: number;
  /** CPU time a run over that of the fused float. */
  readonly cpuRatio: number;
}

/** Medians of two runs of one file differ by this much on a quiet machine. */
export const noise = 0.03;
const resamples = 2000;
const seed = 20_261_124;

/** `budget`: errors a thing that the bound of the loss may reach, 0.0025 for a quarter of a point. */
export function judge(candidate: Evaluation, fused: Evaluation, original: Evaluation, budget: number): Verdict {
  if (candidate.failure !== undefined || candidate.scores.length !== original.scores.length) {
    const reason = `refused: it cannot be judged: ${candidate.failure ?? 'it answered other samples than the original'}`;
    return { kept: false, reason, loss: Number.NaN, bound: Number.NaN, cpuRatio: Number.NaN };
  }
  const { loss, bound } = pairedLoss(candidate.scores, original.scores);
  const cpuRatio = candidate.cpuMs.median / fused.cpuMs.median;
  const figures = { loss, bound, cpuRatio };
  const speed = `it takes ${percent(cpuRatio)} of the CPU of the fused float`;
  const accuracy = `at most ${percent(bound)} more errors (95 % bound of ${percent(loss)})`;
  if (!(bound <= budget)) return { kept: false, reason: `refused: ${accuracy}, allowed are ${percent(budget)}`, ...figures };
  if (!(cpuRatio <= 1 - noise)) return { kept: false, reason: `refused: ${speed}, which is no gain here`, ...figures };
  return { kept: true, reason: `kept: ${speed}, with ${accuracy}, allowed are ${percent(budget)}`, ...figures };
}

/** Errors a thing that `found` has more than `original`, sample by sample, and its one-sided 95 % bound. NaN without a single thing. */
export function pairedLoss(found: readonly SampleScore[], original: readonly SampleScore[]): { loss: number; bound: number } {
  const more = Float64Array.from(found, ({ errors }, i) => errors - (original[i]?.errors ?? 0));
  const total = Float64Array.from(found, (score) => score.total);
  const random = seededRandom(seed);
  const ratios: number[] = [];
  for (let resample = 0; resample < resamples; resample++) {
    let [errors, things] = [0, 0];
    for (let i = 0; i < more.length; i++) {
      const drawn = Math.floor(random() * more.length);
      errors += more[drawn] ?? 0;
      things += total[drawn] ?? 0;
    }
    if (things > 0) ratios.push(errors / things);
  }
  ratios.sort((a, b) => a - b);
  const bound = ratios[Math.ceil(0.95 * ratios.length) - 1] ?? Number.NaN;
  return { loss: sum(more) / sum(total), bound };
}

function sum(values: Float64Array): number {
  return values.reduce((all, value) => all + value, 0);
}

export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}
