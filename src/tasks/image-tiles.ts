/**
 * An image looked at through windows of one size, coarse to fine: the whole first, then the same image at twice the size, and so on.
 *
 * Pure geometry. A level never enlarges the image, so a window shows only what the camera saw. Windows of a level
 * overlap, so that a thing no larger than the overlap lies whole in one of them. Where the image is smaller than the window it is centred.
 */

export interface Window {
  readonly width: number;
  readonly height: number;
}

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

/** The image as it fits into the window, twice as large, four times, ..., at most `count` levels; the first may enlarge a small image. */
export function pyramid(width: number, height: number, window: Window, count: number): Level[] {
  const fitting = Math.min(window.width / width, window.height / height);
  const levels: Level[] = [];
  for (let scale = fitting; levels.length < count && (scale === fitting || scale <= 1); scale *= 2) {
    levels.push({ width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) });
  }
  return levels;
}

/** Windows evenly spread over a level, neighbours sharing at least `overlap` of a window's side (a share); row by row. */
export function tilesOf(level: Level, window: Window, overlap: number): Tile[] {
  const columns = starts(level.width, window.width, window.width * overlap);
  return starts(level.height, window.height, window.height * overlap).flatMap((y) => columns.map((x) => ({ x, y })));
}

function starts(length: number, side: number, overlap: number): number[] {
  if (length <= side) return [-Math.floor((side - length) / 2)];
  const count = Math.ceil((length - overlap) / (side - overlap));
  return Array.from({ length: count }, (_, i) => Math.round((i * (length - side)) / (count - 1)));
}
