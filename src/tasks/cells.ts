/** The cells of a detector's grid. Pure. */
import { limits } from '../core/limits.js';
import type { ModelFacts } from '../core/model.js';
import { unfit } from './model-params.js';

export interface Cell {
  readonly column: number;
  readonly row: number;
  /** Pixels. */
  readonly stride: number;
}

/** Of a picture of `width` x `height` pixels, row by row; one that is only partly in it counts. Throws MODEL_INVALID for more than anyone needs. */
export function cellsOf(model: ModelFacts, width: number, height: number, stride: number): Cell[] {
  const [columns, rows] = [Math.ceil(width / stride), Math.ceil(height / stride)];
  if (columns * rows > limits.gridCellsMax) {
    throw unfit(
      model,
      `a stride of ${stride} over ${width} x ${height} pixels makes ${columns * rows} cells, at most ${limits.gridCellsMax}`,
    );
  }
  return Array.from({ length: columns * rows }, (_, i) => ({ column: i % columns, row: Math.floor(i / columns), stride }));
}
