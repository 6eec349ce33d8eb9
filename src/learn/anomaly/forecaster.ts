/**
 * Forecasts of a slow series and what is left of it: a ridge regression of each channel, one on what went just before, one on the time and the
 * day before alone. The first sees a jump, the second what has slowly become another day than usual.
 *
 * Source: Hoerl and Kennard, Ridge Regression (1970); Hyndman and Athanasopoulos, Forecasting: Principles and Practice, section 12.1
 * (harmonics as regressors).
 */
import { nodeOf, tensorOf } from '../../compile/onnx/values.js';
import {
  clockColumns,
  columnsOf,
  forecastFeatures,
  horizons,
  rowOf,
  type SeriesForecastParams,
  stepsSeen,
} from '../../tasks/series-forecast.js';
import type { Rows } from './linear.js';
import { solve } from './linear.js';
import { type Front, spec } from './normal-onnx.js';

/** Of the variance of each regressor: enough to tell apart what is alike, too little to flatten a forecast. */
const ridge = 1e-3;
/** Below this share of the scale a change is none. */
const changeFloor = 1e-6;

/** Of each channel, then horizon: a weight for each regressor, 0 for those it must do without. */
export type ForecastWeights = readonly (readonly Float64Array[])[];

/** `steps` of each channel as the model counts (series-forecast.ts), from `startMs` on; the first `history` are only looked back at. */
export function fitForecast(params: SeriesForecastParams, steps: readonly Float32Array[], startMs: number): ForecastWeights {
  return steps.map((channel) => horizons.map((horizon) => regress(params, channel, startMs, columnsFor(params, horizon))));
}

function columnsFor(params: SeriesForecastParams, horizon: (typeof horizons)[number]): number[] {
  const clock = clockColumns(params);
  const all = Array.from({ length: columnsOf(params) }, (_, column) => column);
  return horizon === 'next' ? all : all.filter((column) => column < clock || column >= clock + params.recent);
}

function regress(params: SeriesForecastParams, steps: Float32Array, startMs: number, which: readonly number[]): Float64Array {
  const columns = columnsOf(params);
  const size = which.length;
  const row = new Float64Array(columns);
  const products = new Float64Array(size * size);
  const right = new Float64Array(size);
  const sums = new Float64Array(size);
  let rows = 0;
  for (let at = params.lags.at(-1) ?? 0; at < steps.length; at++, rows++) {
    rowOf(params, steps, at, startMs, row, 0);
    for (let a = 0; a < size; a++) {
      const left = row[which[a] ?? 0] ?? 0;
      sums[a] = (sums[a] ?? 0) + left;
      right[a] = (right[a] ?? 0) + left * (steps[at] ?? 0);
      for (let b = 0; b <= a; b++) products[a * size + b] = (products[a * size + b] ?? 0) + left * (row[which[b] ?? 0] ?? 0);
    }
  }
  for (let a = 0; a < size; a++) {
    const variance = (products[a * size + a] ?? 0) / rows - ((sums[a] ?? 0) / rows) ** 2;
    // The constant is not drawn to 0.
    products[a * size + a] = (products[a * size + a] ?? 0) + (which[a] === 0 ? 0 : ridge * rows * variance) + 1e-9;
  }
  const found = solve(products, right, size);
  const weights = new Float64Array(columns);
  for (const [a, column] of which.entries()) weights[column] = found[a] ?? 0;
  return weights;
}

/** The features of every step that has all it needs behind it; the first is that of step `stepsNeeded - 1`. */
export function forecastRows(
  params: SeriesForecastParams,
  weights: ForecastWeights,
  steps: readonly Float32Array[],
  startMs: number,
): Rows {
  const history = params.lags.at(-1) ?? 0;
  const seen = stepsSeen(params);
  const columns = forecastFeatures(params).length;
  const rows = Math.max(0, (steps[0]?.length ?? 0) - history - seen + 1);
  const data = new Float32Array(rows * columns);
  let column = 0;
  for (const [c, channel] of steps.entries()) {
    for (const [h] of horizons.entries()) {
      const left = residuals(params, weights[c]?.[h] ?? new Float64Array(), channel, startMs);
      for (const span of params.spans) averageInto(left, span, history + seen - 1, rows, data, columns, column++);
    }
    const squares = channel.map((value, i) => (i === 0 ? 0 : (value - (channel[i - 1] ?? 0)) ** 2));
    averageInto(squares, seen - 1, history + seen - 1, rows, data, columns, column);
    for (let row = 0; row < rows; row++) data[row * columns + column] = 0.5 * Math.log10((data[row * columns + column] ?? 0) + changeFloor);
    column++;
  }
  return { rows, columns, data };
}

function residuals(params: SeriesForecastParams, weights: Float64Array, steps: Float32Array, startMs: number): Float64Array {
  const row = new Float64Array(columnsOf(params));
  return Float64Array.from(steps, (value, at) => {
    if (at < (params.lags.at(-1) ?? 0)) return 0;
    rowOf(params, steps, at, startMs, row, 0);
    return row.reduce((sum, regressor, i) => sum - regressor * (weights[i] ?? 0), value);
  });
}

/** The mean of the `span` values up to each place from `first` on, into a column. */
function averageInto(
  values: ArrayLike<number>,
  span: number,
  first: number,
  rows: number,
  out: Float32Array,
  columns: number,
  column: number,
): void {
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = first + row - span + 1; i <= first + row; i++) sum += values[i] ?? 0;
    out[row * columns + column] = sum / span;
  }
}

/**
 * The same as nodes: inputs `rows` [channels,steps,regressors] and `steps` [channels,steps], both of the last steps, the newest last.
 */
export function forecastFront(params: SeriesForecastParams, weights: ForecastWeights): Front {
  const channels = params.channels.length;
  const seen = stepsSeen(params);
  const columns = columnsOf(params);
  const regression = new Float32Array(channels * columns * horizons.length);
  for (let c = 0; c < channels; c++) {
    for (let r = 0; r < columns; r++) {
      for (let h = 0; h < horizons.length; h++) regression[(c * columns + r) * horizons.length + h] = weights[c]?.[h]?.[r] ?? 0;
    }
  }
  const averages = new Float32Array(seen * params.spans.length);
  for (const [i, span] of params.spans.entries()) {
    for (let s = seen - span; s < seen; s++) averages[s * params.spans.length + i] = 1 / span;
  }
  const changes = new Float32Array(seen * (seen - 1));
  for (let i = 0; i < seen - 1; i++) {
    changes[i * (seen - 1) + i] = -1;
    changes[(i + 1) * (seen - 1) + i] = 1;
  }
  return {
    tells: true,
    inputs: [spec('rows', [channels, seen, columns]), spec('steps', [channels, seen])],
    weights: [
      tensorOf('regression', regression, [channels, columns, horizons.length]),
      tensorOf('averages', averages, [seen, params.spans.length]),
      tensorOf('changes', changes, [seen, seen - 1]),
      tensorOf('last_axis', BigInt64Array.of(2n), [1]),
      tensorOf('change_floor', Float32Array.of(changeFloor), [1]),
      tensorOf('half_of_log10', Float32Array.of(0.5 / Math.LN10), [1]),
      tensorOf('by_channel', BigInt64Array.of(BigInt(channels), -1n), [2]),
      tensorOf('in_one_row', BigInt64Array.of(1n, -1n), [2]),
    ],
    nodes: [
      nodeOf('MatMul', ['rows', 'regression'], ['forecasts']),
      nodeOf('Unsqueeze', ['steps', 'last_axis'], ['steps_apart']),
      nodeOf('Sub', ['steps_apart', 'forecasts'], ['left']),
      nodeOf('Transpose', ['left'], ['left_by_horizon'], { perm: [0, 2, 1] }),
      nodeOf('MatMul', ['left_by_horizon', 'averages'], ['averaged']),
      nodeOf('Reshape', ['averaged', 'by_channel'], ['residuals']),
      nodeOf('MatMul', ['steps', 'changes'], ['changed']),
      nodeOf('Mul', ['changed', 'changed'], ['changed_square']),
      nodeOf('ReduceMean', ['changed_square'], ['change_power'], { axes: [1], keepdims: 1 }),
      nodeOf('Add', ['change_power', 'change_floor'], ['change_positive']),
      nodeOf('Log', ['change_positive'], ['change_log']),
      nodeOf('Mul', ['change_log', 'half_of_log10'], ['change_size']),
      nodeOf('Concat', ['residuals', 'change_size'], ['features_by_channel'], { axis: 1 }),
      nodeOf('Reshape', ['features_by_channel', 'in_one_row'], ['features']),
    ],
  };
}
