/**
 * The linear algebra and the order statistics a fit needs. Pure, double precision, matrices row-major; sized for hundreds of columns, not
 * thousands.
 */

/** Rows of numbers as features come: float32, row after row. */
export interface Rows {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

/** The named rows, copied. */
export function pick({ columns, data }: Rows, which: readonly number[]): Rows {
  const picked = new Float32Array(which.length * columns);
  for (const [i, row] of which.entries()) picked.set(data.subarray(row * columns, (row + 1) * columns), i * columns);
  return { rows: which.length, columns, data: picked };
}

/** Nearest rank of a sorted copy; NaN of nothing. */
export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

/** The middle of the middle two. */
export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[(sorted.length >> 1) - 1] ?? Number.NaN) + upper) / 2;
}

/** Infinity of nothing. Unlike Math.min it takes any number of values: arguments lie on the stack. */
export function least(values: ArrayLike<number>): number {
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < values.length; i++) smallest = Math.min(smallest, values[i] ?? smallest);
  return smallest;
}

/** -Infinity of nothing; of any number of values. */
export function greatest(values: ArrayLike<number>): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, values[i] ?? largest);
  return largest;
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ?? 0;
  return sum / values.length;
}

/** By n. */
export function deviation(values: ArrayLike<number>): number {
  const middle = mean(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += ((values[i] ?? 0) - middle) ** 2;
  return Math.sqrt(sum / values.length);
}

export interface Eigen {
  /** Descending. */
  readonly values: Float64Array;
  /** Row i belongs to value i; of length 1. */
  readonly vectors: Float64Array;
}

const sweepsMax = 30;

/** Of a symmetric matrix of `size`, which is used up. Cyclic Jacobi rotations (Jacobi 1846; Golub and Van Loan, section 8.5). */
export function eigenOf(matrix: Float64Array, size: number): Eigen {
  const vectors = new Float64Array(size * size);
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1;
  let trace = 0;
  for (let i = 0; i < size; i++) trace += Math.abs(matrix[i * size + i] ?? 0);
  for (let sweep = 0; sweep < sweepsMax; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) off += (matrix[p * size + q] ?? 0) ** 2;
    if (Math.sqrt(off) <= 1e-9 * trace) break;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(matrix, vectors, size, p, q, trace);
  }
  const order = Array.from({ length: size }, (_, i) => i).sort((a, b) => (matrix[b * size + b] ?? 0) - (matrix[a * size + a] ?? 0));
  const sorted = new Float64Array(size * size);
  for (const [i, from] of order.entries()) sorted.set(vectors.subarray(from * size, (from + 1) * size), i * size);
  return { values: Float64Array.from(order, (i) => matrix[i * size + i] ?? 0), vectors: sorted };
}

/** Makes the element at p, q zero. Only the upper triangle of `a` is kept right. */
function rotate(a: Float64Array, vectors: Float64Array, size: number, p: number, q: number, trace: number): void {
  const apq = a[p * size + q] ?? 0;
  if (Math.abs(apq) <= 1e-14 * trace) return;
  const app = a[p * size + p] ?? 0;
  const aqq = a[q * size + q] ?? 0;
  const half = (aqq - app) / (2 * apq);
  const tangent = Math.sign(half || 1) / (Math.abs(half) + Math.sqrt(half * half + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  a[p * size + p] = app - tangent * apq;
  a[q * size + q] = aqq + tangent * apq;
  a[p * size + q] = 0;
  const turn = (to: Float64Array, i: number, j: number): void => {
    const x = to[i] ?? 0;
    const y = to[j] ?? 0;
    to[i] = cosine * x - sine * y;
    to[j] = sine * x + cosine * y;
  };
  for (let i = 0; i < p; i++) turn(a, i * size + p, i * size + q);
  for (let i = p + 1; i < q; i++) turn(a, p * size + i, i * size + q);
  for (let i = q + 1; i < size; i++) turn(a, p * size + i, q * size + i);
  for (let i = 0; i < size; i++) turn(vectors, p * size + i, q * size + i);
}

/** x of matrix x = right, for a symmetric positive definite matrix of `size`, which is used up (Cholesky). */
export function solve(matrix: Float64Array, right: Float64Array, size: number): Float64Array {
  for (let j = 0; j < size; j++) {
    for (let i = j; i < size; i++) {
      let sum = matrix[i * size + j] ?? 0;
      for (let k = 0; k < j; k++) sum -= (matrix[i * size + k] ?? 0) * (matrix[j * size + k] ?? 0);
      matrix[i * size + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / (matrix[j * size + j] ?? 1);
    }
  }
  const x = Float64Array.from(right);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i] = (x[i] ?? 0) - (matrix[i * size + k] ?? 0) * (x[k] ?? 0);
    x[i] = (x[i] ?? 0) / (matrix[i * size + i] ?? 1);
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i] = (x[i] ?? 0) - (matrix[k * size + i] ?? 0) * (x[k] ?? 0);
    x[i] = (x[i] ?? 0) / (matrix[i * size + i] ?? 1);
  }
  return x;
}
