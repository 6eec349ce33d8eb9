/**
 * Outputs with a row a box: x, y, width, height of the box, perhaps an objectness, then a score a class.
 *
 * The rows lie one after the other ([1, boxes, values], as YOLOv5 and YOLOX export them) or across ([1, values, boxes], as YOLOv8 and later do);
 * the shape tells which. Scores are probabilities already; with an objectness a class counts by its product with it.
 */

import type { Rectangle } from '../../core/rectangle.js';
import { outputOf, unfit } from '../model-params.js';
import { best, type Decode, type FoundObject, type Head } from './decoder.js';

export interface Rows {
  readonly output: string;
  readonly count: number;
  /** From one row to the next, and from one value of a row to the next. */
  readonly rowStep: number;
  readonly valueStep: number;
}

/** Throws MODEL_INVALID when the only output is not rows of 4 + objectness + classes values. */
export function rowsOf({ model, kinds }: Head, objectness: boolean): Rows {
  const { name, shape } = outputOf(model);
  const values = 4 + (objectness ? 1 : 0) + kinds;
  const [, first = 0, second = 0] = shape;
  if (shape.length === 3 && second === values) return { output: name, count: first, rowStep: values, valueStep: 1 };
  if (shape.length === 3 && first === values) return { output: name, count: second, rowStep: 1, valueStep: second };
  throw unfit(
    model,
    `its output "${name}" is [${shape.join(',')}], its ${kinds} labels${objectness ? ' and an objectness' : ''} need ` +
      `[1,boxes,${values}] or [1,${values},boxes]`,
  );
}

/** `place` makes a box of the four numbers of row `index`. */
export function decodeRows(
  rows: Rows,
  kinds: number,
  objectness: boolean,
  place: (x: number, y: number, width: number, height: number, index: number) => Rectangle,
): Decode {
  const { count, rowStep, valueStep } = rows;
  return (output, minScore) => {
    const values = output(rows.output);
    const found: FoundObject[] = [];
    for (let i = 0; i < count; i++) {
      const at = i * rowStep;
      const presence = objectness ? (values[at + 4 * valueStep] ?? 0) : 1;
      if (!(presence >= minScore)) continue;
      const { kind, value } = best(values, at + (objectness ? 5 : 4) * valueStep, kinds, valueStep);
      const score = presence * value;
      if (!(score >= minScore)) continue;
      const part = (k: number) => values[at + k * valueStep] ?? 0;
      found.push({ score, kind, box: place(part(0), part(1), part(2), part(3), i) });
    }
    return found;
  };
}
