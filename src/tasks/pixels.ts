/**
 * Pixels as a model wants them: which channels in which order, laid out how, scaled to what. A card says it as data, under `pixels`.
 *
 * A byte becomes `(byte * scale - mean) / std`; for an input of bytes (uint8, int8) the nearest that it holds. What lies outside the image is
 * the byte `pad`. Pure. The size of a picture is that of the model's input and nowhere said a second time.
 */
import { z } from 'zod';
import type { Pixels } from '../core/contracts.js';
import type { ModelFacts } from '../core/model.js';
import type { Tensor, TensorData } from '../core/tensor.js';
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
  readonly dtype: 'float32' | 'uint8' | 'int8';
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
}

const dtypes = ['float32', 'uint8', 'int8'] as const;
const sideMax = 4096;

/** Throws MODEL_INVALID unless the model has one input that holds one picture of this format. */
export function frameOf(model: ModelFacts, format: PixelFormat): Frame {
  const count = channelCount(format);
  const [input, ...more] = model.inputs;
  const [batch, ...rest] = input?.shape ?? [];
  const [height, width, channels] = format.layout === 'nhwc' ? rest : [rest[1], rest[2], rest[0]];
  const dtype = dtypes.find((name) => name === input?.dtype);
  const side = (size: unknown): size is number => typeof size === 'number' && size <= sideMax;
  const one = batch === 1 || typeof batch === 'string';
  if (input && more.length === 0 && dtype && input.shape.length === 4 && one && channels === count && side(width) && side(height)) {
    return { name: input.name, dtype, width, height, format };
  }
  const shape = format.layout === 'nhwc' ? `1,height,width,${count}` : `1,${count},height,width`;
  const found = model.inputs.map((each) => `${each.dtype}[${each.shape.join(',')}]`).join(', ');
  throw unfit(
    model,
    `its inputs are ${found || 'none'}, its pixels (${format.layout}, ${format.channels}) need one ${dtypes.join(' or ')}[${shape}] ` +
      `with fixed sides of at most ${sideMax}`,
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
  const data = emptyData(frame.dtype, width * height * count);
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

function emptyData(dtype: Frame['dtype'], length: number): Exclude<TensorData, BigInt64Array> {
  return dtype === 'float32' ? new Float32Array(length) : dtype === 'uint8' ? new Uint8Array(length) : new Int8Array(length);
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
function valueTable({ dtype, format }: Frame, channel: number): Float64Array {
  const of = (value: number | readonly number[]) => (typeof value === 'number' ? value : (value[channel] ?? 0));
  const [mean, std] = [of(format.mean), of(format.std)];
  const [least, most] = dtype === 'uint8' ? [0, 255] : [-128, 127];
  return Float64Array.from({ length: 256 }, (_, byte) => {
    const value = (byte * format.scale - mean) / std;
    return dtype === 'float32' ? value : Math.min(most, Math.max(least, Math.round(value)));
  });
}
