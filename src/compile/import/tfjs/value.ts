/**
 * A tensor of the model as TensorFlow sees it (images NHWC, all dimensions known), and where its ONNX counterparts are.
 *
 * Whole numbers are int32 to TensorFlow and int64 in the ONNX graph, whose shape operators want that. Values are immutable but for
 * the memo of their names.
 */
import { limits } from '../../../core/limits.js';
import { Unsuited } from './unsuited.js';

export type ElementType = 'float32' | 'int32' | 'bool';

/** Where the channels of a tensor of four dimensions are; all other tensors are `nhwc`. */
export type Layout = 'nhwc' | 'nchw';

export type Elements = Float32Array | Int32Array | Uint8Array;

export interface Value {
  readonly shape: readonly number[];
  readonly type: ElementType;
  /** Of a constant, row-major, as `shape` has it; never written to. */
  readonly data?: Elements;
  /** The ONNX tensors that hold it, made on demand. */
  readonly names: Map<Layout, string>;
  /** The ONNX tensor of the same numbers before they became int64, where there is one. */
  readonly narrow?: string;
}

/** The places of N, C, H, W within NHWC, and of N, H, W, C within NCHW. */
export const toNchw = [0, 3, 1, 2] as const;
export const toNhwc = [0, 2, 3, 1] as const;

export function constantOf(data: Elements, shape: readonly number[]): Value {
  const type = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'bool';
  return { shape: checkedShape(shape), type, data, names: new Map() };
}

/** A vector of whole numbers, or a scalar with `shape` []. */
export function integers(numbers: readonly number[], shape: readonly number[] = [numbers.length]): Value {
  return constantOf(Int32Array.from(numbers), shape);
}

export function count(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** Throws Unsuited for a dimension that is none, and for more elements than can be counted. */
export function checkedShape(shape: readonly number[]): readonly number[] {
  if (shape.length > limits.onnxRankMax || !shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0) || count(shape) > 2 ** 40) {
    throw new Unsuited(`it has the shape [${shape.slice(0, limits.onnxRankMax).join(', ')}]`);
  }
  return shape;
}

/** The numbers of a constant that states shapes or axes. Throws Unsuited where the model computes them. */
export function numbersOf(value: Value | undefined, what: string): number[] {
  if (value?.data === undefined) throw new Unsuited(`its ${what} is computed by the model, and has to be known`);
  if (value.data.length > limits.importPartsMax) {
    throw new Unsuited(`its ${what} has ${value.data.length} numbers, at most ${limits.importPartsMax} are handled`);
  }
  return Array.from(value.data);
}

/** An axis counted from the front, of a tensor of `rank` dimensions. */
export function axisOf(axis: number, rank: number): number {
  const found = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(found) || found < 0 || found >= rank)
    throw new Unsuited(`it has the axis ${axis} where a tensor has ${rank} dimensions`);
  return found;
}

/** The shape of two combined element by element. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    if (x !== y && x !== 1 && y !== 1) throw new Unsuited(`it combines the shapes [${a.join(', ')}] and [${b.join(', ')}]`);
    return x === 1 ? y : x;
  });
}

/** The elements in another order of the dimensions; a copy. */
export function transposed(data: Elements, shape: readonly number[], order: readonly number[]): { data: Elements; shape: number[] } {
  const strides = shape.map((_, i) => count(shape.slice(i + 1)));
  const [dims, steps] = [order.map((from) => shape[from] ?? 1), order.map((from) => strides[from] ?? 1)];
  const copy = data.slice();
  const at = dims.map(() => 0);
  for (let i = 0, source = 0; i < copy.length; i++) {
    copy[i] = data[source] ?? 0;
    for (let d = dims.length - 1; d >= 0; d--) {
      const [step = 0, dim = 1] = [steps[d], dims[d]];
      at[d] = (at[d] ?? 0) + 1;
      source += step;
      if ((at[d] ?? 0) < dim) break;
      at[d] = 0;
      source -= step * dim;
    }
  }
  return { data: copy, shape: dims };
}
