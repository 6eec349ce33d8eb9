/**
 * YOLOX: a box a cell over grids of several strides, row by row, the finest first; an objectness and a score a class, both probabilities.
 *
 * Source: YOLOX, yolox/utils/demo_utils.py: x = (dx + column) * stride, width = exp(w) * stride. With `decoded: true` the export has done
 * that already.
 */
import { z } from 'zod';
import { around } from '../../core/rectangle.js';
import { cellsOf } from '../cells.js';
import { unfit } from '../model-params.js';
import type { Decode, Head } from './decoder.js';
import { decodeRows, rowsOf } from './rows.js';

const strides = z.array(z.int().min(1).max(256)).min(1).max(8);

export const gridParams = { decoder: z.literal('grid'), strides, decoded: z.boolean().default(false) };

export function grid(head: Head, params: { readonly strides: readonly number[]; readonly decoded: boolean }): Decode {
  const { model, width, height, kinds } = head;
  const rows = rowsOf(head, true);
  const cells = params.strides.flatMap((stride) => cellsOf(model, width, height, stride));
  if (cells.length !== rows.count) {
    throw unfit(
      model,
      `strides ${params.strides.join(', ')} over ${width} x ${height} pixels make ${cells.length} cells, its output has ${rows.count} rows`,
    );
  }
  return decodeRows(rows, kinds, true, (x, y, w, h, index) => {
    const { column, row, stride } = cells[index] ?? { column: 0, row: 0, stride: 1 };
    if (params.decoded) return around(x / width, y / height, w / width, h / height);
    const [middleX, middleY] = [(x + column) * stride, (y + row) * stride];
    return around(middleX / width, middleY / height, (Math.exp(w) * stride) / width, (Math.exp(h) * stride) / height);
  });
}
