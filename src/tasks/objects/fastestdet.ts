/**
 * FastestDet: one box a cell of a single grid, [1, 5 + classes, rows, columns]: objectness, offset, size, a score a class.
 *
 * Source: FastestDet, utils/tool.py (handle_preds): objectness and classes are probabilities already, a class counts by its product with
 * the objectness; the offset from the cell's corner is a tanh in cells, the size a sigmoid in shares of the picture.
 */
import { z } from 'zod';
import { around } from '../../core/rectangle.js';
import { outputOf, unfit } from '../model-params.js';
import { best, type Decode, type FoundObject, type Head } from './decoder.js';

export const fastestDetParams = { decoder: z.literal('fastestdet') };

export function fastestDet({ model, kinds }: Head): Decode {
  const { name, shape } = outputOf(model);
  const [, values, rows = 0, columns = 0] = shape;
  if (shape.length !== 4 || values !== 5 + kinds) {
    throw unfit(model, `its output "${name}" is [${shape.join(',')}], its ${kinds} labels need [1,${5 + kinds},rows,columns]`);
  }
  const cells = rows * columns;
  return (output, minScore) => {
    const planes = output(name);
    const found: FoundObject[] = [];
    for (let cell = 0; cell < cells; cell++) {
      const part = (k: number) => planes[k * cells + cell] ?? 0;
      if (!(part(0) >= minScore)) continue;
      const { kind, value } = best(planes, 5 * cells + cell, kinds, cells);
      const score = part(0) * value;
      if (!(score >= minScore)) continue;
      const x = ((cell % columns) + Math.tanh(part(1))) / columns;
      const y = (Math.floor(cell / columns) + Math.tanh(part(2))) / rows;
      found.push({ score, kind, box: around(x, y, sigmoid(part(3)), sigmoid(part(4))) });
    }
    return found;
  };
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}
