/**
 * Multinomial logistic regression: a linear score for each class, whose softmax is its probability. Pure, and the same on every run.
 *
 * Minimises the weighted negative log likelihood plus strength / 2 times the squares of the weights (not of the biases), which is convex, by
 * L-BFGS; it ends where the slope is a ten-thousandth for each row, or after `limits.learnIterationsMax`.
 *
 * Sources: Nocedal, Wright, Numerical Optimization, 2nd ed., algorithms 7.4 and 3.1; Hastie, Tibshirani, Friedman, The Elements of Statistical
 * Learning, 4.4.
 */
import { limits } from '../../core/limits.js';
import type { Rows } from './features.js';

/** Scores of a row: its values times `weights`, plus `biases`. */
export interface Linear {
  readonly classes: number;
  /** columns x classes, row-major. */
  readonly weights: Float64Array;
  readonly biases: Float64Array;
}

/** What is fitted: some rows of all, the class of each and how much it counts. Indices are those of `rows`. */
export interface Lesson {
  readonly rows: Rows;
  readonly chosen: readonly number[];
  readonly classOf: Int32Array;
  readonly weightOf: Float64Array;
  readonly classes: number;
}

/** `near`: a fit to begin at, which spares steps and changes nothing else. */
export function fitLogistic(lesson: Lesson, strength: number, near?: Linear): Linear {
  const { rows, classes } = lesson;
  const size = rows.columns * classes;
  const gradient = new Float64Array(size + classes);
  const start = new Float64Array(size + classes);
  if (near !== undefined) {
    start.set(near.weights);
    start.set(near.biases, size);
  }
  const counted = lesson.chosen.reduce((sum, row) => sum + (lesson.weightOf[row] ?? 1), 0);
  const solved = minimise(start, (at) => lossOf(lesson, strength, at, gradient), gradient, flatEnough * counted);
  return { classes, weights: solved.slice(0, size), biases: solved.slice(size) };
}

/** Adds the scores of a row to nothing: `target` holds them afterwards. */
export function scoreRow(rows: Rows, row: number, { classes, weights, biases }: Linear, target: Float64Array): void {
  target.set(biases);
  addScores(rows, row, weights, classes, target);
}

function addScores(rows: Rows, row: number, weights: Float64Array, classes: number, target: Float64Array): void {
  for (let i = rows.starts[row] ?? 0; i < (rows.starts[row + 1] ?? 0); i++) {
    const value = rows.values[i] ?? 0;
    const from = (rows.at[i] ?? 0) * classes;
    for (let k = 0; k < classes; k++) target[k] = (target[k] ?? 0) + value * (weights[from + k] ?? 0);
  }
}

/** In place; answers the logarithm of the sum, which a log likelihood needs. */
export function softmax(scores: Float64Array): number {
  const greatest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (let k = 0; k < scores.length; k++) {
    const power = Math.exp((scores[k] ?? 0) - greatest);
    scores[k] = power;
    sum += power;
  }
  for (let k = 0; k < scores.length; k++) scores[k] = (scores[k] ?? 0) / sum;
  return greatest + Math.log(sum);
}

/** Leaves the slope in `gradient`. */
function lossOf({ rows, chosen, classOf, weightOf, classes }: Lesson, strength: number, at: Float64Array, gradient: Float64Array): number {
  const size = rows.columns * classes;
  let loss = 0;
  gradient.fill(0);
  for (let i = 0; i < size; i++) {
    const weight = at[i] ?? 0;
    loss += (strength / 2) * weight * weight;
    gradient[i] = strength * weight;
  }
  const scores = new Float64Array(classes);
  for (const row of chosen) {
    const truth = classOf[row] ?? 0;
    const counts = weightOf[row] ?? 1;
    scores.set(at.subarray(size));
    addScores(rows, row, at, classes, scores);
    const own = scores[truth] ?? 0;
    loss += counts * (softmax(scores) - own);
    scores[truth] = (scores[truth] ?? 0) - 1;
    for (let k = 0; k < classes; k++) gradient[size + k] = (gradient[size + k] ?? 0) + counts * (scores[k] ?? 0);
    for (let i = rows.starts[row] ?? 0; i < (rows.starts[row + 1] ?? 0); i++) {
      const value = counts * (rows.values[i] ?? 0);
      const from = (rows.at[i] ?? 0) * classes;
      for (let k = 0; k < classes; k++) gradient[from + k] = (gradient[from + k] ?? 0) + value * (scores[k] ?? 0);
    }
  }
  return loss;
}

/** Pairs of steps and changes of slope that stand for the curvature. */
const remembered = 8;
/** A step must bring this part of what the slope promises. */
const promised = 1e-4;
/** Slope at which it ends, for each row that counts. */
const flatEnough = 1e-4;

interface Past {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly rho: number;
}

/** `loss` leaves the slope at the point it is given in `gradient`. Answers where it is least; `point` is written into. */
function minimise(point: Float64Array, loss: (at: Float64Array) => number, gradient: Float64Array, flat: number): Float64Array {
  let value = loss(point);
  let slope = gradient.slice();
  const past: Past[] = [];
  for (let iteration = 0; iteration < limits.learnIterationsMax && norm(slope) > flat; iteration++) {
    const direction = downhill(slope, past);
    const steepness = dot(direction, slope);
    let length = past.length === 0 ? 1 / Math.max(1, norm(slope)) : 1;
    let next = moved(point, direction, length);
    let there = loss(next);
    while (there > value + promised * length * steepness && length > 1e-10) {
      length /= 2;
      next = moved(point, direction, length);
      there = loss(next);
    }
    if (!(there < value)) break;
    const step = next.map((x, i) => x - (point[i] ?? 0));
    const change = gradient.map((x, i) => x - (slope[i] ?? 0));
    const curvature = dot(step, change);
    if (curvature > 1e-12) past.push({ step, change, rho: 1 / curvature });
    if (past.length > remembered) past.shift();
    point = next;
    value = there;
    slope = gradient.slice();
  }
  return point;
}

/** The two loops of L-BFGS: minus the slope, times what is known of the inverse curvature. */
function downhill(slope: Float64Array, past: readonly Past[]): Float64Array {
  const direction = slope.map((x) => -x);
  const alphas: number[] = [];
  for (const { step, change, rho } of [...past].reverse()) {
    const alpha = rho * dot(step, direction);
    alphas.unshift(alpha);
    for (let i = 0; i < direction.length; i++) direction[i] = (direction[i] ?? 0) - alpha * (change[i] ?? 0);
  }
  const last = past.at(-1);
  if (last !== undefined) {
    const scale = dot(last.step, last.change) / dot(last.change, last.change);
    for (let i = 0; i < direction.length; i++) direction[i] = (direction[i] ?? 0) * scale;
  }
  for (const [i, { step, change, rho }] of past.entries()) {
    const beta = (alphas[i] ?? 0) - rho * dot(change, direction);
    for (let j = 0; j < direction.length; j++) direction[j] = (direction[j] ?? 0) + beta * (step[j] ?? 0);
  }
  return direction;
}

function moved(point: Float64Array, direction: Float64Array, length: number): Float64Array {
  return point.map((x, i) => x + length * (direction[i] ?? 0));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}
