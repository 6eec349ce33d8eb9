/**
 * What is normal: a cloud around each of the states of a machine, each of its own size but all of one shape, and how far a row of features lies outside.
 *
 * The shape is a probabilistic principal component analysis: along its first components the distance counts by their variance (Mahalanobis),
 * and what the components cannot draw again (the reconstruction error) by the variance that is left on average. `index` is the root of both
 * together over the number of features: about 1 for what is normal. The contribution of each feature sums up to it.
 *
 * Centre and scale are median and median absolute deviation, so a few windows that are not normal do not move them.
 *
 * Source: Tipping and Bishop, Probabilistic Principal Component Analysis (1999).
 */
import { deviation, eigenOf, median, type Rows } from './linear.js';
import { findStates, nearestState, type States } from './states.js';

export interface NormalModel {
  readonly features: number;
  readonly centre: Float64Array;
  readonly scale: Float64Array;
  /** Standardised: (value - centre) / scale. */
  readonly states: States;
  /** How far each feature scatters in each state, as `states`: a machine at rest is not as even as one that runs. */
  readonly spread: Float64Array;
  /** Components x features, each of length 1, and the variance along each. */
  readonly components: number;
  readonly basis: Float64Array;
  readonly variances: Float64Array;
  /** Of every direction that is no component. */
  readonly rest: number;
}

/** Share of the variance that components stand for; beyond it lies mostly noise. */
const explained = 0.8;
/** Rows for each component: with fewer its variance is a guess. */
const rowsPerComponent = 4;
/** A state's own scatter counts as much as that of all states once it has so many rows: with fewer it is mostly chance. */
const ownSpreadRows = 10;
/** Against a variance that only seems to be nothing. */
const restMin = 0.02;

export interface NormalOptions {
  /** What counts as nothing, a feature each: no scale is below it. */
  readonly leastScale: ArrayLike<number>;
  /** How many states there are; found out where it is not said. */
  readonly states?: number;
}

export function fitNormal(rows: Rows, { leastScale, states: count }: NormalOptions): NormalModel {
  const { columns } = rows;
  const { centre, scale } = standardOf(rows, leastScale);
  const standard = standardised(rows, centre, scale);
  // Of one state the centre is the middle, which does not mind the few that are not normal.
  const states = count === 1 ? { count, middles: new Float64Array(columns) } : findStates(standard, count);
  const nearest = Array.from({ length: rows.rows }, (_, row) => nearestState(states, standard, row).state);
  const spread = spreadOf(standard, states, nearest, (c) => (leastScale[c] ?? 0) / (scale[c] ?? 1));
  const covariance = new Float64Array(columns * columns);
  const offset = new Float64Array(columns);
  for (let row = 0; row < rows.rows; row++) {
    const at = (nearest[row] ?? 0) * columns;
    for (let c = 0; c < columns; c++) {
      offset[c] = ((standard.data[row * columns + c] ?? 0) - (states.middles[at + c] ?? 0)) / (spread[at + c] ?? 1);
    }
    for (let a = 0; a < columns; a++) {
      const left = offset[a] ?? 0;
      for (let b = a; b < columns; b++) covariance[a * columns + b] = (covariance[a * columns + b] ?? 0) + left * (offset[b] ?? 0);
    }
  }
  const freedom = Math.max(1, rows.rows - states.count);
  for (let i = 0; i < covariance.length; i++) covariance[i] = (covariance[i] ?? 0) / freedom;
  const { values, vectors } = eigenOf(covariance, columns);
  const total = values.reduce((sum, value) => sum + value, 0);
  const most = Math.max(1, Math.min(columns - 1, Math.floor(freedom / rowsPerComponent)));
  let components = 0;
  let sum = 0;
  while (components < most && sum < explained * total) sum += values[components++] ?? 0;
  const rest = Math.max((total - sum) / Math.max(1, columns - components), restMin);
  return {
    features: columns,
    centre,
    scale,
    states,
    spread,
    components,
    basis: vectors.slice(0, components * columns),
    variances: values.slice(0, components).map((value) => Math.max(value, rest)),
    rest,
  };
}

/** What the ONNX model computes, in double precision. */
export interface Judged {
  readonly index: number;
  readonly state: number;
  /** Of each feature, summing up to 1; a feature that makes up for another has less than 0. */
  readonly share: Float64Array;
  /** Of each feature, in its unit: the middle of the nearest state. */
  readonly expected: Float64Array;
}

export function judge(model: NormalModel, features: ArrayLike<number>): Judged {
  const { features: width, centre, scale, states, spread } = model;
  let best: { total: number; state: number; parts: Float64Array } | null = null;
  for (let state = 0; state < states.count; state++) {
    const offset = Float64Array.from(
      { length: width },
      (_, c) =>
        (((features[c] ?? 0) - (centre[c] ?? 0)) / (scale[c] ?? 1) - (states.middles[state * width + c] ?? 0)) /
        (spread[state * width + c] ?? 1),
    );
    const parts = partsOf(model, offset);
    const total = parts.reduce((sum, part) => sum + part, 0);
    if (best === null || total < best.total) best = { total, state, parts };
  }
  const { total, state, parts } = best ?? { total: 0, state: 0, parts: new Float64Array(width) };
  return {
    index: Math.sqrt(Math.max(total, 0) / width),
    state,
    share: parts.map((part) => part / Math.max(total, Number.MIN_VALUE)),
    expected: Float64Array.from({ length: width }, (_, c) => (states.middles[state * width + c] ?? 0) * (scale[c] ?? 1) + (centre[c] ?? 0)),
  };
}

/** What a component counts more than the rest, for one unit along it. */
export function componentWeights({ variances, rest }: NormalModel): Float64Array {
  return variances.map((variance) => 1 / variance - 1 / rest);
}

function partsOf(model: NormalModel, offset: Float64Array): Float64Array {
  const { features: width, basis, rest, components } = model;
  const weights = componentWeights(model);
  const pull = new Float64Array(width);
  for (let k = 0; k < components; k++) {
    let along = 0;
    for (let c = 0; c < width; c++) along += (basis[k * width + c] ?? 0) * (offset[c] ?? 0);
    for (let c = 0; c < width; c++) pull[c] = (pull[c] ?? 0) + along * (weights[k] ?? 0) * (basis[k * width + c] ?? 0);
  }
  return offset.map((value, c) => value * (value / rest + (pull[c] ?? 0)));
}

/** Index of every row. */
export function indicesOf(model: NormalModel, { rows, columns, data }: Rows): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => judge(model, data.subarray(row * columns, (row + 1) * columns)).index);
}

function standardOf({ rows, columns, data }: Rows, leastScale: ArrayLike<number>): Pick<NormalModel, 'centre' | 'scale'> {
  const centre = new Float64Array(columns);
  const scale = new Float64Array(columns);
  for (let c = 0; c < columns; c++) {
    const values = Float64Array.from({ length: rows }, (_, row) => data[row * columns + c] ?? 0);
    const middle = median(values);
    centre[c] = middle;
    const robust = 1.4826 * median(values.map((value) => Math.abs(value - middle)));
    // States far apart make the median absolute deviation small or large by chance; half of the deviation keeps it honest.
    scale[c] = Math.max(robust, deviation(values) / 2, leastScale[c] ?? 0, Number.MIN_VALUE);
  }
  return { centre, scale };
}

/**
 * Of each state the root of its variance, drawn to that within all states; never below what counts as nothing. A single state has the scale,
 * which does not mind the few that are not normal.
 */
function spreadOf({ columns, data }: Rows, states: States, nearest: readonly number[], least: (column: number) => number): Float64Array {
  if (states.count === 1) return new Float64Array(columns).fill(1);
  const squares = new Float64Array(states.count * columns);
  const members = new Float64Array(states.count);
  for (const [row, state] of nearest.entries()) {
    members[state] = (members[state] ?? 0) + 1;
    for (let c = 0; c < columns; c++) {
      const at = state * columns + c;
      squares[at] = (squares[at] ?? 0) + ((data[row * columns + c] ?? 0) - (states.middles[at] ?? 0)) ** 2;
    }
  }
  return squares.map((sum, at) => {
    const c = at % columns;
    let all = 0;
    for (let state = 0; state < states.count; state++) all += squares[state * columns + c] ?? 0;
    const pooled = all / Math.max(1, nearest.length - states.count);
    const own = members[Math.floor(at / columns)] ?? 0;
    return Math.max(Math.sqrt((ownSpreadRows * pooled + sum) / (ownSpreadRows + Math.max(0, own - 1))), least(c), Number.MIN_VALUE);
  });
}

function standardised({ rows, columns, data }: Rows, centre: Float64Array, scale: Float64Array): Rows {
  const standard = data.map((value, i) => (value - (centre[i % columns] ?? 0)) / (scale[i % columns] ?? 1));
  return { rows, columns, data: standard };
}
