/**
 * Borders of connected regions in a binary map.
 *
 * Guarantees: the outer border of every 8-connected region once, in raster order of its first pixel; time linear in
 * the pixels plus the border lengths; nothing is allocated per pixel but one byte of marks. Deliberately leaves out
 * the borders of holes: they are followed (the marks need it) and not told.
 * Source: S. Suzuki, K. Abe, Topological structural analysis of digitized binary images by border following, 1985, algorithm 1.
 */

/** Steps around a pixel, clockwise on the screen from the right. */
const stepX = [1, 1, 0, -1, -1, -1, 0, 1] as const;
const stepY = [0, 1, 1, 1, 0, -1, -1, -1] as const;

const fresh = 1;
const seen = 2;
/** Seen, and the pixel to its right lies outside: a hole's border cannot start here. */
const seenEdge = 3;

const left = 4;
const right = 0;

export interface ContourLimits {
  /** Regions whose extent is smaller than this on either axis are passed over; pixels between the outermost pixel centres. */
  readonly minExtent: number;
  /** Contours answered at most; the scan ends there. */
  readonly max: number;
}

/**
 * `mask`: row-major, `width` x `height`, non-zero is inside; not changed.
 * Answers each contour as x, y pairs (pixel indices), only the points where the border turns.
 */
export function outerContours(mask: Uint8Array, width: number, height: number, limits: ContourLimits): Int32Array[] {
  const stride = width + 2;
  const marks = new Uint8Array(stride * (height + 2));
  for (let y = 0; y < height; y++) {
    for (let x = 0, at = (y + 1) * stride + 1; x < width; x++, at++) if (mask[y * width + x] !== 0) marks[at] = fresh;
  }
  const steps = stepX.map((dx, direction) => dx + (stepY[direction] ?? 0) * stride);
  const contours: Int32Array[] = [];
  const turns: number[] = [];
  for (let y = 1; y <= height && contours.length < limits.max; y++) {
    for (let at = y * stride + 1, end = at + width; at < end; at++) {
      const mark = marks[at];
      if (mark === 0) continue;
      if (mark === fresh && marks[at - 1] === 0) {
        turns.length = 0;
        follow(marks, steps, at, left, turns);
        const contour = points(turns, stride, limits.minExtent);
        if (contour !== null) contours.push(contour);
        if (contours.length >= limits.max) break;
      } else if (mark !== seenEdge && marks[at + 1] === 0) {
        follow(marks, steps, at, right, null);
      }
    }
  }
  return contours;
}

/** Steps 3.1 to 3.5 of the source: goes once around, marking; `outside` is the direction of a pixel known to be outside. */
function follow(marks: Uint8Array, steps: readonly number[], start: number, outside: number, turns: number[] | null): void {
  let from = outside;
  let turned = 0;
  do {
    from = (from + 1) & 7;
    turned++;
  } while (turned < 8 && marks[start + (steps[from] ?? 0)] === 0);
  if (turned === 8) {
    marks[start] = seenEdge;
    turns?.push(start);
    return;
  }
  const first = start + (steps[from] ?? 0);
  let at = start;
  let came = -1;
  for (;;) {
    let rightIsOutside = false;
    let to = from;
    for (;;) {
      to = (to + 7) & 7;
      if (marks[at + (steps[to] ?? 0)] !== 0) break;
      if (to === right) rightIsOutside = true;
    }
    if (rightIsOutside) marks[at] = seenEdge;
    else if (marks[at] === fresh) marks[at] = seen;
    if (to !== came) turns?.push(at);
    came = to;
    const next = at + (steps[to] ?? 0);
    if (next === start && at === first) return;
    from = (to + 4) & 7;
    at = next;
  }
}

/** Null when the contour is smaller than `minExtent`. */
function points(turns: readonly number[], stride: number, minExtent: number): Int32Array | null {
  const contour = new Int32Array(turns.length * 2);
  let minX = Number.POSITIVE_INFINITY;
  let maxX = 0;
  let minY = Number.POSITIVE_INFINITY;
  let maxY = 0;
  for (const [index, at] of turns.entries()) {
    const x = (at % stride) - 1;
    const y = Math.floor(at / stride) - 1;
    contour[index * 2] = x;
    contour[index * 2 + 1] = y;
    minX = Math.min(minX, x);
    maxX = Math.max(maxX, x);
    minY = Math.min(minY, y);
    maxY = Math.max(maxY, y);
  }
  return maxX - minX < minExtent || maxY - minY < minExtent ? null : contour;
}
