/**
 * Pixels as a model wants them: which channels in which order, laid out how, scaled to what. A card says it as data, under `pixels`.
 *
 * A byte becomes `(byte * scale - mean) / std`. An input of bytes (uint8) takes rows of RGB as they are, whatever the card says of the float one:
 * such a variant normalises them itself. What lies outside the image is the byte `pad`. Pure. The size of a picture is that of the model's input and nowhere said a second time.
 */
import { z } from 'zod';
import type { ModelFacts } from '../core/model.js';
import type { Pixels } from '../core/task.js';
import type { Tensor } from '../core/tensor.js';
import type { PixelNormalisation } from '../core/workbench.js';
import { unfit } from './model-params.js';

const perChannel = z.union([z.number(), z.array(z.number()).length(3)]);
const positive = z.number().positive();

export const pixelFormat = z.strictObject({
  layout: z.enum(['nchw', 'nhwc']),
  channels: z.enum(['rgb', 'bgr', 'grey']),
  scale: positive.default(1),
  /** One number, or one a channel in the order of `channels`. */
  mean: perChannel.default(0),
  std: z.union([positive, z.array(positive).length(3)]).default(1),
  /** The byte around an image that does not fill the input. */
  pad: z.int().min(0).max(255).default(0),
});

export type PixelFormat = z.infer<typeof pixelFormat>;

/** The one input of a model that takes pictures. */
export interface Frame {
  readonly name: string;
  readonly dtype: 'float32' | 'uint8';
  readonly width: number;
  readonly height: number;
  /** How it is filled. */
  readonly format: PixelFormat;
}

const sideMax = 4096;

/** The format of an input that takes bytes. */
export function asBytes({ pad }: Pick<PixelFormat, 'pad'>): PixelFormat {
  return { layout: 'nhwc', channels: 'rgb', scale: 1, mean: 0, std: 1, pad };
}

/** The same as the compiler puts it into a graph: of `byte / 255`. Null for bytes, and for grey, which a graph does not make of colours. */
export function normalisationOf({ name, dtype, width, height, format }: Frame): PixelNormalisation | null {
  if (dtype === 'uint8' || format.channels === 'grey') return null;
  const three = (value: number | readonly number[], i: number): number => (typeof value === 'number' ? value : (value[i] ?? 0));
  const of = (value: number | readonly number[]): [number, number, number] =>
    [0, 1, 2].map((i) => three(value, i) / (255 * format.scale)) as [number, number, number];
  const input = { name, dtype: 'uint8', shape: [1, height, width, 3] } as const;
  return { input, channelOrder: format.channels, mean: of(format.mean), std: of(format.std) };
}

/** Throws MODEL_INVALID unless the model has one input that holds one picture of this format, or of bytes. */
export function frameOf(model: ModelFacts, given: PixelFormat): Frame {
  const [input, ...more] = model.inputs;
  const dtype = input?.dtype === 'uint8' ? 'uint8' : 'float32';
  const format = dtype === 'uint8' ? asBytes(given) : given;
  const [batch, ...rest] = input?.shape ?? [];
  const [height, width, channels] = format.layout === 'nhwc' ? rest : [rest[1], rest[2], rest[0]];
  const side = (size: unknown): size is number => typeof size === 'number' && size <= sideMax;
  const one = batch === 1 || typeof batch === 'string';
  const whole = more.length === 0 && input?.dtype === dtype && input.shape.length === 4 && one && channels === channelCount(format);
  if (whole && side(width) && side(height)) return { name: input.name, dtype, width, height, format };
  const shape = given.layout === 'nhwc' ? `1,height,width,${channelCount(given)}` : `1,${channelCount(given)},height,width`;
  const found = model.inputs.map((each) => `${each.dtype}[${each.shape.join(',')}]`).join(', ');
  throw unfit(
    model,
    `its inputs are ${found || 'none'}, its pixels (${given.layout}, ${given.channels}) need one float32[${shape}], or uint8[1,height,width,3] ` +
      `for bytes as they are, with fixed sides of at most ${sideMax}`,
  );
}

function channelCount({ channels }: PixelFormat): 1 | 3 {
  return channels === 'grey' ? 1 : 3;
}

/** The input tensor: `image` (RGB) with its top left corner at `at` of the frame, which may lie outside; the rest is padding. */
export function packPixels(image: Pixels, at: { readonly x: number; readonly y: number }, frame: Frame): Tensor {
  const { width, height, format } = frame;
  const count = channelCount(format);
  const tables = Array.from({ length: count }, (_, channel) => valueTable(frame, channel));
  const data = frame.dtype === 'uint8' ? new Uint8Array(width * height * count) : new Float32Array(width * height * count);
  const [pixelStep, channelStep] = format.layout === 'nhwc' ? [count, 1] : [1, width * height];
  const from = { x: Math.max(0, at.x), y: Math.max(0, at.y) };
  const to = { x: Math.min(width, at.x + image.width), y: Math.min(height, at.y + image.height) };
  const covered = from.x === 0 && from.y === 0 && to.x === width && to.y === height;
  for (const [channel, table] of tables.entries()) {
    if (!covered) fillChannel(data, channel * channelStep, pixelStep, width * height, table[format.pad] ?? 0);
    const byteAt = reader(image, format, channel);
    for (let y = from.y; y < to.y; y++) {
      let target = (y * width + from.x) * pixelStep + channel * channelStep;
      let source = ((y - at.y) * image.width + (from.x - at.x)) * 3;
      for (let x = from.x; x < to.x; x++, source += 3, target += pixelStep) data[target] = table[byteAt(source)] ?? 0;
    }
  }
  const shape = format.layout === 'nhwc' ? [1, height, width, count] : [1, count, height, width];
  return { dtype: frame.dtype, shape, data };
}

function fillChannel(data: { [index: number]: number }, first: number, step: number, count: number, value: number): void {
  for (let i = 0, at = first; i < count; i++, at += step) data[at] = value;
}

/** The byte of a channel of the model at an offset of an RGB pixel; grey by the weights of ITU-R BT.601. */
function reader({ data }: Pixels, { channels }: PixelFormat, channel: number): (at: number) => number {
  if (channels === 'grey') {
    return (at) => Math.round(0.299 * (data[at] ?? 0) + 0.587 * (data[at + 1] ?? 0) + 0.114 * (data[at + 2] ?? 0));
  }
  const offset = channels === 'rgb' ? channel : 2 - channel;
  return (at) => data[at + offset] ?? 0;
}

/** What each byte becomes. */
function valueTable({ format }: Frame, channel: number): Float64Array {
  const of = (value: number | readonly number[]) => (typeof value === 'number' ? value : (value[channel] ?? 0));
  const [mean, std] = [of(format.mean), of(format.std)];
  return Float64Array.from({ length: 256 }, (_, byte) => (byte * format.scale - mean) / std);
}
