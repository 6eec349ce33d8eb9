/**
 * The BlazeFace detectors: anchors and decoding, six key points a face.
 *
 * Pre-processing as MediaPipe's face detector states it: RGB, aspect ratio kept, the rest black, values -1..1. Source: MediaPipe's SsdAnchorsCalculator and TensorsToDetectionsCalculator with the options of its face detectors
 * (fixed anchor size, one aspect ratio plus the interpolated one, hence two anchors a cell and layer).
 */
import { z } from 'zod';
import type { ModelFacts } from '../../core/model.js';
import type { Point } from '../../core/result.js';
import { floats } from '../../core/tensor.js';
import { unfit } from '../model-params.js';
import type { Frame } from '../pixels.js';
import { type Candidate, commonParams, type FaceDecoder } from './decoder.js';

export const blazefaceParams = z.strictObject({
  decoder: z.literal('blazeface'),
  ...commonParams,
  /** Stride in pixels of each anchor layer, in the order of the outputs. */
  anchor_strides: z.array(z.int().positive()).min(1).max(8),
  /** Output names, in anchor order: logits [1, n, 1] and boxes [1, n, 16]. */
  scores: z.array(z.string()).min(1).max(8),
  boxes: z.array(z.string()).min(1).max(8),
  /** Logits are clipped to +- this. */
  score_clip: z.number().positive(),
  /** What the pixel values 0 and 255 become. */
  value_range: z.tuple([z.number(), z.number()]),
});

type Params = z.infer<typeof blazefaceParams>;

/** In the order of the model's output. */
export const keyPointNames = ['right_eye', 'left_eye', 'nose', 'mouth', 'right_ear', 'left_ear'] as const;

/** Numbers a detection takes in the box output: centre, size, six key points. */
export const boxValues = 4 + 2 * keyPointNames.length;

const anchorsPerCellAndLayer = 2;

/**
 * Anchor centres as x, y pairs, 0..1. Neighbouring layers of one stride share a grid: their anchors stand together in each cell.
 * Each stride must divide `inputSize`.
 */
export function blazefaceAnchors(inputSize: number, strides: readonly number[]): Float32Array {
  const centres: number[] = [];
  let layer = 0;
  while (layer < strides.length) {
    const stride = strides[layer] ?? inputSize;
    let perCell = 0;
    for (; strides[layer] === stride; layer++) perCell += anchorsPerCellAndLayer;
    const cells = inputSize / stride;
    for (let row = 0; row < cells; row++) {
      for (let column = 0; column < cells; column++) {
        for (let i = 0; i < perCell; i++) centres.push((column + 0.5) / cells, (row + 0.5) / cells);
      }
    }
  }
  return Float32Array.from(centres);
}

/** Probability of a logit, clipped first as the source does, so that the exponential stays finite. */
export function clippedSigmoid(logit: number, clip: number): number {
  return 1 / (1 + Math.exp(-Math.min(clip, Math.max(-clip, logit))));
}

export interface DecodeOptions {
  /** Side of the square input in pixels: the unit of the box values. */
  readonly inputSize: number;
  readonly scoreClip: number;
  readonly minScore: number;
}

/** `logits`: one per anchor; `boxes`: `boxValues` per anchor, offsets and sizes in input pixels. Candidates at or above `minScore`, in anchor order. */
export function decodeBlazeface(logits: Float32Array, boxes: Float32Array, anchors: Float32Array, options: DecodeOptions): Candidate[] {
  const found: Candidate[] = [];
  for (let i = 0; i < logits.length; i++) {
    const score = clippedSigmoid(logits[i] ?? Number.NEGATIVE_INFINITY, options.scoreClip);
    // A NaN logit compares false and is left out.
    if (!(score >= options.minScore)) continue;
    const anchorX = anchors[2 * i] ?? 0;
    const anchorY = anchors[2 * i + 1] ?? 0;
    const at = (k: number) => (boxes[i * boxValues + k] ?? 0) / options.inputSize;
    const x = anchorX + at(0);
    const y = anchorY + at(1);
    const halfWidth = Math.abs(at(2)) / 2;
    const halfHeight = Math.abs(at(3)) / 2;
    const points = keyPointNames.map((_, k): Point => [anchorX + at(4 + 2 * k), anchorY + at(5 + 2 * k)]);
    found.push({ score, box: [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight], points });
  }
  return found;
}

/** Throws MODEL_INVALID. */
export function blazeface(model: ModelFacts, params: Params): FaceDecoder {
  const frame = squareFrame(model, params);
  const uneven = params.anchor_strides.find((stride) => frame.width % stride !== 0);
  if (uneven !== undefined) throw unfit(model, `the anchor stride ${uneven} does not divide the input side ${frame.width}`);
  const anchors = blazefaceAnchors(frame.width, params.anchor_strides);
  checkRows(model, params, anchors.length / 2);
  const options = { inputSize: frame.width, scoreClip: params.score_clip };
  return {
    frame,
    pointNames: keyPointNames,
    maxOverlap: params.max_overlap,
    small: params.small,
    decode(outputs, minScore) {
      const logits = joined(params.scores.map((name) => floats(outputs, name)));
      const boxes = joined(params.boxes.map((name) => floats(outputs, name)));
      return decodeBlazeface(logits, boxes, anchors, { ...options, minScore });
    },
  };
}

function squareFrame(model: ModelFacts, { value_range: [low, high] }: Params): Frame {
  const input = model.inputs[0];
  const [batch, height, width, channels] = input?.shape ?? [];
  const square = typeof width === 'number' && width === height;
  if (model.inputs.length !== 1 || input?.dtype !== 'float32' || batch !== 1 || channels !== 3 || !square) {
    throw unfit(
      model,
      `it needs one input float32[1,side,side,3], the card has ${model.inputs.map((i) => `${i.dtype}[${i.shape}]`).join(', ')}`,
    );
  }
  const format = { layout: 'nhwc', channels: 'rgb', scale: (high - low) / 255, mean: -low, std: 1, pad: 0 } as const;
  return { name: input.name, dtype: 'float32', width, height: width, format };
}

function checkRows(model: ModelFacts, params: Params, anchors: number): void {
  for (const [names, values] of [[params.scores, 1] as const, [params.boxes, boxValues] as const]) {
    const shapes = names.map((name) => model.outputs.find((output) => output.name === name)?.shape ?? []);
    const rows = shapes.reduce((sum, shape) => sum + (shape[2] === values && typeof shape[1] === 'number' ? shape[1] : Number.NaN), 0);
    if (rows !== anchors) {
      throw unfit(
        model,
        `the strides make ${anchors} anchors, so the outputs ${names.join(' + ')} must hold ${anchors} x ${values} values in all`,
      );
    }
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
