/**
 * YuNet: a face a cell over grids of several strides, each with four outputs [1, cells, values]: class, objectness, box, five points.
 *
 * Source: libfacedetection.train, mmdet/models/dense_heads/yunet_head.py, and OpenCV's face_detect.cpp: the score is the geometric mean of class
 * and objectness, both probabilities; x = (column + dx) * stride, width = exp(w) * stride, a point like the middle. BGR, values 0..255.
 */
import { z } from 'zod';
import type { ModelFacts } from '../../core/model.js';
import { around } from '../../core/rectangle.js';
import type { Point } from '../../core/result.js';
import { floats } from '../../core/tensor.js';
import { type Cell, cellsOf } from '../cells.js';
import { outputOf, unfit } from '../model-params.js';
import { frameOf, pixelFormat } from '../pixels.js';
import { type Candidate, commonParams, type FaceDecoder } from './decoder.js';

const pointNames = ['right_eye', 'left_eye', 'nose', 'right_mouth', 'left_mouth'] as const;
const layer = z.strictObject({
  stride: z.int().min(1).max(256),
  class: z.string(),
  objectness: z.string(),
  box: z.string(),
  points: z.string(),
});

export const yunetParams = z.strictObject({
  decoder: z.literal('yunet'),
  ...commonParams,
  pixels: pixelFormat,
  /** The outputs of each stride. */
  layers: z.array(layer).min(1).max(8),
});

type Params = z.infer<typeof yunetParams>;

/** Throws MODEL_INVALID. */
export function yunet(model: ModelFacts, params: Params): FaceDecoder {
  const frame = frameOf(model, params.pixels);
  const layers = params.layers.map((names) => ({ names, cells: cellsOf(model, frame.width, frame.height, names.stride) }));
  for (const { names, cells } of layers) {
    for (const [name, values] of [
      [names.class, 1] as const,
      [names.objectness, 1] as const,
      [names.box, 4] as const,
      [names.points, 10] as const,
    ]) {
      const { shape } = outputOf(model, name);
      if (shape.length !== 3 || shape[1] !== cells.length || shape[2] !== values) {
        throw unfit(model, `its output "${name}" is [${shape.join(',')}], the stride ${names.stride} needs [1,${cells.length},${values}]`);
      }
    }
  }
  return {
    frame,
    pointNames,
    maxOverlap: params.max_overlap,
    small: params.small,
    decode(outputs, minScore) {
      return layers.flatMap(({ names, cells }) => {
        const [kind, presence] = [floats(outputs, names.class), floats(outputs, names.objectness)];
        const [boxes, points] = [floats(outputs, names.box), floats(outputs, names.points)];
        return cells.flatMap((cell, i) => {
          const score = Math.sqrt((kind[i] ?? 0) * (presence[i] ?? 0));
          if (!(score >= minScore)) return [];
          return [faceAt(cell, score, boxes.subarray(4 * i, 4 * i + 4), points.subarray(10 * i, 10 * i + 10), frame)];
        });
      });
    },
  };
}

function faceAt(
  { column, row, stride }: Cell,
  score: number,
  box: Float32Array,
  points: Float32Array,
  { width, height }: { readonly width: number; readonly height: number },
): Candidate {
  const x = (dx: number) => ((column + dx) * stride) / width;
  const y = (dy: number) => ((row + dy) * stride) / height;
  const [dx = 0, dy = 0, w = 0, h = 0] = box;
  return {
    score,
    box: around(x(dx), y(dy), (Math.exp(w) * stride) / width, (Math.exp(h) * stride) / height),
    points: pointNames.map((_, k): Point => [x(points[2 * k] ?? 0), y(points[2 * k + 1] ?? 0)]),
  };
}
