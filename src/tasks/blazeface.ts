/**
 * The arithmetic of the BlazeFace detectors: anchors and decoding. Pure, in the unit square of the model's input
 * (x to the right, y down, 0..1).
 *
 * Source: MediaPipe's SsdAnchorsCalculator and TensorsToDetectionsCalculator with the options of its face detectors
 * (fixed anchor size, one aspect ratio plus the interpolated one, hence two anchors a cell and layer).
 */
import type { Point } from '../core/result.js';

/** In the order of the model's output. */
export const keyPointNames = ['right_eye', 'left_eye', 'nose', 'mouth', 'right_ear', 'left_ear'] as const;

/** Numbers a detection takes in the box output: centre, size, six key points. */
export const boxValues = 4 + 2 * keyPointNames.length;

const anchorsPerCellAndLayer = 2;

/** A face as decoded; `box` is [x_min, y_min, x_max, y_max], `points` in the order of `keyPointNames`. */
export interface Candidate {
  readonly score: number;
  readonly box: readonly [number, number, number, number];
  readonly points: readonly Point[];
}

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
