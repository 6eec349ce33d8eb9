/**
 * What makes a model's scores mean what they say: of the observations told with 0.8, eight in ten are right.
 *
 * A calibration is a monotone function of one score, fitted on observations that somebody knows to be right or wrong. Guarantees: scores stay
 * 0..1 and in their order, so that nothing overtakes anything; the same scores give the same fit, in any order. Deliberately changes no
 * label and finds nothing: what a task left out stays out.
 *
 * Sources: temperature scaling, and the expected calibration error, Guo et al., "On Calibration of Modern Neural Networks", ICML 2017;
 * isotonic regression of scores, Zadrozny & Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability Estimates", KDD 2002;
 * its algorithm, pooling adjacent violators, Barlow, Bartholomew, Bremner & Brunk, "Statistical Inference under Order Restrictions", 1972;
 * Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950.
 */
import { limits } from './limits.js';

export type Calibration =
  /** `1 / (1 + e^(-logit(score) / temperature))`: above 1 makes scores less sure, below 1 surer; 0.5 stays. */
  | { readonly method: 'temperature'; readonly temperature: number }
  /** Straight lines between points [score, calibrated], ascending in both; from 0 up to the first point, level after the last. */
  | { readonly method: 'isotonic'; readonly points: readonly (readonly [score: number, calibrated: number])[] };

export type CalibrationMethod = Calibration['method'];

/** A calibration with what it is worth, as cards and boards state it. */
export type StatedCalibration = Calibration & {
  /** Observations it was fitted and judged on. */
  readonly samples: number;
  /** For a person. */
  readonly calibrated_on: string;
  /** Expected calibration error, 0..1, of the half that took no part in the fit: as the model is, and calibrated. */
  readonly ece_before: number;
  readonly ece_after: number;
};

/** A score the model gave, and whether it was right. */
export interface Scored {
  /** 0..1 */
  readonly score: number;
  readonly right: boolean;
}

/** Scores are told to four decimals: 1 stands for all from here on, and has no logit. */
const surest = 0.99995;

/** `score` and the answer: 0..1. */
export function calibrated(calibration: Calibration, score: number): number {
  if (calibration.method === 'temperature') return sigmoid(logit(score) / calibration.temperature);
  let [x0, y0] = [0, 0];
  for (const [x, y] of calibration.points) {
    if (score <= x) return x === x0 ? y : unit(y0 + ((y - y0) * (score - x0)) / (x - x0));
    [x0, y0] = [x, y];
  }
  return y0;
}

/** Whether there is anything to learn from: right ones and wrong ones. */
export function isMixed(all: readonly Scored[]): boolean {
  return all.some(({ right }) => right) && all.some(({ right }) => !right);
}

/** By the method named, or the one whose two-fold cross-validated Brier score is lower. `all` is mixed. */
export function fitCalibration(all: readonly Scored[], method: CalibrationMethod | 'auto' = 'auto'): Calibration {
  if (method === 'temperature') return fitTemperature(all);
  if (method === 'isotonic') return fitIsotonic(all);
  const ordered = [...all].sort(byScore);
  const folds = [0, 1].map((fold) => ordered.filter((_, i) => i % 2 === fold));
  const [even = [], odd = []] = folds;
  // Of a fold with nothing to learn from, no method can be told to be better.
  if (!isMixed(even) || !isMixed(odd)) return fitTemperature(all);
  const lossOf = (fit: (fold: readonly Scored[]) => Calibration) =>
    brierScore(applied(fit(even), odd)) * odd.length + brierScore(applied(fit(odd), even)) * even.length;
  // One parameter goes before many where they are equally good.
  return lossOf(fitTemperature) <= lossOf(fitIsotonic) ? fitTemperature(all) : fitIsotonic(all);
}

export interface JudgedCalibration {
  readonly calibration: Calibration;
  /** Of `judge`, as it is and calibrated. */
  readonly eceBefore: number;
  readonly eceAfter: number;
  readonly brierBefore: number;
  readonly brierAfter: number;
  /** By both: one score for all would make the calibration error small, and the Brier score large. */
  readonly better: boolean;
}

/** Fits on one half, which is mixed, and says what it is worth on the other. */
export function judgeCalibration(fit: readonly Scored[], judge: readonly Scored[], method: CalibrationMethod | 'auto'): JudgedCalibration {
  const calibration = fitCalibration(fit, method);
  const after = applied(calibration, judge);
  const [eceBefore, eceAfter] = [expectedCalibrationError(judge), expectedCalibrationError(after)];
  const [brierBefore, brierAfter] = [brierScore(judge), brierScore(after)];
  return { calibration, eceBefore, eceAfter, brierBefore, brierAfter, better: eceAfter < eceBefore && brierAfter <= brierBefore };
}

export function applied(calibration: Calibration, all: readonly Scored[]): Scored[] {
  return all.map(({ score, right }) => ({ score: calibrated(calibration, score), right }));
}

/**
 * The temperature of the greatest likelihood, within `limits.calibrationTemperatureMin` .. `Max`. The slope of the loss over 1 / temperature only
 * ever rises, so halving finds where it is 0.
 */
export function fitTemperature(all: readonly Scored[]): Calibration {
  const slope = (sharpness: number) =>
    all.reduce((sum, { score, right }) => sum + logit(score) * (sigmoid(logit(score) * sharpness) - (right ? 1 : 0)), 0);
  let [low, high] = [1 / limits.calibrationTemperatureMax, 1 / limits.calibrationTemperatureMin];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (slope(middle) < 0) low = middle;
    else high = middle;
  }
  return { method: 'temperature', temperature: Number((2 / (low + high)).toPrecision(6)) };
}

/** A run of scores that share one value. */
export interface Block {
  /** Mean score of its members. */
  readonly score: number;
  /** Share of them that is right. */
  readonly value: number;
  readonly count: number;
}

/** The rising step function nearest to right (1) and wrong (0) by least squares: its steps, ascending. Equal scores are one step. */
export function poolAdjacentViolators(all: readonly Scored[]): Block[] {
  return ascending(byValue(all));
}

function ascending(all: readonly Block[]): Block[] {
  const blocks: Block[] = [];
  for (let last of all) {
    for (let before = blocks.at(-1); before !== undefined && before.value >= last.value; before = blocks.at(-1)) {
      blocks.pop();
      last = pooled(before, last);
    }
    blocks.push(last);
  }
  return blocks;
}

/** One block for each score there is, ascending. */
function byValue(all: readonly Scored[]): Block[] {
  const groups = new Map<number, { right: number; count: number }>();
  for (const { score, right } of all) {
    const group = groups.get(score) ?? { right: 0, count: 0 };
    groups.set(score, { right: group.right + (right ? 1 : 0), count: group.count + 1 });
  }
  const blocks = [...groups].map(([score, { right, count }]) => ({ score, value: right / count, count }));
  return blocks.sort((a, b) => a.score - b.score);
}

/**
 * Steps of fewer members than tell anything are pooled with the next, which also bounds the points. None claims 0 or 1: of n that are all right
 * the next one is right with (n + 1) / (n + 2), by Laplace's rule of succession.
 */
export function fitIsotonic(all: readonly Scored[]): Calibration {
  const least = Math.max(limits.calibrationBlockMin, Math.ceil(all.length / limits.calibrationPointsMax));
  const blocks: Block[] = [];
  for (const block of poolAdjacentViolators(all)) {
    const last = blocks.at(-1);
    if (last === undefined || last.count >= least) blocks.push(block);
    else blocks[blocks.length - 1] = pooled(last, block);
  }
  const [last, before] = [blocks.at(-1), blocks.at(-2)];
  if (last !== undefined && before !== undefined && last.count < least) blocks.splice(-2, 2, pooled(before, last));
  const cautious = ascending(blocks.map((block) => ({ ...block, value: (block.value * block.count + 1) / (block.count + 2) })));
  return { method: 'isotonic', points: cautious.map(({ score, value }) => [decimals(score), decimals(value)] as const) };
}

/**
 * How far scores are from the truth on average, 0..1: |mean score - share that is right|, weighed over `limits.calibrationBins` bins of as many
 * observations each (fewer bins where there are fewer than ten observations a bin). Equal scores that fall into two bins bring the same share of
 * right ones into both.
 */
export function expectedCalibrationError(all: readonly Scored[]): number {
  const ordered = byValue(all).flatMap((group) => Array.from({ length: group.count }, () => group));
  const bins = Math.max(1, Math.min(limits.calibrationBins, Math.floor(ordered.length / 10)));
  let error = 0;
  for (let bin = 0; bin < bins; bin++) {
    const members = ordered.slice(Math.floor((bin * ordered.length) / bins), Math.floor(((bin + 1) * ordered.length) / bins));
    error += Math.abs(members.reduce((sum, { score, value }) => sum + score - value, 0));
  }
  return ordered.length === 0 ? 0 : error / ordered.length;
}

/** Mean square of score less truth, 0..1. Unlike the calibration error it is not made small by giving everything one score. */
export function brierScore(all: readonly Scored[]): number {
  return all.length === 0 ? 0 : all.reduce((sum, { score, right }) => sum + (score - (right ? 1 : 0)) ** 2, 0) / all.length;
}

/** Ascending; of equal scores the wrong ones first, so that the order they came in does not matter. */
function byScore(a: Scored, b: Scored): number {
  return a.score - b.score || Number(a.right) - Number(b.right);
}

function pooled(a: Block, b: Block): Block {
  const count = a.count + b.count;
  const mean = (key: 'score' | 'value') => (a[key] * a.count + b[key] * b.count) / count;
  return { score: mean('score'), value: mean('value'), count };
}

function logit(score: number): number {
  const within = Math.min(surest, Math.max(1 - surest, score));
  return Math.log(within / (1 - within));
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}

function unit(value: number): number {
  return Math.min(1, Math.max(0, value));
}

function decimals(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
