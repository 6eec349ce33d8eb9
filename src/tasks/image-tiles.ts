/**
 * An image looked at through square windows, coarse to fine: the whole first, then the same image at twice the size, and so on.
 *
 * Pure geometry and copying. A level never enlarges the image, so a window shows only what the camera saw. Windows of a level
 * overlap, so that a thing no larger than the overlap lies whole in one of them. Where the image is smaller than the window it is centred.
 */
import type { Pixels } from '../core/contracts.js';

export interface Level {
  /** Size of the whole image at this level, in pixels. */
  readonly width: number;
  readonly height: number;
}

/** A window at a level: offset of its top left corner in the level's pixels, negative where the image is centred within it. */
export interface Tile {
  readonly x: number;
  readonly y: number;
}

/** The longer side is `side`, 2 `side`, 4 `side`, ..., at most `count` levels; the first may enlarge a small image. */
export function pyramid(width: number, height: number, side: number, count: number): Level[] {
  const longer = Math.max(width, height);
  const levels: Level[] = [];
  for (let target = side; levels.length < count && (target === side || target <= longer); target *= 2) {
    const scale = target / longer;
    levels.push({ width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) });
  }
  return levels;
}

/** Evenly spread windows of `side` over a level, neighbours sharing at least `overlap` pixels; row by row. */
export function tilesOf(level: Level, side: number, overlap: number): Tile[] {
  const columns = starts(level.width, side, overlap);
  return starts(level.height, side, overlap).flatMap((y) => columns.map((x) => ({ x, y })));
}

function starts(length: number, side: number, overlap: number): number[] {
  if (length <= side) return [-Math.floor((side - length) / 2)];
  const count = Math.ceil((length - overlap) / (side - overlap));
  return Array.from({ length: count }, (_, i) => Math.round((i * (length - side)) / (count - 1)));
}

/**
 * The window as floats, interleaved RGB, `side * side * 3` values: 0 becomes `low`, 255 becomes `high`, and what lies outside the
 * image is `low` (black).
 */
export function tilePixels(image: Pixels, tile: Tile, side: number, low: number, high: number): Float32Array {
  const values = new Float32Array(side * side * 3).fill(low);
  const scale = (high - low) / 255;
  const fromX = Math.max(0, tile.x);
  const toX = Math.min(image.width, tile.x + side);
  for (let y = Math.max(0, tile.y); y < Math.min(image.height, tile.y + side); y++) {
    let source = (y * image.width + fromX) * 3;
    let target = ((y - tile.y) * side + (fromX - tile.x)) * 3;
    for (let end = target + (toX - fromX) * 3; target < end; target++) values[target] = (image.data[source++] ?? 0) * scale + low;
  }
  return values;
}

/** The window as bytes, interleaved RGB, `side * side * 3` of them: the pixels as they are, and 0 (black) outside the image. */
export function tileBytes(image: Pixels, tile: Tile, side: number): Uint8Array {
  const values = new Uint8Array(side * side * 3);
  const fromX = Math.max(0, tile.x);
  const toX = Math.min(image.width, tile.x + side);
  for (let y = Math.max(0, tile.y); y < Math.min(image.height, tile.y + side); y++) {
    const row = image.data.subarray((y * image.width + fromX) * 3, (y * image.width + toX) * 3);
    values.set(row, ((y - tile.y) * side + (fromX - tile.x)) * 3);
  }
  return values;
}
