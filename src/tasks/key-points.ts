/** What the tasks that answer with named points share: rounding, and the box around points. */
import type { Box, Point } from '../core/result.js';

/** Inside the image, to a ten-thousandth: finer than any of these models can tell, short in the payload. */
export function unitPoint([x, y]: Point): Point {
  return [unit(x), unit(y)];
}

function unit(value: number): number {
  return Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
}

/** The smallest box that holds them, within the image. There must be at least one. */
export function boxAround(points: readonly Point[]): Box {
  const [xs, ys] = [points.map(([x]) => unit(x)), points.map(([, y]) => unit(y))];
  return { x_min: Math.min(...xs), y_min: Math.min(...ys), x_max: Math.max(...xs), y_max: Math.max(...ys) };
}
