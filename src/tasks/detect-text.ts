/**
 * detect-text: where text lines are, as rotated boxes with a score, in reading order.
 *
 * With `each`, only the places of an earlier stage's observations and a little around them are looked at, at the scale of the whole image:
 * what is told shares something with one of them, `of`. A text that goes on much further is cut off.
 * Guarantees: memory and time are bounded by `max_side_px`, whatever the image, its places and whatever the model says of it; at most
 * `max_candidates` boxes of each part. A model that takes bytes is fed the pixels as they are. Deliberately reads nothing and knows no columns or paragraphs.
 *
 * Source: PaddleOCR, configs/det/ch_PP-OCRv4/ch_PP-OCRv4_det_student.yml and tools/infer/predict_det.py: DetResizeForTest
 * (limit_type max, limit_side_len 960, sides rounded to multiples of 32), NormalizeImage on channels in the order
 * B, G, R as OpenCV decodes them, DBPostProcess (thresh 0.3, box_thresh 0.6, unclip_ratio 1.5, max_candidates 1000).
 * Departure: shrinking averages instead of sampling, so that thin strokes survive.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type ModelFacts, modelRef } from '../core/model.js';
import type { Box, Observation, Quad } from '../core/result.js';
import type { ImagePort, Pixels, Task, TaskInput } from '../core/task.js';
import { floats, type Tensor, type TensorSpec } from '../core/tensor.js';
import type { PixelNormalisation } from '../core/workbench.js';
import { regionsOf } from './framing.js';
import { onlyTensor, readParams } from './model-params.js';
import { readingOrder } from './reading-order.js';
import { type TextBox, textBoxes } from './text-boxes.js';
import { quadBox, requireImage } from './text-lines.js';
import { placeOf, type Size, shownBy, textWindows } from './text-windows.js';
import { unmatchedBoxes } from './unmatched-boxes.js';

const options = z.strictObject({
  max_side_px: z
    .int()
    .min(32)
    .max(4096)
    .default(960)
    .describe(
      'Longest side of the image as the model sees it, in pixels; larger images are shrunk, smaller ones are not enlarged. Cost and memory grow with its square; raise it where small text on large scans is missed',
    ),
  pixel_score: z.number().min(0).max(1).default(0.3).describe('A pixel counts as text above this probability, 0..1'),
  min_score: z.number().min(0).max(1).default(0.6).describe('A box is kept from this mean probability inside it, 0..1'),
  unclip_ratio: z
    .number()
    .min(0)
    .max(5)
    .default(1.5)
    .describe('How far a box grows around what the model marked: area x ratio / perimeter'),
  max_candidates: z.int().min(1).max(limits.observationsMax).default(1000).describe('Regions looked at, at most'),
});

export type DetectTextOptions = z.infer<typeof options>;

const params = z.strictObject({
  /** Sides are rounded to multiples of this, pixels. */
  multiple: z.int().min(1).max(128),
  channel_order: z.literal('bgr'),
  /** Of bytes / 255, in channel order. */
  mean: z.tuple([z.number(), z.number(), z.number()]),
  std: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]),
});

type Params = z.infer<typeof params>;

export const detectText: Task<DetectTextOptions> = {
  name: 'detect-text',
  summary: 'Finds text lines, in the whole image or in places found before: rotated boxes with a score, in reading order.',
  reads: 'image',
  takesEach: true,
  judgedWhole: true,
  options,
  metric: unmatchedBoxes,
  fit(model) {
    readParams(params, model);
    inputOf(model);
    onlyTensor(model, 'outputs', [1, 1, null, null]);
  },
  pixels(model) {
    const { channel_order, mean, std } = readParams(params, model);
    const { name, dtype, shape } = inputOf(model);
    if (dtype === 'uint8') return null;
    const [, , height = 'height', width = 'width'] = shape;
    return { input: { name, dtype: 'uint8', shape: [1, height, width, 3] }, channelOrder: channel_order, mean, std };
  },
  async run(input) {
    const image = requireImage(input.image);
    const settings = readParams(params, input.model);
    const size = fitSide(image, input.options.max_side_px, settings.multiple);
    if (input.each === null) {
      const boxes = await look(input, image, settings, size);
      return readingOrder(boxes.slice(0, limits.observationsMax).map((box) => observation(box, size)));
    }
    const places = regionsOf(input.each, 0).map(({ box }) => box);
    const found: Located[] = [];
    for (const window of textWindows(places, size, settings.multiple)) {
      for (const box of await look(input, image.part(shownBy(window, size, image)), settings, window)) {
        const line = observation(box, size, window);
        const of = placeOf(line.box, places);
        if (of !== null) found.push({ ...line, of });
      }
    }
    return readingOrder(found.slice(0, limits.observationsMax));
  },
};

/** The size the model sees: the longest side at most `maxSide`, both rounded to the next multiple (halves to even, as numpy), at least one. */
export function fitSide(image: Size, maxSide: number, multiple: number): Size {
  const scale = Math.min(1, maxSide / Math.max(image.width, image.height));
  const round = (side: number): number => Math.max(multiple, roundEven(Math.trunc(side * scale) / multiple) * multiple);
  return { width: round(image.width), height: round(image.height) };
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

async function look(input: TaskInput<DetectTextOptions>, image: ImagePort, settings: Params, size: Size): Promise<TextBox[]> {
  const spec = inputOf(input.model);
  const tensor = await input.measure('preprocess', async () => feed(spec, await image.resize(size.width, size.height), settings));
  const map = floats(await input.infer({ [spec.name]: tensor }), onlyTensor(input.model, 'outputs', [1, 1, null, null]).name);
  if (map.length !== size.width * size.height) {
    throw new ShoalError(
      'MODEL_TENSOR',
      `model ${modelRef(input.model)}: its map has ${map.length} pixels for an image of ${size.width} x ${size.height}; this task needs one a pixel`,
    );
  }
  return input.measure('postprocess', () => textBoxes(map, size.width, size.height, input.options));
}

/** Planes that are normalised here, or rows of RGB bytes that the model normalises itself. */
function inputOf(model: ModelFacts): TensorSpec {
  const inBytes = model.inputs[0]?.dtype === 'uint8';
  return inBytes ? onlyTensor(model, 'inputs', [1, null, null, 3], 'uint8') : onlyTensor(model, 'inputs', [1, 3, null, null]);
}

function feed({ dtype }: TensorSpec, pixels: Pixels, settings: Params): Tensor {
  const { width, height, data } = pixels;
  if (dtype === 'uint8') return { dtype, shape: [1, height, width, 3], data };
  return { dtype: 'float32', shape: [1, 3, height, width], data: normalise(pixels, settings) };
}

/** RGB bytes to planes B, G, R of `(byte / 255 - mean) / std`. */
export function normalise(pixels: Pixels, { mean, std }: Pick<PixelNormalisation, 'mean' | 'std'>): Float32Array {
  const plane = pixels.width * pixels.height;
  const planes = new Float32Array(3 * plane);
  const table = new Float32Array(256);
  for (let channel = 0; channel < 3; channel++) {
    for (let byte = 0; byte < 256; byte++) table[byte] = (byte / 255 - (mean[channel] ?? 0)) / (std[channel] ?? 1);
    for (let i = 0, from = 2 - channel, to = channel * plane; i < plane; i++, from += 3, to++) {
      planes[to] = table[pixels.data[from] ?? 0] ?? 0;
    }
  }
  return planes;
}

type Located = Observation & { readonly box: Box };

/** `size` is that of the whole image as the model sees it, `window` where in it the part that was looked at begins. */
function observation(box: TextBox, size: Size, window = { x: 0, y: 0 }): Located {
  const at = (index: number, offset: number, side: number): number => Math.min(1, Math.max(0, ((box.corners[index] ?? 0) + offset) / side));
  const point = (corner: number): [number, number] => [at(corner * 2, window.x, size.width), at(corner * 2 + 1, window.y, size.height)];
  const quad: Quad = [point(0), point(1), point(2), point(3)];
  return { score: box.score, quad, box: quadBox(quad) };
}
