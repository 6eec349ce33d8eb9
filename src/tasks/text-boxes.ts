/**
 * From a text probability map to rotated boxes: the post-processing of differentiable binarization.
 *
 * Guarantees: at most `max_candidates` boxes, in pixels of the map, corners clockwise from the top left; bounded time
 * for any map. Values that are not finite count as no text. Pure.
 *
 * Source: M. Liao et al., Real-time Scene Text Detection with Differentiable Binarization, AAAI 2020, section 3.4; steps and numbers as in
 * PaddleOCR's DBPostProcess with box_type quad, score_mode fast. Three departures: borders of holes are no candidates
 * (upstream lists them and its score throws them away), boxes keep their fractions (upstream rounds to whole pixels), and they
 * reach to the outer edges of the marked pixels (upstream's go from centre to centre and lie half a pixel too far up and left,
 * which costs a line its last full stop).
 */
import { outerContours } from './contours.js';
import { minAreaRect, type Rect } from './min-area-rect.js';

export interface TextBoxOptions {
  /** A pixel is text above this probability. */
  readonly pixel_score: number;
  /** A box is kept from this mean probability inside it. */
  readonly min_score: number;
  /** Growth of a box: the distance is area x ratio / perimeter. */
  readonly unclip_ratio: number;
  readonly max_candidates: number;
}

export interface TextBox {
  /** Mean probability in the box before it grew. */
  readonly score: number;
  /** Four x, y pairs, pixels of the map from its upper left edge, may reach over its border. */
  readonly corners: Float64Array;
}

/** Shortest side of a region between pixel centres, in pixels of the map, before and (plus 2) after it grew; upstream's `min_size`. */
const minSide = 3;

/** `map`: float32, row-major `height` x `width`, 0..1. */
export function textBoxes(map: Float32Array, width: number, height: number, options: TextBoxOptions): TextBox[] {
  const mask = new Uint8Array(width * height);
  for (let i = 0; i < mask.length; i++) if ((map[i] ?? 0) > options.pixel_score) mask[i] = 1;
  // The short side of the smallest rectangle is at most sqrt(2) x the smaller extent, so these could never pass.
  const contours = outerContours(mask, width, height, { minExtent: minSide / Math.SQRT2, max: options.max_candidates });
  const boxes: TextBox[] = [];
  for (const contour of contours) {
    const rect = minAreaRect(contour);
    if (Math.min(rect.length, rect.breadth) < minSide) continue;
    const score = meanInside(map, width, height, rect.corners);
    if (!(score >= options.min_score)) continue;
    const grown = unclip(covered(rect), options.unclip_ratio);
    if (Math.min(grown.length, grown.breadth) - 1 < minSide + 2) continue;
    boxes.push({ score: Math.min(1, score), corners: clockwise(grown.corners) });
  }
  return boxes;
}

/**
 * Grows a rectangle by area x ratio / perimeter on each side.
 *
 * Upstream offsets the polygon with round joins and takes the smallest rectangle around that; for a rectangle the two
 * steps together are exactly this.
 */
export function unclip(rect: Rect, ratio: number): Rect {
  const { length, breadth } = rect;
  return outset(rect, (length * breadth * ratio) / (2 * (length + breadth)));
}

/** From between the centres of pixels, which are their indices, to their outer edges, counted from the edge of the map. */
function covered(rect: Rect): Rect {
  const whole = outset(rect, 0.5);
  return { ...whole, corners: whole.corners.map((at) => at + 0.5) };
}

/** Moves each side outward. */
function outset({ corners, length, breadth }: Rect, distance: number): Rect {
  const grown = new Float64Array(8);
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0, x2 = 0, y2 = 0] = corners;
  const ux = ((x1 - x0) / length) * distance;
  const uy = ((y1 - y0) / length) * distance;
  const vx = ((x2 - x1) / breadth) * distance;
  const vy = ((y2 - y1) / breadth) * distance;
  for (let corner = 0; corner < 4; corner++) {
    const alongU = corner === 1 || corner === 2 ? 1 : -1;
    const alongV = corner >= 2 ? 1 : -1;
    grown[corner * 2] = (corners[corner * 2] ?? 0) + alongU * ux + alongV * vx;
    grown[corner * 2 + 1] = (corners[corner * 2 + 1] ?? 0) + alongU * uy + alongV * vy;
  }
  return { corners: grown, length: length + 2 * distance, breadth: breadth + 2 * distance };
}

/** Top left, top right, bottom right, bottom left: the two leftmost corners by height, then the two rightmost, as upstream. */
export function clockwise(corners: Float64Array): Float64Array {
  const order = [0, 1, 2, 3].sort((a, b) => (corners[a * 2] ?? 0) - (corners[b * 2] ?? 0));
  const byY = (a: number, b: number): number => (corners[a * 2 + 1] ?? 0) - (corners[b * 2 + 1] ?? 0);
  const [topLeft = 0, bottomLeft = 0] = order.slice(0, 2).sort(byY);
  const [topRight = 0, bottomRight = 0] = order.slice(2).sort(byY);
  return Float64Array.from([topLeft, topRight, bottomRight, bottomLeft].flatMap((i) => [corners[i * 2] ?? 0, corners[i * 2 + 1] ?? 0]));
}

/** Mean of the map over a convex polygon, its border included, corners cut to whole pixels as upstream; 0 outside the map. */
export function meanInside(map: Float32Array, width: number, height: number, corners: Float64Array): number {
  const cut = corners.map(Math.trunc);
  const ys = [cut[1] ?? 0, cut[3] ?? 0, cut[5] ?? 0, cut[7] ?? 0];
  const yEnd = Math.min(height - 1, Math.max(...ys));
  let sum = 0;
  let count = 0;
  for (let y = Math.max(0, Math.min(...ys)); y <= yEnd; y++) {
    let xFrom = Number.POSITIVE_INFINITY;
    let xTo = Number.NEGATIVE_INFINITY;
    for (let edge = 0; edge < 8; edge += 2) {
      const ax = cut[edge] ?? 0;
      const ay = cut[edge + 1] ?? 0;
      const bx = cut[(edge + 2) % 8] ?? 0;
      const by = cut[(edge + 3) % 8] ?? 0;
      if (y < Math.min(ay, by) || y > Math.max(ay, by)) continue;
      const x = ay === by ? ax : ax + ((y - ay) * (bx - ax)) / (by - ay);
      const other = ay === by ? bx : x;
      xFrom = Math.min(xFrom, x, other);
      xTo = Math.max(xTo, x, other);
    }
    const last = Math.min(width - 1, Math.round(xTo));
    for (let x = Math.max(0, Math.round(xFrom)), at = y * width + x; x <= last; x++, at++) {
      sum += map[at] ?? 0;
      count++;
    }
  }
  return count === 0 ? 0 : sum / count;
}
