/**
 * How a byte stands for a real number: `value = scale * (byte - zero)`.
 *
 * Guarantees: zero is exact, because convolutions pad with it; scales are float32 numbers, so that a graph and this code mean the same.
 * Arithmetic here is only what IEEE 754 defines to the last bit, so every machine gets the same bytes.
 */

/** The values a tensor takes, both ends included. */
export type Range = readonly [low: number, high: number];

export interface Affine {
  /** A float32 number above 0. */
  readonly scale: number;
  /** The byte that means zero, 0..255. */
  readonly zero: number;
}

/** Below this a tensor is constantly zero, and any scale will do. */
const widthMin = 1e-8;

/** Spreads 256 bytes over a range, which is widened to hold zero. */
export function affineOf([low, high]: Range): Affine {
  const from = Math.min(0, low);
  const to = Math.max(0, high);
  const scale = Math.fround(Math.max(widthMin, to - from) / 255);
  return { scale, zero: clampByte(Math.round(-from / scale)) };
}

/** Like `affineOf`, with `zero * scale` as near to `span` as float32 allows: byte 0 then means `-span`. */
export function anchoredAffine(span: number, high: number): Affine {
  const zero = Math.max(1, Math.min(254, Math.round((255 * span) / (span + Math.max(0, high)))));
  return { scale: Math.fround(span / zero), zero };
}

export function clampByte(value: number): number {
  return Math.max(0, Math.min(255, value));
}

/** The byte nearest to a value, at the ends for what lies beyond. */
export function byteOf(value: number, { scale, zero }: Affine): number {
  return clampByte(Math.round(value / scale) + zero);
}

/** The least range that holds all values. */
export function rangeOf(values: Iterable<number>): Range {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
