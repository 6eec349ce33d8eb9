/**
 * How an image, or a part of it, is brought into the input of a model, and how what is found there is brought back.
 *
 * `stretch` fills the input and changes the ratio; `letterbox` keeps it and leaves padding; `crop` keeps it and cuts what does not fit.
 * Pure but for the image port; all coordinates are pixels unless said otherwise.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import type { Box, Observation } from '../core/result.js';
import type { ImagePort, Pixels } from '../core/task.js';
import type { Tensor } from '../core/tensor.js';
import { cropQuad } from './perspective.js';
import { type Frame, packPixels } from './pixels.js';
import { boxQuad, quadBox } from './text-lines.js';

export const framing = {
  fit: z.enum(['stretch', 'letterbox', 'crop']),
  /** Where a letterboxed image lies: in the middle, or at the top left. */
  align: z.enum(['centre', 'start']).default('centre'),
};

export interface Framing {
  readonly fit: 'stretch' | 'letterbox' | 'crop';
  readonly align: 'centre' | 'start';
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Where a picture lies in a frame, in whole pixels; outside of it for `crop`. */
export interface Place extends Size {
  readonly x: number;
  readonly y: number;
}

export function placeIn(frame: Size, picture: Size, { fit, align }: Framing): Place {
  if (fit === 'stretch') return { x: 0, y: 0, width: frame.width, height: frame.height };
  const ratios = [frame.width / picture.width, frame.height / picture.height];
  const scale = fit === 'letterbox' ? Math.min(...ratios) : Math.max(...ratios);
  const side = (length: number, most: number) => {
    const whole = Math.max(1, Math.round(length * scale));
    return fit === 'letterbox' ? Math.min(most, whole) : Math.max(most, whole);
  };
  const width = side(picture.width, frame.width);
  const height = side(picture.height, frame.height);
  const offset = (free: number) => (align === 'start' && fit === 'letterbox' ? 0 : Math.trunc(free / 2));
  return { x: offset(frame.width - width), y: offset(frame.height - height), width, height };
}

/** From shares of the frame to shares of the picture, cut at its edges and to a hundred-thousandth. */
export function boxInPicture(box: readonly [number, number, number, number], place: Place, frame: Size): Box {
  const x = (value: number) => share((value * frame.width - place.x) / place.width);
  const y = (value: number) => share((value * frame.height - place.y) / place.height);
  return { x_min: x(box[0]), y_min: y(box[1]), x_max: x(box[2]), y_max: y(box[3]) };
}

/** Finer than any camera's pixel, short in the payload. */
export function share(value: number): number {
  return Math.round(Math.min(1, Math.max(0, value)) * 1e5) / 1e5;
}

/** The longest side of an enlarged image before it is cut: a strip a pixel wide must not become one of a million. */
const cropSideMax = 16_384;

/** The whole image as a tensor for the frame. */
export async function wholeTensor(image: ImagePort, frame: Frame, how: Framing): Promise<{ tensor: Tensor; place: Place }> {
  const place = placeIn(frame, image, how);
  if (Math.max(place.width, place.height) > cropSideMax) {
    throw new ShoalError(
      'CAPTURE_UNSUPPORTED',
      `an image of ${image.width} x ${image.height} pixels is too narrow to be cut to fit the model`,
    );
  }
  return { tensor: packPixels(await image.resize(place.width, place.height), place, frame), place };
}

/** A part of an image to look at: an observation of an earlier stage, with its index. */
export interface Region {
  readonly of: number;
  readonly box: Box;
  readonly score: number;
}

/** Throws CONFIG_INVALID for observations without a place. `margin` is the share of a box by which it grows on each side. */
export function regionsOf(each: readonly Observation[], margin: number): Region[] {
  return each.map(({ box, quad, score }, of) => {
    const place = box ?? (quad === undefined ? undefined : quadBox(quad));
    if (place === undefined) {
      throw new ShoalError(
        'CONFIG_INVALID',
        `observation ${of} of the stage named by "each" has neither box nor quad; use a stage that finds places, such as detect-faces`,
      );
    }
    const [dx, dy] = [(place.x_max - place.x_min) * margin, (place.y_max - place.y_min) * margin];
    return { of, score, box: { x_min: place.x_min - dx, y_min: place.y_min - dy, x_max: place.x_max + dx, y_max: place.y_max + dy } };
  });
}

/** A region as a tensor for the frame; beyond the image its border repeats. `pixels` is the whole image. */
export function regionTensor(pixels: Pixels, region: Region, frame: Frame, how: Framing): Tensor {
  const scaled = boxQuad(region.box).flatMap(([x, y]) => [x * pixels.width, y * pixels.height]);
  const [left = 0, top = 0, , , right = 0, bottom = 0] = scaled;
  const size = { width: Math.max(1, right - left), height: Math.max(1, bottom - top) };
  const place = placeIn(frame, size, how);
  // What is cut is never made: only the part of the region that the frame shows.
  const shown = { width: Math.min(place.width, frame.width), height: Math.min(place.height, frame.height) };
  const x = (at: number) => left + (at / place.width) * size.width;
  const y = (at: number) => top + (at / place.height) * size.height;
  const [x0, y0] = [x(Math.max(0, -place.x)), y(Math.max(0, -place.y))];
  const [x1, y1] = [x(Math.max(0, -place.x) + shown.width), y(Math.max(0, -place.y) + shown.height)];
  const cut = cropBytes(pixels, [x0, y0, x1, y0, x1, y1, x0, y1], shown);
  return packPixels(cut, { x: Math.max(0, place.x), y: Math.max(0, place.y) }, frame);
}

function cropBytes(image: Pixels, corners: readonly number[], { width, height }: Size): Pixels {
  const planeSize = width * height;
  const planes = new Float32Array(3 * planeSize);
  cropQuad(image, corners, { width, height }, { mean: 0, std: 1 / 255 }, { data: planes, offset: 0, planeSize, rowSize: width });
  const data = new Uint8Array(3 * planeSize);
  for (let i = 0; i < planeSize; i++) {
    for (let channel = 0; channel < 3; channel++) data[3 * i + channel] = Math.round(planes[(2 - channel) * planeSize + i] ?? 0);
  }
  return { width, height, channels: 3, data };
}
