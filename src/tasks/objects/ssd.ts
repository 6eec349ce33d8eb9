/**
 * SSD and its like: boxes [1, n, 4] and scores [1, n, classes] as two outputs.
 *
 * Boxes are shares of the picture as corners, or offsets from priors (default boxes), which are made here from strides and sizes.
 * Source of the priors: W. Liu and others, SSD, 2016, section 2.2; of their order (row by row, the sizes of a cell together) and of cells
 * that reach beyond the picture: Ultra-Light-Fast-Generic-Face-Detector, vision/utils/box_utils.py.
 */
import { z } from 'zod';
import { around, type Rectangle } from '../../core/rectangle.js';
import { cellsOf } from '../cells.js';
import { outputOf, unfit } from '../model-params.js';
import { best, type Decode, type FoundObject, type Head } from './decoder.js';

const pixels = z.number().positive().max(4096);

export const ssdParams = {
  decoder: z.literal('ssd'),
  /** Output names. */
  boxes: z.string(),
  scores: z.string(),
  /** Whether the first score of a box is that of nothing at all, which has no label. */
  background: z.boolean().default(true),
  activation: z.enum(['none', 'softmax', 'sigmoid']).default('none'),
  /** Of decoded boxes. */
  corners: z.enum(['xyxy', 'yxyx']).default('xyxy'),
  /** Without it the boxes are decoded already. `sizes` are width and height in pixels of the input. */
  priors: z
    .strictObject({
      layers: z
        .array(
          z.strictObject({
            stride: z.int().min(1).max(1024),
            sizes: z
              .array(z.tuple([pixels, pixels]))
              .min(1)
              .max(32),
          }),
        )
        .min(1)
        .max(16),
      /** What offsets and sizes are multiplied by. */
      variances: z.tuple([z.number().positive(), z.number().positive()]).default([0.1, 0.2]),
    })
    .optional(),
};

const shape = z.strictObject(ssdParams);
export type SsdParams = Omit<z.infer<typeof shape>, 'decoder'>;

export function ssd(head: Head, params: SsdParams): Decode {
  const { model, kinds } = head;
  const first = params.background ? 1 : 0;
  const boxes = outputOf(model, params.boxes);
  const scores = outputOf(model, params.scores);
  const count = boxes.shape[1] ?? 0;
  const columns = first + kinds;
  const rowsOfBoxes = boxes.shape.length === 3 && boxes.shape[2] === 4;
  if (!rowsOfBoxes || scores.shape.length !== 3 || scores.shape[1] !== count || scores.shape[2] !== columns) {
    throw unfit(
      model,
      `its outputs are [${boxes.shape.join(',')}] and [${scores.shape.join(',')}], its ${kinds} labels` +
        `${params.background ? ' and the background' : ''} need boxes [1,n,4] and scores [1,n,${columns}]`,
    );
  }
  const place = placing(head, params, count);
  return (output, minScore) => {
    const values = output(boxes.name);
    const activated = activate(output(scores.name), columns, params.activation);
    const found: FoundObject[] = [];
    for (let i = 0; i < count; i++) {
      const { kind, value } = best(activated, i * columns + first, kinds);
      if (value >= minScore) found.push({ score: value, kind, box: place(values, i) });
    }
    return found;
  };
}

function placing(head: Head, { priors, corners }: SsdParams, count: number): (values: Float32Array, index: number) => Rectangle {
  const at = (values: Float32Array, index: number, k: number) => values[4 * index + k] ?? 0;
  if (priors === undefined) {
    const [x, y] = corners === 'xyxy' ? [0, 1] : [1, 0];
    return (values, i) => [at(values, i, x), at(values, i, y), at(values, i, 2 + x), at(values, i, 2 + y)];
  }
  const made = priors.layers.flatMap(({ stride, sizes }) =>
    cellsOf(head.model, head.width, head.height, stride).flatMap(({ column, row }) =>
      sizes.map(([w, h]) => [
        ((column + 0.5) * stride) / head.width,
        ((row + 0.5) * stride) / head.height,
        w / head.width,
        h / head.height,
      ]),
    ),
  );
  if (made.length !== count) throw unfit(head.model, `the layers make ${made.length} priors, its output has ${count} boxes`);
  const [offset, size] = priors.variances;
  return (values, i) => {
    const [x = 0, y = 0, w = 0, h = 0] = made[i] ?? [];
    return around(
      x + at(values, i, 0) * offset * w,
      y + at(values, i, 1) * offset * h,
      w * Math.exp(at(values, i, 2) * size),
      h * Math.exp(at(values, i, 3) * size),
    );
  };
}

function activate(scores: Float32Array, columns: number, activation: SsdParams['activation']): Float32Array {
  if (activation === 'none') return scores;
  if (activation === 'sigmoid') return scores.map((value) => 1 / (1 + Math.exp(-value)));
  const result = new Float32Array(scores.length);
  for (let at = 0; at < scores.length; at += columns) {
    const row = scores.subarray(at, at + columns);
    const { value: most } = best(row, 0, columns);
    const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
    for (let i = 0; i < columns; i++) result[at + i] = Math.exp((row[i] ?? 0) - most) / sum;
  }
  return result;
}
