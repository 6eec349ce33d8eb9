/**
 * Zones: named polygons of an input, and whether a thing stands in one.
 *
 * Guarantees: a thing stands where the bottom centre of its box is, as a person stands on their feet; the even-odd rule decides in a
 * polygon that crosses itself. Deliberately knows no depth: a zone is a part of the picture, not of the floor.
 */
import type { Box, Point } from './result.js';

/** By name, 3 to `limits.zonePointsMax` points each; 0..1 of the image after EXIF rotation, x to the right, y down. */
export type Zones = Readonly<Record<string, readonly Readonly<Point>[]>>;

export function standsIn(zone: readonly Readonly<Point>[], { x_min, x_max, y_max }: Box): boolean {
  const x = (x_min + x_max) / 2;
  let inside = false;
  let [x1, y1] = zone.at(-1) ?? [0, 0];
  for (const [x2, y2] of zone) {
    // Each edge owns its upper end alone, so that a ray through a corner crosses once.
    if (y1 > y_max !== y2 > y_max && x < x1 + ((y_max - y1) / (y2 - y1)) * (x2 - x1)) inside = !inside;
    [x1, y1] = [x2, y2];
  }
  return inside;
}

/** Of 1, the whole picture; by the shoelace formula, so a figure of eight of equal halves has none. */
export function areaOf(zone: readonly Readonly<Point>[]): number {
  let sum = 0;
  let [x1, y1] = zone.at(-1) ?? [0, 0];
  for (const [x2, y2] of zone) {
    sum += x1 * y2 - x2 * y1;
    [x1, y1] = [x2, y2];
  }
  return Math.abs(sum) / 2;
}
