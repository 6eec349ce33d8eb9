/**
 * The order of an image's dimensions. TFLite has batch, height, width, channels; ONNX operators over images want batch, channels, height,
 * width. Only tensors of four dimensions have two orders.
 */

export type Layout = 'channels-last' | 'channels-first';

/** From channels-last to channels-first, and back: dimension i of the result is dimension `order[i]` of the source. */
export const toFirst = [0, 3, 1, 2] as const;
export const toLast = [0, 2, 3, 1] as const;

/** A list with one entry a dimension (shapes, pads, strides) in the other order. */
export function inLayout<Item>(list: readonly Item[], layout: Layout): readonly Item[] {
  return layout === 'channels-first' ? reordered(list, toFirst) : list;
}

export function reordered<Item>(list: readonly Item[], order: readonly number[]): Item[] {
  return order.flatMap((from) => list.slice(from, from + 1));
}

/** Where dimension `axis` of the file stands. */
export function axisIn(axis: number, layout: Layout): number {
  return layout === 'channels-first' ? toFirst.indexOf(axis as 0 | 1 | 2 | 3) : axis;
}

/** Whether both orders of a shape are the same bytes: one channel, or one place. */
export function isNeutral([, height = 1, width = 1, channels = 1]: readonly number[]): boolean {
  return channels === 1 || height * width === 1;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/**
 * A copy of row-major elements of `width` bytes with its dimensions in another order. `data` holds exactly the elements of `shape`; the caller
 * owns the copy.
 */
export function permuted(data: Uint8Array, shape: readonly number[], order: readonly number[], width: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(data.length);
  const strides = shape.map((_, i) => sizeOf(shape.slice(i + 1)));
  const dims = reordered(shape, order);
  const steps = reordered(strides, order);
  const place = dims.map(() => 0);
  let from = 0;
  for (let to = 0; to < out.length; to += width) {
    for (let k = 0; k < width; k++) out[to + k] = data[from * width + k] ?? 0;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      from += steps[axis] ?? 0;
      place[axis] = (place[axis] ?? 0) + 1;
      if ((place[axis] ?? 0) < (dims[axis] ?? 0)) break;
      from -= (steps[axis] ?? 0) * (dims[axis] ?? 0);
      place[axis] = 0;
    }
  }
  return out;
}
