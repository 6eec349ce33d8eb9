/**
 * Pixels that nobody is to see: polygons made black, areas made unrecognizable.
 *
 * Guarantees: what is hidden cannot be computed back: of an area at most `cells` x `cells` averages are left, smoothly drawn, and of a polygon
 * nothing, its edge pixels included. Works in place, on interleaved 8-bit pixels.
 */
import type { Polygon } from '../core/keep.js';
import type { Box } from '../core/result.js';
import type { Area, Pixels } from '../core/task.js';

/** Share of the longer side of a face that is hidden around it: hair, ears and chin tell who it is. */
const faceMargin = 0.35;

/** Even-odd rule, by lines of pixels; a pixel that the polygon only touches is black too. */
export function blacken(pixels: Pixels, polygons: readonly Polygon[]): void {
  const { width, height, channels, data } = pixels;
  for (const polygon of polygons) {
    for (let y = 0; y < height; y++) {
      for (const at of [y + 1e-6, y + 0.5, y + 1 - 1e-6]) {
        const xs = crossings(polygon, at / height);
        for (let i = 0; i + 1 < xs.length; i += 2) {
          const from = Math.max(0, Math.floor((xs[i] ?? 0) * width));
          const to = Math.min(width, Math.ceil((xs[i + 1] ?? 0) * width));
          if (to > from) data.fill(0, (y * width + from) * channels, (y * width + to) * channels);
        }
      }
    }
  }
}

/** Where a polygon's edges cross a horizontal line, from left to right. */
function crossings(polygon: Polygon, y: number): number[] {
  const xs: number[] = [];
  let [x1, y1] = polygon.at(-1) ?? [0, 0];
  for (const [x2, y2] of polygon) {
    if (y1 > y !== y2 > y) xs.push(x1 + ((y - y1) / (y2 - y1)) * (x2 - x1));
    [x1, y1] = [x2, y2];
  }
  return xs.sort((a, b) => a - b);
}

/** The pixels in which a face is hidden: its box (0..1) with a margin, within the picture. */
export function faceArea({ x_min, y_min, x_max, y_max }: Box, { width, height }: Pick<Pixels, 'width' | 'height'>): Area {
  const more = faceMargin * Math.max((x_max - x_min) * width, (y_max - y_min) * height);
  const within = (value: number, most: number) => Math.min(most, Math.max(0, value));
  const left = within(Math.floor(x_min * width - more), width - 1);
  const top = within(Math.floor(y_min * height - more), height - 1);
  return {
    left,
    top,
    width: Math.max(1, within(Math.ceil(x_max * width + more), width) - left),
    height: Math.max(1, within(Math.ceil(y_max * height + more), height) - top),
  };
}

/** Leaves `cells` x `cells` averages of an area, with soft edges between them; 1 leaves one colour. */
export function obscure(pixels: Pixels, area: Area, cells: number): void {
  const { width, channels, data } = pixels;
  const means = averages(pixels, area, cells);
  for (let y = 0; y < area.height; y++) {
    const [row, nextRow, down] = between(y, area.height, cells);
    for (let x = 0; x < area.width; x++) {
      const [column, nextColumn, across] = between(x, area.width, cells);
      const at = ((area.top + y) * width + area.left + x) * channels;
      for (let c = 0; c < channels; c++) {
        const mean = (i: number, j: number) => means[(i * cells + j) * channels + c] ?? 0;
        const upper = mean(row, column) * (1 - across) + mean(row, nextColumn) * across;
        const lower = mean(nextRow, column) * (1 - across) + mean(nextRow, nextColumn) * across;
        data[at + c] = Math.round(upper * (1 - down) + lower * down);
      }
    }
  }
}

/** Between the middles of which two cells a pixel lies, and how far on the way from one to the other. */
function between(at: number, length: number, cells: number): readonly [number, number, number] {
  const place = Math.min(cells - 1, Math.max(0, ((at + 0.5) / length) * cells - 0.5));
  const first = Math.floor(place);
  return [first, Math.min(cells - 1, first + 1), place - first];
}

function averages({ width, channels, data }: Pixels, area: Area, cells: number): Float64Array {
  const sums = new Float64Array(cells * cells * channels);
  const counts = new Float64Array(cells * cells);
  for (let y = 0; y < area.height; y++) {
    const row = Math.floor((y * cells) / area.height);
    for (let x = 0; x < area.width; x++) {
      const cell = row * cells + Math.floor((x * cells) / area.width);
      const at = ((area.top + y) * width + area.left + x) * channels;
      counts[cell] = (counts[cell] ?? 0) + 1;
      for (let c = 0; c < channels; c++) sums[cell * channels + c] = (sums[cell * channels + c] ?? 0) + (data[at + c] ?? 0);
    }
  }
  return sums.map((sum, i) => sum / Math.max(1, counts[Math.floor(i / channels)] ?? 1));
}
