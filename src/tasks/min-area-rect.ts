/**
 * The smallest rotated rectangle around a set of points.
 *
 * Guarantees: exact (one side of the smallest rectangle lies on an edge of the convex hull); degenerate sets (one
 * point, points on a line) give a rectangle of zero width. Source: H. Freeman, R. Shapira, 1975; hull by A. M. Andrew, 1979.
 */

/** Corners x, y in order around the rectangle, and the lengths of its sides; all in the unit of the points. */
export interface Rect {
  readonly corners: Float64Array;
  /** From corner 0 to 1. */
  readonly length: number;
  /** From corner 1 to 2. */
  readonly breadth: number;
}

/** `points`: x, y pairs, at least one. */
export function minAreaRect(points: ArrayLike<number>): Rect {
  const hull = convexHull(points);
  const count = hull.length / 2;
  if (count === 1) return rect(1, 0, hull);
  let best: Rect | null = null;
  for (let i = 0; i < count; i++) {
    const next = (i + 1) % count;
    const dx = (hull[next * 2] ?? 0) - (hull[i * 2] ?? 0);
    const dy = (hull[next * 2 + 1] ?? 0) - (hull[i * 2 + 1] ?? 0);
    const norm = Math.hypot(dx, dy);
    const candidate = rect(dx / norm, dy / norm, hull);
    if (best === null || candidate.length * candidate.breadth < best.length * best.breadth) best = candidate;
  }
  return best ?? rect(1, 0, hull);
}

/** The rectangle around `hull` with a side along the unit vector (ux, uy). */
function rect(ux: number, uy: number, hull: Float64Array): Rect {
  let minU = Number.POSITIVE_INFINITY;
  let maxU = Number.NEGATIVE_INFINITY;
  let minV = Number.POSITIVE_INFINITY;
  let maxV = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < hull.length; i += 2) {
    const x = hull[i] ?? 0;
    const y = hull[i + 1] ?? 0;
    const u = x * ux + y * uy;
    const v = y * ux - x * uy;
    if (u < minU) minU = u;
    if (u > maxU) maxU = u;
    if (v < minV) minV = v;
    if (v > maxV) maxV = v;
  }
  const corners = new Float64Array(8);
  for (const [index, [u, v]] of [
    [minU, minV],
    [maxU, minV],
    [maxU, maxV],
    [minU, maxV],
  ].entries() as Iterable<[number, [number, number]]>) {
    corners[index * 2] = u * ux - v * uy;
    corners[index * 2 + 1] = u * uy + v * ux;
  }
  return { corners, length: maxU - minU, breadth: maxV - minV };
}

/** Monotone chain; x, y pairs without repeated or collinear points. */
export function convexHull(points: ArrayLike<number>): Float64Array {
  const count = points.length / 2;
  const order = Uint32Array.from({ length: count }, (_, index) => index).sort(
    (a, b) => (points[a * 2] ?? 0) - (points[b * 2] ?? 0) || (points[a * 2 + 1] ?? 0) - (points[b * 2 + 1] ?? 0),
  );
  const hull = new Float64Array(4 * count + 4);
  let size = 0;
  const push = (index: number, floor: number): void => {
    const x = points[index * 2] ?? 0;
    const y = points[index * 2 + 1] ?? 0;
    if (size > 0 && hull[size * 2 - 2] === x && hull[size * 2 - 1] === y) return;
    while (size > floor && !turnsLeft(hull, size, x, y)) size--;
    hull[size * 2] = x;
    hull[size * 2 + 1] = y;
    size++;
  };
  for (const index of order) push(index, 1);
  const floor = size;
  for (let i = count - 2; i >= 0; i--) push(order[i] ?? 0, floor);
  if (size > 1) size--;
  return hull.slice(0, Math.max(1, size) * 2);
}

function turnsLeft(hull: Float64Array, size: number, x: number, y: number): boolean {
  const ax = hull[size * 2 - 4] ?? 0;
  const ay = hull[size * 2 - 3] ?? 0;
  const bx = hull[size * 2 - 2] ?? 0;
  const by = hull[size * 2 - 1] ?? 0;
  return (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0;
}
