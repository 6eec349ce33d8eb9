/** The cells of a detector's grid. Pure. */

export interface Cell {
  readonly column: number;
  readonly row: number;
  /** Pixels. */
  readonly stride: number;
}

/** Cells of a grid, row by row; one that is only partly in the picture counts. */
export function cellsOf(width: number, height: number, stride: number): Cell[] {
  const [columns, rows] = [Math.ceil(width / stride), Math.ceil(height / stride)];
  return Array.from({ length: columns * rows }, (_, i) => ({ column: i % columns, row: Math.floor(i / columns), stride }));
}
