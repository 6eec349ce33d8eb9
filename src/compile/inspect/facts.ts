/**
 * What is known of a tensor before the model runs, and the small arithmetic of shapes.
 *
 * Guarantees: every size is a whole number that a double holds exactly, or null: not known. Nothing here grows with the sizes it speaks of.
 */
import type { OnnxTensor } from '../onnx/model.js';
import { elementBytes } from '../onnx/tensor-fields.js';
import { floatsOf, integersOf } from '../onnx/values.js';

export type Size = number | null;
export type Shape = readonly Size[];

export interface Fact {
  /** TensorProto.DataType; 0 when unknown. */
  readonly type: number;
  /** Null when not even the rank is known. */
  readonly shape: Shape | null;
  /** The elements, row-major, of a tensor of a few that never changes or follows from shapes: what Reshape, Slice and the like are told. */
  readonly value: readonly number[] | null;
}

/** A shape has a few elements, `scales` and `pads` twice as many; what is longer is data. */
const valueElementsMax = 64;
const rankMax = 16;

export const unknown: Fact = { type: 0, shape: null, value: null };

export function fact(type: number, shape: Shape | null, value: readonly number[] | null = null): Fact {
  const known = shape === null || shape.length > rankMax ? null : shape.map(size);
  return { type, shape: known, value: value !== null && value.length <= valueElementsMax ? value : null };
}

function size(value: Size): Size {
  return value !== null && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

export function factOf(tensor: OnnxTensor): Fact {
  const few = tensor.data.length <= valueElementsMax * (elementBytes[tensor.type] ?? 0);
  const floats = few ? floatsOf(tensor) : null;
  return fact(tensor.type, tensor.dims, few ? (floats === null ? integersOf(tensor) : Array.from(floats)) : null);
}

/** How many elements; null when a size is not known, or beyond counting. */
export function elements(shape: Shape | null): Size {
  return shape === null ? null : product(shape);
}

export function product(sizes: Shape): Size {
  let all = 1;
  for (const one of sizes) {
    if (one === null) return null;
    all *= one;
  }
  return Number.isSafeInteger(all) ? all : null;
}

/** The shape two operands have together, as NumPy has it. */
export function broadcast(a: Shape | null, b: Shape | null): Shape | null {
  if (a === null || b === null) return null;
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [sizeFromEnd(a, rank - i), sizeFromEnd(b, rank - i)];
    return x === 1 ? y : y === 1 || x === y ? x : x === null ? y : y === null ? x : null;
  });
}

function sizeFromEnd(shape: Shape, back: number): Size {
  return back > shape.length ? 1 : (shape[shape.length - back] ?? null);
}

/** A negative axis counts from the end; undefined when there is no such axis. */
export function axisOf(axis: number | undefined, rank: number): number | undefined {
  if (axis === undefined) return undefined;
  const index = axis < 0 ? axis + rank : axis;
  return index >= 0 && index < rank ? index : undefined;
}

/** A copy of a shape with one size changed. */
export function withSize(shape: Shape, axis: number, value: Size): Shape {
  return shape.map((old, i) => (i === axis ? value : old));
}
