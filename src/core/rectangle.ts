/** Upright rectangles and how much two of them share. Pure. */
import type { Box } from './result.js';

export type Rectangle = readonly [x_min: number, y_min: number, x_max: number, y_max: number];

function area(box: Rectangle): number {
  return Math.max(0, box[2] - box[0]) * Math.max(0, box[3] - box[1]);
}

function intersection(a: Rectangle, b: Rectangle): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Intersection over union, 0..1. */
export function overlap(a: Rectangle, b: Rectangle): number {
  const shared = intersection(a, b);
  return shared === 0 ? 0 : shared / (area(a) + area(b) - shared);
}

export function edges({ x_min, y_min, x_max, y_max }: Box): Rectangle {
  return [x_min, y_min, x_max, y_max];
}

/** As it is told: in five decimals of the picture's sides. */
export function roundedBox({ x_min, y_min, x_max, y_max }: Box): Box {
  const round = (edge: number) => Number(edge.toFixed(5));
  return { x_min: round(x_min), y_min: round(y_min), x_max: round(x_max), y_max: round(y_max) };
}

/** A rectangle by its middle and size. */
export function around(x: number, y: number, width: number, height: number): Rectangle {
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
}
