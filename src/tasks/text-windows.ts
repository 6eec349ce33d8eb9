/**
 * Which parts of an image are looked at for text, where an earlier stage says where some may be.
 *
 * Pure geometry on a grid over the whole image as the model would see it. Guarantees: the windows hold every given place with some
 * space around it and neither overlap nor touch, so that looking at parts never costs more than looking at all.
 */

import type { Box } from '../core/result.js';
import type { Area } from '../core/task.js';
import { outerContours } from './contours.js';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Part of the whole image's look, in its pixels. */
export interface TextWindow extends Size {
  readonly x: number;
  readonly y: number;
}

/** Around a place, pixels as the model sees them: the ground it tells text from, and the rest of a line that was marked too short. */
const space = 16;

/** Least side of a cell of the grid, pixels: finer windows save nothing. */
const cellMin = 32;

/** In cells; the ends are exclusive. */
type Cells = readonly [left: number, top: number, right: number, bottom: number];

/**
 * Windows around `places` (shares of the image), in raster order; none without places. `whole` is the size of the image as the model
 * would see it, pixels; its sides and those of the windows are multiples of `multiple`. Of a place beyond the image, its edge is looked at.
 */
export function textWindows(places: readonly Box[], whole: Size, multiple: number): TextWindow[] {
  const cell = multiple * Math.ceil(cellMin / multiple);
  const [columns, rows] = [Math.ceil(whole.width / cell), Math.ceil(whole.height / cell)];
  const cells = (low: number, high: number, side: number, count: number): [number, number] => {
    const first = Math.min(count - 1, Math.max(0, Math.floor((low * side - space) / cell)));
    return [first, Math.max(first + 1, Math.min(count, Math.ceil((high * side + space) / cell)))];
  };
  const marked = places.map((box): Cells => {
    const [left, right] = cells(box.x_min, box.x_max, whole.width, columns);
    const [top, bottom] = cells(box.y_min, box.y_max, whole.height, rows);
    return [left, top, right, bottom];
  });
  return apart(marked, columns, rows).map(([left, top, right, bottom]) => ({
    x: left * cell,
    y: top * cell,
    width: Math.min(whole.width, right * cell) - left * cell,
    height: Math.min(whole.height, bottom * cell) - top * cell,
  }));
}

/** What of the image a window shows, to whole pixels. */
export function shownBy(window: TextWindow, whole: Size, image: Size): Area {
  const across = (at: number): number => Math.round((at / whole.width) * image.width);
  const down = (at: number): number => Math.round((at / whole.height) * image.height);
  const [left, top] = [across(window.x), down(window.y)];
  return { left, top, width: across(window.x + window.width) - left, height: down(window.y + window.height) - top };
}

/** Index of the place that shares most with a box found in a window; null where none shares anything: it may be the end of a text that is cut off. */
export function placeOf(box: Box, places: readonly Box[]): number | null {
  let [most, best]: [number, number | null] = [0, null];
  for (const [index, place] of places.entries()) {
    const area = shared(box, place);
    if (area > most) [most, best] = [area, index];
  }
  return best;
}

function shared(a: Box, b: Box): number {
  const width = Math.min(a.x_max, b.x_max) - Math.max(a.x_min, b.x_min);
  const height = Math.min(a.y_max, b.y_max) - Math.max(a.y_min, b.y_min);
  return Math.max(0, width) * Math.max(0, height);
}

/** Those that overlap or touch become the one around them, until none do. */
function apart(given: readonly Cells[], columns: number, rows: number): Cells[] {
  let windows = [...given];
  for (;;) {
    const mask = new Uint8Array(columns * rows);
    for (const [left, top, right, bottom] of windows) {
      for (let row = top; row < bottom; row++) mask.fill(1, row * columns + left, row * columns + right);
    }
    const joined = outerContours(mask, columns, rows, { minExtent: 0, max: columns * rows }).map(around);
    // As many regions as windows: each window is a region of its own.
    if (joined.length === windows.length) return joined;
    windows = joined;
  }
}

function around(contour: Int32Array): Cells {
  let [left, top, right, bottom] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 0];
  for (let i = 0; i < contour.length; i += 2) {
    const [x, y] = [contour[i] ?? 0, contour[i + 1] ?? 0];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  }
  return [left, top, right, bottom];
}
