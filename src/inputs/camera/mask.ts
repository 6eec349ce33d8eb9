/**
 * Polygons as boxes, for a painter that knows boxes only.
 *
 * Guarantees: the boxes cover every point of every polygon (even-odd rule) and nothing beyond the cells of a grid of 128 x 72 that the polygons
 * touch, so that rounding never uncovers what was to be hidden. Pure.
 */
import { standsIn } from '../../core/zone.js';

type Point = readonly [x: number, y: number];
/** All 0..1 of the picture. */
export type MaskBox = readonly [x: number, y: number, width: number, height: number];

const columns = 128;
const rows = 72;

export function maskBoxes(polygons: readonly (readonly Point[])[]): MaskBox[] {
  const boxes: MaskBox[] = [];
  let open = new Map<string, { from: number; to: number; top: number }>();
  for (let row = 0; row <= rows; row++) {
    const runs = new Map(row === rows ? [] : runsOf(polygons, row).map((run) => [`${run.from}-${run.to}`, { ...run, top: row }]));
    // A run that goes on below is one taller box.
    for (const [key, { from, to, top }] of open) {
      const below = runs.get(key);
      if (below !== undefined) below.top = top;
      else boxes.push([from / columns, top / rows, (to - from) / columns, (row - top) / rows]);
    }
    open = runs;
  }
  return boxes;
}

function runsOf(polygons: readonly (readonly Point[])[], row: number): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = [];
  for (let column = 0; column < columns; column++) {
    if (!polygons.some((polygon) => touches(polygon, column, row))) continue;
    const last = runs.at(-1);
    if (last?.to === column) last.to++;
    else runs.push({ from: column, to: column + 1 });
  }
  return runs;
}

/** Whether the cell and the polygon have a point in common: an edge passes through the cell, or all of the cell lies inside. */
function touches(polygon: readonly Point[], column: number, row: number): boolean {
  const [left, top, right, bottom] = [column / columns, row / rows, (column + 1) / columns, (row + 1) / rows];
  const centre = { x_min: left, x_max: right, y_min: top, y_max: (top + bottom) / 2 };
  if (standsIn(polygon, centre)) return true;
  return polygon.some((end, at) => crosses(polygon.at(at - 1) ?? end, end, left, top, right, bottom));
}

/** Source: Liang and Barsky, A new concept and method for line clipping, 1984. */
function crosses([x1, y1]: Point, [x2, y2]: Point, left: number, top: number, right: number, bottom: number): boolean {
  let [enters, leaves] = [0, 1];
  for (const [towards, room] of [
    [x1 - x2, x1 - left],
    [x2 - x1, right - x1],
    [y1 - y2, y1 - top],
    [y2 - y1, bottom - y1],
  ] as const) {
    if (towards === 0) {
      if (room < 0) return false;
      continue;
    }
    const at = room / towards;
    if (towards < 0) enters = Math.max(enters, at);
    else leaves = Math.min(leaves, at);
  }
  return enters <= leaves;
}
