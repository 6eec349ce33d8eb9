/**
 * What the tasks on text lines share: where a line is in the image, and which way up.
 *
 * A line is four points in pixels, clockwise from the top left of its text. Source of the rule for upright lines:
 * PaddleOCR, get_rotate_crop_image (a crop at least 1.5 times as high as wide holds text running up or down).
 */

import { ShoalError } from '../core/errors.js';
import type { Box, Observation, Quad } from '../core/result.js';
import type { ImagePort } from '../core/task.js';
import { span } from './perspective.js';

const uprightRatio = 1.5;

export interface TextLine {
  /** Index of the observation it comes from; null for the whole image. */
  readonly of: number | null;
  /** As it came, 0..1. */
  readonly quad: Quad;
  /** Pixels, turned so that the text runs from left to right, as far as the shape tells. */
  readonly corners: Float64Array;
  /** Width over height of `corners`. */
  readonly ratio: number;
}

/** The lines of an earlier stage, or the whole image as one line when there is none. Throws CONFIG_INVALID for observations without a place. */
export function textLines(each: readonly Observation[] | null, image: ImagePort): TextLine[] {
  if (each === null) return [textLine(null, boxQuad({ x_min: 0, y_min: 0, x_max: 1, y_max: 1 }), image)];
  return each.map((observation, index) => {
    const quad = observation.quad ?? (observation.box === undefined ? undefined : boxQuad(observation.box));
    if (quad === undefined) {
      throw new ShoalError(
        'CONFIG_INVALID',
        `observation ${index} of the stage named by "each" has neither quad nor box; use a stage that finds places, such as detect-text`,
      );
    }
    return textLine(index, quad, image);
  });
}

function textLine(of: number | null, quad: Quad, image: ImagePort): TextLine {
  const corners = Float64Array.from(quad.flatMap(([x, y]) => [x * image.width, y * image.height]));
  const width = Math.max(1, span(corners, 0, 2), span(corners, 6, 4));
  const height = Math.max(1, span(corners, 0, 6), span(corners, 2, 4));
  if (height / width < uprightRatio) return { of, quad, corners, ratio: width / height };
  return { of, quad, corners: rotated(corners, 1), ratio: height / width };
}

/** The same corners, beginning `by` corners later: 1 turns the crop a quarter counter-clockwise, 2 turns it upside down. */
function rotated(corners: Float64Array, by: number): Float64Array {
  return corners.map((_, index) => corners[(index + 2 * by) % 8] ?? 0);
}

/** The quad of a line that is upside down, beginning at the top left of its text. */
export function turned([a, b, c, d]: Quad): Quad {
  return [c, d, a, b];
}

export function boxQuad(box: Box): Quad {
  return [
    [box.x_min, box.y_min],
    [box.x_max, box.y_min],
    [box.x_max, box.y_max],
    [box.x_min, box.y_max],
  ];
}

export function quadBox(quad: Quad): Box {
  const xs = quad.map(([x]) => x);
  const ys = quad.map(([, y]) => y);
  return { x_min: Math.min(...xs), y_min: Math.min(...ys), x_max: Math.max(...xs), y_max: Math.max(...ys) };
}

/** A task on images was given one; throws CAPTURE_UNSUPPORTED otherwise. */
export function requireImage(image: ImagePort | null): ImagePort {
  if (image === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'the capture is no image, this task reads images only');
  return image;
}
