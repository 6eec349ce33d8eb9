/**
 * What the detect-faces task asks of a family of detectors: how a window of the image becomes its input, and its outputs faces.
 *
 * Geometry is the unit square of the window (x to the right, y down, 0..1).
 */
import { z } from 'zod';
import type { Rectangle } from '../../core/rectangle.js';
import type { Point } from '../../core/result.js';
import type { Tensors } from '../../core/tensor.js';
import type { Frame } from '../pixels.js';

/** A face as decoded; `points` in the order of the family's `pointNames`. */
export interface Candidate {
  readonly score: number;
  readonly box: Rectangle;
  readonly points: readonly Point[];
}

export interface FaceDecoder {
  readonly frame: Frame;
  readonly pointNames: readonly string[];
  /** Intersection over union above which candidates are one face. */
  readonly maxOverlap: number;
  /** Share of the shorter side of the input below which twice the size would make the model surer of a face. */
  readonly small: number;
  /** Candidates at or above `minScore`, in the order of the outputs; what overlaps is still there. */
  decode(outputs: Tensors, minScore: number): Candidate[];
}

export const commonParams = {
  max_overlap: z.number().gt(0).lt(1),
  small: z.number().gt(0).lt(0.5).default(0.15),
};
