/**
 * Intersection over union of two convex polygons, whichever way round their points run.
 *
 * Source: Sutherland and Hodgman, Reentrant polygon clipping, 1974. Polygons of no area overlap nothing. A polygon that is not
 * convex is treated as the clipping leaves it; the tasks make none.
 */
import type { Point } from '../core/result.js';

export type Polygon = readonly Point[];

/** 0..1. */
export function overlap(a: Polygon, b: Polygon): number {
  if (apart(a, b)) return 0;
  const [one, other] = [clockwise(a), clockwise(b)];
  const common = area(clip(one, other));
  const union = area(one) + area(other) - common;
  return union > 0 ? Math.min(1, common / union) : 0;
}

/** Whether their bounds say already that they share nothing; most pairs of an image end here. */
function apart(a: Polygon, b: Polygon): boolean {
  return beside(a, b, 0) || beside(b, a, 0) || beside(a, b, 1) || beside(b, a, 1);
}

function beside(low: Polygon, high: Polygon, axis: 0 | 1): boolean {
  let [end, start] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const point of low) end = Math.max(end, point[axis]);
  for (const point of high) start = Math.min(start, point[axis]);
  return end <= start;
}

/** Twice the area; positive when the points run clockwise, with y down. */
function signed(polygon: Polygon): number {
  return polygon.reduce((sum, [x, y], i) => {
    const [nextX, nextY] = polygon[(i + 1) % polygon.length] ?? [x, y];
    return sum + x * nextY - nextX * y;
  }, 0);
}

function area(polygon: Polygon): number {
  return Math.abs(signed(polygon)) / 2;
}

function clockwise(polygon: Polygon): Polygon {
  return signed(polygon) < 0 ? [...polygon].reverse() : polygon;
}

/** What of `subject` lies within `window`; both clockwise. */
function clip(subject: Polygon, window: Polygon): Polygon {
  let left = subject;
  for (const [i, from] of window.entries()) {
    const to = window[(i + 1) % window.length] ?? from;
    /** Not negative where the point is on the inner side of the edge. */
    const side = ([x, y]: Point): number => (to[0] - from[0]) * (y - from[1]) - (to[1] - from[1]) * (x - from[0]);
    left = left.flatMap((point, k): Point[] => {
      const before = left[(k + left.length - 1) % left.length] ?? point;
      const [here, there] = [side(point), side(before)];
      const crossing = here < 0 === there < 0 ? [] : [between(before, point, there / (there - here))];
      return here < 0 ? crossing : [...crossing, point];
    });
  }
  return left;
}

function between(from: Point, to: Point, share: number): Point {
  return [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];
}
