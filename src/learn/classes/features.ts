/**
 * What classes are learned from: rows of numbers, each of one sample. Pure.
 *
 * A sample (a file, a text) has one row, or several: the windows of a recording. Rows are dense (an embedding, the features of a series) or the
 * few buckets of many that a text has; both are kept as the columns that are there with their values.
 */
export interface Rows {
  readonly columns: number;
  /** Row `r` lies from `starts[r]` to `starts[r + 1]` in `at` and `values`. */
  readonly starts: Int32Array;
  /** Column of each value, ascending within a row. */
  readonly at: Int32Array;
  readonly values: Float32Array;
}

export function rowCount(rows: Rows): number {
  return rows.starts.length - 1;
}

/** Rows of `columns` numbers each. Throws RangeError for a row of another length. */
export function denseRows(all: readonly ArrayLike<number>[], columns: number): Rows {
  const values = new Float32Array(all.length * columns);
  for (const [r, row] of all.entries()) {
    if (row.length !== columns) throw new RangeError(`row ${r} has ${row.length} numbers, not ${columns}`);
    values.set(row, r * columns);
  }
  const at = Int32Array.from(values, (_, i) => i % columns);
  return { columns, starts: Int32Array.from({ length: all.length + 1 }, (_, r) => r * columns), at, values };
}

/** Rows of buckets that all weigh 1 / sqrt(n), as classify-text feeds them. */
export function bucketRows(all: readonly Int32Array[], columns: number): Rows {
  const starts = new Int32Array(all.length + 1);
  for (const [r, buckets] of all.entries()) starts[r + 1] = (starts[r] ?? 0) + buckets.length;
  const at = new Int32Array(starts.at(-1) ?? 0);
  const values = new Float32Array(at.length);
  for (const [r, buckets] of all.entries()) {
    at.set(buckets, starts[r]);
    values.fill(1 / Math.sqrt(Math.max(1, buckets.length)), starts[r], starts[r + 1]);
  }
  return { columns, starts, at, values };
}

/** Each column less its mean over some rows, over its deviation there and the root of the number of columns: a usual row is then about 1 long. */
export interface Standard {
  readonly means: Float64Array;
  /** 0 for a column that never changes. */
  readonly scales: Float64Array;
}

/** What an embedding is rounded to: what changes by less says nothing. */
const smallestDeviation = 1e-4;

/** Of dense rows: over `chosen` alone, so that what is held out has no say. */
export function standardOf({ columns, values }: Rows, chosen: readonly number[]): Standard {
  const means = new Float64Array(columns);
  const scales = new Float64Array(columns);
  const value = (row: number, column: number) => values[row * columns + column] ?? 0;
  for (let column = 0; column < columns; column++) {
    let sum = 0;
    for (const row of chosen) sum += value(row, column);
    const mean = sum / chosen.length;
    let squares = 0;
    for (const row of chosen) squares += (value(row, column) - mean) ** 2;
    const variance = squares / chosen.length;
    means[column] = mean;
    scales[column] = variance < 1e-12 * (1 + mean * mean) ? 0 : 1 / Math.sqrt((variance + smallestDeviation ** 2) * columns);
  }
  return { means, scales };
}

export function standardised(rows: Rows, { means, scales }: Standard): Rows {
  const values = rows.values.map((value, i) => {
    const column = rows.at[i] ?? 0;
    return (value - (means[column] ?? 0)) * (scales[column] ?? 0);
  });
  return { ...rows, values };
}
