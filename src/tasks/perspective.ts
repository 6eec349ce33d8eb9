/**
 * Cuts a quadrilateral out of an image, straightened, scaled and normalised in one pass.
 *
 * Guarantees: no allocation but the small transform; outside the image its border pixels repeat; shrinking averages,
 * so that thin strokes survive. Pure. Source of the transform: P. Heckbert, Fundamentals of Texture Mapping, 1989, section 2.2.
 */
import type { Pixels } from '../core/task.js';

/** Where a crop is written: planes B, G, R of `planeSize` elements from `offset`, rows of `rowSize` elements. */
export interface CropTarget {
  readonly data: Float32Array;
  readonly offset: number;
  readonly planeSize: number;
  readonly rowSize: number;
}

/** `a..h` of x = (a u + b v + c) / (g u + h v + 1), y = (d u + e v + f) / (g u + h v + 1). */
export type Transform = readonly [a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number];

/** Maps the unit square (clockwise from its top left) onto `quad`, four x, y pairs. A degenerate quad gives a degenerate, finite transform. */
export function squareToQuad(quad: ArrayLike<number>): Transform {
  const at = (index: number): number => quad[index] ?? 0;
  const [x0, y0, x1, y1, x2, y2, x3, y3] = [at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)];
  const sx = x0 - x1 + x2 - x3;
  const sy = y0 - y1 + y2 - y3;
  const dx1 = x1 - x2;
  const dx2 = x3 - x2;
  const dy1 = y1 - y2;
  const dy2 = y3 - y2;
  const det = dx1 * dy2 - dx2 * dy1;
  const flat = Math.abs(det) < 1e-9 || (Math.abs(sx) < 1e-6 && Math.abs(sy) < 1e-6);
  const g = flat ? 0 : (sx * dy2 - dx2 * sy) / det;
  const h = flat ? 0 : (dx1 * sy - sx * dy1) / det;
  return [x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h];
}

/** Samples per axis and target pixel when shrinking; beyond it a crop is far smaller than any text is legible. */
const samplesMax = 6;

/**
 * Writes `quad` (pixels of `image`) as `width` x `height` values `(byte / 255 - mean) / std`, channels B, G, R.
 * `image` must be RGB. Bilinear; each target pixel averages n x n samples where the image shrinks n times.
 */
export function cropQuad(
  image: Pixels,
  quad: ArrayLike<number>,
  size: { readonly width: number; readonly height: number },
  normal: { readonly mean: number; readonly std: number },
  target: CropTarget,
): void {
  const [a, b, c, d, e, f, g, h] = squareToQuad(quad);
  const across = sampleCount(Math.max(span(quad, 0, 2), span(quad, 6, 4)) / size.width);
  const down = sampleCount(Math.max(span(quad, 0, 6), span(quad, 2, 4)) / size.height);
  const sums = new Float32Array(3 * size.width);
  const columns = size.width * across;
  const scale = 1 / (255 * normal.std * across * down);
  const bias = -normal.mean / normal.std;
  for (let row = 0; row < size.height; row++) {
    sums.fill(0);
    for (let j = 0; j < down; j++) {
      const v = (row + (j + 0.5) / down) / size.height;
      addRow(image, [a / columns, b * v + c, d / columns, e * v + f, g / columns, h * v + 1], across, sums);
    }
    const at = target.offset + row * target.rowSize;
    for (let column = 0, from = 0; column < size.width; column++, from += 3) {
      target.data[at + column] = (sums[from + 2] ?? 0) * scale + bias;
      target.data[at + column + target.planeSize] = (sums[from + 1] ?? 0) * scale + bias;
      target.data[at + column + 2 * target.planeSize] = (sums[from] ?? 0) * scale + bias;
    }
  }
}

function sampleCount(ratio: number): number {
  return Math.min(samplesMax, Math.max(1, Math.round(ratio)));
}

/** Distance between two corners, given the indices of their x. */
export function span(quad: ArrayLike<number>, from: number, to: number): number {
  return Math.hypot((quad[to] ?? 0) - (quad[from] ?? 0), (quad[to + 1] ?? 0) - (quad[from + 1] ?? 0));
}

/** One row of the transform: at sample i, x = (xStep i' + x0) / (wStep i' + w0) with i' = i + 0.5, y likewise. */
type RowTransform = readonly [xStep: number, x0: number, yStep: number, y0: number, wStep: number, w0: number];

/**
 * Adds bilinear RGB samples along a row, `across` neighbours into one element of `sums`; pixel centres lie at halves.
 *
 * Called for every row of every line: the channels are written out, because a loop over three costs more than its body.
 */
function addRow(image: Pixels, [xStep, x0, yStep, y0, wStep, w0]: RowTransform, across: number, sums: Float32Array): void {
  const { data, width, height } = image;
  const stride = width * 3;
  const columns = (sums.length / 3) * across;
  const xMax = width - 1;
  const yMax = height - 1;
  // Most lines are parallelograms, for which the depth is the same everywhere.
  const even = wStep === 0;
  let scale = 1 / w0;
  for (let i = 0, within = 0, to = 0; i < columns; i++) {
    const at = i + 0.5;
    if (!even) scale = 1 / (wStep * at + w0);
    let x = (xStep * at + x0) * scale - 0.5;
    let y = (yStep * at + y0) * scale - 0.5;
    x = x > 0 ? (x < xMax ? x : xMax) : 0;
    y = y > 0 ? (y < yMax ? y : yMax) : 0;
    const left = x | 0;
    const top = y | 0;
    const p = top * stride + left * 3;
    const q = left < xMax ? p + 3 : p;
    const below = top < yMax ? stride : 0;
    const fx = x - left;
    const fy = y - top;
    const both = fx * fy;
    const onlyX = fx - both;
    const onlyY = fy - both;
    const neither = 1 - fx - onlyY;
    const r = p + below;
    const s = q + below;
    sums[to] = (sums[to] ?? 0) + (data[p] ?? 0) * neither + (data[q] ?? 0) * onlyX + (data[r] ?? 0) * onlyY + (data[s] ?? 0) * both;
    sums[to + 1] =
      (sums[to + 1] ?? 0) +
      (data[p + 1] ?? 0) * neither +
      (data[q + 1] ?? 0) * onlyX +
      (data[r + 1] ?? 0) * onlyY +
      (data[s + 1] ?? 0) * both;
    sums[to + 2] =
      (sums[to + 2] ?? 0) +
      (data[p + 2] ?? 0) * neither +
      (data[q + 2] ?? 0) * onlyX +
      (data[r + 2] ?? 0) * onlyY +
      (data[s + 2] ?? 0) * both;
    if (++within === across) {
      within = 0;
      to += 3;
    }
  }
}
