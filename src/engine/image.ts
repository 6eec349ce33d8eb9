/**
 * Image decoding: the only door to sharp.
 *
 * Guarantees: only JPEG, PNG, WebP and TIFF are decoded, within the pixel, side and time limits, strictly (a truncated
 * file is an error, not a grey half), and turned upright by EXIF. The first page of a TIFF, the first frame of a WebP.
 * Pixels are 8-bit sRGB whatever the file holds (grey, palette, 16 bits, CMYK); what is transparent lies on white. The pixel
 * limit is held against the header, before any memory is taken. A part of an image is a view of its pixels: it copies none until it is
 * asked for them, and to resize it reads only its own.
 */

import sharp from 'sharp';
import { reasonOf, ShoalError } from '../core/errors.js';
import type { Polygon } from '../core/keep.js';
import { limits } from '../core/limits.js';
import type { Area, ImagePort, Pixels } from '../core/task.js';
import { blacken } from './redact.js';

sharp.cache(false);
sharp.concurrency(1);
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadWebp', 'VipsForeignLoadTiff'],
});

/**
 * Opens and fully decodes an image given as encoded bytes (not kept); what the mask covers is black before anything sees it.
 * Throws CAPTURE_DECODE or CAPTURE_TOO_LARGE.
 */
export async function openImage(encoded: Uint8Array, mask: readonly Polygon[] = []): Promise<ImagePort> {
  const options = { failOn: 'error', limitInputPixels: limits.imagePixelsMax, sequentialRead: true } as const;
  try {
    const { data, info } = await sharp(encoded, options)
      .rotate()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .removeAlpha()
      .timeout({ seconds: limits.imageDecodeMs / 1000 })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const pixels = checked(data, info.width, info.height, info.channels);
    blacken(pixels, mask);
    return new DecodedImage(pixels);
  } catch (cause) {
    if (cause instanceof ShoalError) throw cause;
    const reason = reasonOf(cause);
    if (/pixel limit/i.test(reason)) {
      throw new ShoalError('CAPTURE_TOO_LARGE', `the image has more than ${limits.imagePixelsMax / 1e6} million pixels`, { cause });
    }
    throw new ShoalError('CAPTURE_DECODE', `the image cannot be decoded: ${reason}`, { cause });
  }
}

/** Pixels as an image; they must not change while it is used. */
export function imageOf(pixels: Pixels): ImagePort {
  return new DecodedImage(pixels);
}

/** A JPEG without metadata of at most `bytesMax`: coarser first, then smaller. Throws CAPTURE_TOO_LARGE where nothing of it fits. */
export async function encodeJpeg({ width, height, channels, data }: Pixels, bytesMax: number): Promise<Uint8Array> {
  for (let scale = 1; Math.max(width, height) * scale >= 32; scale *= 0.75) {
    for (const quality of [85, 75, 65, 50]) {
      const picture = sharp(data, { raw: { width, height, channels } });
      const sized = scale === 1 ? picture : picture.resize(Math.max(1, Math.round(width * scale)));
      const encoded = await sized.jpeg({ quality }).toBuffer();
      if (encoded.length <= bytesMax) return new Uint8Array(encoded);
    }
  }
  throw new ShoalError('CAPTURE_TOO_LARGE', `no picture of it has less than ${bytesMax} bytes`);
}

function checked(data: Buffer, width: number, height: number, channels: number): Pixels {
  if (Math.max(width, height) > limits.imageSideMax) {
    throw new ShoalError('CAPTURE_TOO_LARGE', `the image is ${width} x ${height} pixels, the limit is ${limits.imageSideMax} a side`);
  }
  if (channels !== 3) throw new ShoalError('CAPTURE_DECODE', `the image decodes to ${channels} channels, expected red, green and blue`);
  return { width, height, channels: 3, data };
}

class DecodedImage implements ImagePort {
  readonly #whole: Pixels;
  readonly #area: Area;
  #own: Pixels | null;

  /** Without an area, all of it. */
  constructor(whole: Pixels, area?: Area) {
    this.#whole = whole;
    this.#area = area ?? { left: 0, top: 0, width: whole.width, height: whole.height };
    this.#own = area === undefined ? whole : null;
  }

  get width(): number {
    return this.#area.width;
  }

  get height(): number {
    return this.#area.height;
  }

  async pixels(): Promise<Pixels> {
    this.#own ??= copied(this.#whole, this.#area);
    return this.#own;
  }

  async resize(width: number, height: number, kernel: 'linear' | 'cubic' = 'linear'): Promise<Pixels> {
    if (width === this.width && height === this.height) return copied(this.#whole, this.#area);
    const whole = this.#whole;
    const { data } = await sharp(whole.data, { raw: { width: whole.width, height: whole.height, channels: 3 } })
      .extract(this.#area)
      .resize(width, height, { fit: 'fill', kernel, fastShrinkOnLoad: false })
      .raw()
      .toBuffer({ resolveWithObject: true });
    // A plain array: a Buffer's slice is no copy.
    return { width, height, channels: 3, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
  }

  part({ left, top, width, height }: Area): ImagePort {
    const inside = left >= 0 && top >= 0 && width >= 1 && height >= 1 && left + width <= this.width && top + height <= this.height;
    if (!inside || ![left, top, width, height].every(Number.isInteger)) {
      const asked = `${width} x ${height} at ${left}, ${top}`;
      throw new ShoalError('SHOAL_INTERNAL', `an image of ${this.width} x ${this.height} pixels has no part of ${asked}`);
    }
    return new DecodedImage(this.#whole, { left: this.#area.left + left, top: this.#area.top + top, width, height });
  }
}

function copied(whole: Pixels, { left, top, width, height }: Area): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * whole.width + left) * 3;
    data.set(whole.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { width, height, channels: 3, data };
}
