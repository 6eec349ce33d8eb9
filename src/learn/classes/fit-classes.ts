/**
 * Classes fitted to examples and judged by examples that took no part in the fit. Pure; the same seed gives the same answer.
 *
 * Guarantees: what is said of a sample was computed without it and without any of its group: the samples are divided into folds, groups kept
 * whole and each fold with its share of every class, and each fold is judged by a fit on the others. The strength of the regression and the
 * temperature of its probabilities, by which a fold is judged, are chosen on the other folds as well. The model itself is fitted on all.
 *
 * Sources: Guo et al. 2017, On Calibration of Modern Neural Networks (temperature scaling); Hastie, Tibshirani, Friedman, 7.10 (cross-validation).
 */
import { limits } from '../../core/limits.js';
import { seededRandom } from '../../core/random.js';
import { type Rows, rowCount, type Standard, standardised, standardOf } from './features.js';
import { fitLogistic, type Linear, scoreRow, softmax } from './logistic.js';

/** Samples by index; rows of one sample lie one after the other. */
export interface Examples {
  readonly rows: Rows;
  /** Dense rows are standardised, buckets are not. */
  readonly dense: boolean;
  readonly sampleOf: Int32Array;
  /** By sample. */
  readonly classOf: Int32Array;
  /** By sample: those with the same number are judged together. */
  readonly groupOf: Int32Array;
  readonly classes: number;
}

export interface Fitted {
  /** For raw rows, with the temperature in it: the softmax of its scores are probabilities. */
  readonly linear: Linear;
  readonly strength: number;
  readonly temperature: number;
  readonly folds: number;
  /** By sample: the probability of each class, held out; of several rows the mean. */
  readonly heldOut: readonly Float64Array[];
}

/** Tried from much to little, each fit beginning where the one before ended. Texts have too many buckets for more, and care less. */
const strengthsOf = { dense: [3, 1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001], buckets: [0.3, 0.03, 0.003] };

export function fitClasses(examples: Examples, seed: number): Fitted {
  const foldOf = dividedInFolds(examples, seed);
  const folds = Math.max(...foldOf) + 1;
  const strengths = examples.dense ? strengthsOf.dense : strengthsOf.buckets;
  const held = heldOutScores(examples, strengths, foldOf, folds);
  const judge = (allowed: (sample: number) => boolean) => {
    const losses = held.map((scores) => lossOf(examples, scores, 1, allowed));
    const best = losses.indexOf(Math.min(...losses));
    const scores = held[best] ?? [];
    return { strength: strengths[best] ?? 1, scores, temperature: temperatureOf((t) => lossOf(examples, scores, t, allowed)) };
  };
  const heldOut: Float64Array[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const { scores, temperature } = judge((sample) => foldOf[sample] !== fold);
    for (const [sample, found] of probabilities(examples, scores, temperature).entries()) {
      if (foldOf[sample] === fold) heldOut[sample] = found;
    }
  }
  const { strength, temperature } = judge(() => true);
  const all = Array.from({ length: rowCount(examples.rows) }, (_, row) => row);
  const [linear] = fits(examples, all, [strength]);
  if (linear === undefined) throw new RangeError('nothing was fitted');
  return { linear: scaled(linear, 1 / temperature), strength, temperature, folds, heldOut };
}

/** A linear model for raw rows for each strength, fitted on the chosen rows; those of a sample count together as one. */
function fits({ rows, dense, sampleOf, classOf, classes }: Examples, chosen: readonly number[], strengths: readonly number[]): Linear[] {
  const rowsOf = new Float64Array(classOf.length);
  for (const sample of sampleOf) rowsOf[sample] = (rowsOf[sample] ?? 0) + 1;
  const weightOf = Float64Array.from(sampleOf, (sample) => 1 / (rowsOf[sample] ?? 1));
  const standard = dense ? standardOf(rows, chosen) : null;
  const seen = standard === null ? rows : standardised(rows, standard);
  const lesson = { rows: seen, chosen, classOf: sampleOf.map((sample) => classOf[sample] ?? 0), weightOf, classes };
  const found: Linear[] = [];
  for (const strength of strengths) found.push(fitLogistic(lesson, strength, found.at(-1)));
  return standard === null ? found : found.map((linear) => forRawRows(linear, standard));
}

function forRawRows({ classes, weights, biases }: Linear, { means, scales }: Standard): Linear {
  const raw = weights.map((weight, i) => weight * (scales[Math.floor(i / classes)] ?? 0));
  const shifted = biases.slice();
  for (const [i, weight] of raw.entries()) {
    const k = i % classes;
    shifted[k] = (shifted[k] ?? 0) - weight * (means[Math.floor(i / classes)] ?? 0);
  }
  return { classes, weights: raw, biases: shifted };
}

function scaled({ classes, weights, biases }: Linear, factor: number): Linear {
  return { classes, weights: weights.map((weight) => weight * factor), biases: biases.map((bias) => bias * factor) };
}

/** By strength, then by row: its scores by a fit without its fold. */
function heldOutScores(examples: Examples, strengths: readonly number[], foldOf: Int32Array, folds: number): Float64Array[][] {
  const found = strengths.map((): Float64Array[] => []);
  const rows = Array.from({ length: rowCount(examples.rows) }, (_, row) => row);
  for (let fold = 0; fold < folds; fold++) {
    const within = (row: number) => foldOf[examples.sampleOf[row] ?? 0] === fold;
    const without = rows.filter((row) => !within(row));
    for (const [i, linear] of fits(examples, without, strengths).entries()) {
      for (const row of rows.filter(within)) {
        const scores = new Float64Array(examples.classes);
        scoreRow(examples.rows, row, linear, scores);
        const those = found[i];
        if (those !== undefined) those[row] = scores;
      }
    }
  }
  return found;
}

/** By sample: the mean over its rows of the softmax of their scores over the temperature. */
function probabilities({ sampleOf, classOf, classes }: Examples, scores: readonly Float64Array[], temperature: number): Float64Array[] {
  const sums = Array.from({ length: classOf.length }, () => new Float64Array(classes));
  const counts = new Float64Array(classOf.length);
  for (const [row, found] of scores.entries()) {
    const sample = sampleOf[row] ?? 0;
    const shares = found.map((score) => score / temperature);
    softmax(shares);
    const sum = sums[sample];
    if (sum !== undefined) for (let k = 0; k < classes; k++) sum[k] = (sum[k] ?? 0) + (shares[k] ?? 0);
    counts[sample] = (counts[sample] ?? 0) + 1;
  }
  return sums.map((sum, sample) => sum.map((share) => share / (counts[sample] || 1)));
}

/** Mean negative log likelihood of the samples that are allowed. */
function lossOf(examples: Examples, scores: readonly Float64Array[], temperature: number, allowed: (sample: number) => boolean): number {
  let sum = 0;
  let count = 0;
  for (const [sample, found] of probabilities(examples, scores, temperature).entries()) {
    if (!allowed(sample)) continue;
    sum -= Math.log(Math.max(1e-12, found[examples.classOf[sample] ?? 0] ?? 0));
    count++;
  }
  return sum / Math.max(1, count);
}

/** Never so cold that a few right answers make it certain. */
const temperatureRange = [0.25, 8] as const;

/** Where the loss is least, by golden sections of the logarithm: it has one valley. */
function temperatureOf(loss: (temperature: number) => number): number {
  const golden = (Math.sqrt(5) - 1) / 2;
  let [low, high] = temperatureRange.map(Math.log) as [number, number];
  for (let i = 0; i < 24; i++) {
    const [left, right] = [high - golden * (high - low), low + golden * (high - low)];
    if (loss(Math.exp(left)) <= loss(Math.exp(right))) high = right;
    else low = left;
  }
  return Math.exp((low + high) / 2);
}

/** The fold of each sample: groups in an order made by chance, each where its classes are rarest yet. */
export function dividedInFolds({ classOf, groupOf, classes }: Pick<Examples, 'classOf' | 'groupOf' | 'classes'>, seed: number): Int32Array {
  const members = new Map<number, number[]>();
  for (const [sample, group] of groupOf.entries()) members.set(group, [...(members.get(group) ?? []), sample]);
  const groupsOf = Array.from({ length: classes }, () => new Set<number>());
  for (const [sample, kind] of classOf.entries()) groupsOf[kind]?.add(groupOf[sample] ?? 0);
  const folds = Math.max(2, Math.min(limits.learnFoldsMax, ...groupsOf.map((groups) => groups.size)));
  const random = seededRandom(seed);
  const order = [...members.values()]
    .map((samples) => ({ samples, at: random() }))
    .sort((a, b) => b.samples.length - a.samples.length || a.at - b.at);
  const counts = Array.from({ length: folds }, () => new Float64Array(classes + 1));
  const foldOf = new Int32Array(classOf.length);
  for (const { samples } of order) {
    const cost = (of: Float64Array) => samples.reduce((sum, sample) => sum + (of[classOf[sample] ?? 0] ?? 0), 0) + (of[classes] ?? 0) / 1e6;
    const costs = counts.map(cost);
    const fold = costs.indexOf(Math.min(...costs));
    for (const sample of samples) {
      foldOf[sample] = fold;
      const of = counts[fold];
      if (of === undefined) continue;
      const kind = classOf[sample] ?? 0;
      of[kind] = (of[kind] ?? 0) + 1;
      of[classes] = (of[classes] ?? 0) + 1;
    }
  }
  return foldOf;
}
