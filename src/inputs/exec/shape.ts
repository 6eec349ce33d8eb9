/** What sound and pixels a command writes: options that only `exec` has, and what they amount to in bytes. */
import { z } from 'zod';
import { limits } from '../../core/limits.js';
import { frameBytesOf, sampleFormats } from '../framing/pcm.js';
import type { StreamShape } from '../framing/stream.js';
import type { Mistake, StreamOptions } from '../framing/stream-options.js';
import { pixelLayouts } from '../framing/tiff.js';

const side = z.int().min(1).max(limits.imageSideMax);

export const shapeFields = {
  sample_format: z.enum(sampleFormats).default('s16le').describe('pcm: a sample, as ffmpeg calls it'),
  channels: z.int().min(1).max(limits.audioChannelsMax).default(1).describe('pcm: channels, interleaved'),
  width: side.optional().describe('pixels: of a picture (px)'),
  height: side.optional().describe('pixels: of a picture (px)'),
  pixels: z
    .enum(pixelLayouts)
    .default('rgb24')
    .describe('pixels: a pixel, as ffmpeg calls it: red, green and blue, or grey; row after row from the top'),
};

type ShapeOptions = z.output<z.ZodObject<typeof shapeFields>> & StreamOptions;

export function explainShape(options: ShapeOptions): Mistake | null {
  const { format, width, height, rate_hz: rateHz, window } = options;
  if (format === 'pixels') {
    if (width === undefined || height === undefined)
      return { path: [width === undefined ? 'width' : 'height'], message: 'is missing: raw pixels do not say how many they are' };
    if (width * height > limits.imagePixelsMax / 4)
      return { path: ['width'], message: `makes pictures above ${limits.imagePixelsMax / 4e6} million pixels` };
    return window === undefined ? null : { path: ['window'], message: 'goes with fields or pcm, not with pixels' };
  }
  if (width !== undefined || height !== undefined)
    return { path: [width === undefined ? 'height' : 'width'], message: `goes with format pixels, not ${format}` };
  if (format !== 'pcm') return null;
  if (rateHz === undefined || !Number.isInteger(rateHz) || rateHz < limits.audioRateHzMin || rateHz > limits.audioRateHzMax)
    return {
      path: ['rate_hz'],
      message: `need a whole number, ${limits.audioRateHzMin} .. ${limits.audioRateHzMax} (Hz), with format pcm: the rate of the sound`,
    };
  if (window?.length_ms === undefined)
    return { path: ['window'], message: 'need one with format pcm, as in { length_ms: 1000, hop_ms: 500 }' };
  const { length_ms: lengthMs, hop_ms: hopMs = lengthMs } = window;
  if (lengthMs > 60_000) return { path: ['window', 'length_ms'], message: 'need at most 60000 (ms) with format pcm' };
  return hopMs >= lengthMs / limits.windowOverlapMax ? null : { path: ['window', 'hop_ms'], message: 'is too small for the window' };
}

/** Of options in which there is no mistake. */
export function shapeOf(options: ShapeOptions): StreamShape {
  const check = 'check format, and what the command writes';
  const { format, sample_format: sampleFormat, channels, rate_hz: rateHz = 0, window, width = 0, height = 0, pixels } = options;
  if (format === 'pixels') return { check, picture: { width, height, layout: pixels } };
  if (format !== 'pcm') return { check };
  const layout = { format: sampleFormat, channels, rateHz };
  const { length_ms: lengthMs = 1000, hop_ms: hopMs = lengthMs } = window ?? {};
  const bytes = (ms: number) => Math.max(1, Math.round((ms * rateHz) / 1000)) * frameBytesOf(layout);
  return { check, sound: { layout, lengthBytes: bytes(lengthMs), hopBytes: bytes(hopMs) } };
}
