/**
 * Encoded bytes as a task reads them.
 *
 * Guarantees: the one place where a form is decoded; the decoders of a form are loaded when the first capture of it comes, so an engine that
 * only sees sensors never holds the picture library.
 */
import type { Form, Reads } from '../core/form.js';
import type { Polygon } from '../core/keep.js';
import { limits } from '../core/limits.js';
import { sniff } from '../core/sniff.js';
import type { AudioPort } from '../core/task.js';
import { bytesContent } from './content.js';
import { openSeries } from './series.js';
import type { Decoded } from './stage.js';
import { openText } from './text.js';

type Opened = Pick<Decoded, Form>;

export const nothingOpened: Opened = { image: null, audio: null, series: null, text: null };

/** `mask` is hidden in an image. Throws CAPTURE_DECODE, CAPTURE_TOO_LARGE, or CAPTURE_UNSUPPORTED where a program that it needs is not installed. */
export async function openForm(form: Form, bytes: Uint8Array, mediaType: string, mask: readonly Polygon[] = []): Promise<Opened> {
  switch (form) {
    case 'image':
      return { ...nothingOpened, image: await (await import('./image.js')).openImage(bytes, mask) };
    case 'audio':
      return { ...nothingOpened, audio: await openSound(bytes, mediaType) };
    case 'series':
      return { ...nothingOpened, series: openSeries(bytes, mediaType) };
    case 'text':
      return { ...nothingOpened, text: openText(bytes) };
  }
}

async function openSound(bytes: Uint8Array, mediaType: string): Promise<AudioPort> {
  const { compressedFormat, openCompressed } = await import('./compressed-audio.js');
  const format = compressedFormat(mediaType);
  return format === null ? (await import('./audio.js')).openAudio(bytes) : openCompressed(bytes, format);
}

/** A capture that nobody has looked at yet, for a task that reads such a thing. Throws CAPTURE_DECODE or CAPTURE_TOO_LARGE. */
export async function openFor(reads: Reads, bytes: Uint8Array): Promise<Decoded> {
  const opened = reads === 'file' ? nothingOpened : await openForm(reads, bytes, sniff(bytes.subarray(0, limits.sniffBytes)).mediaType);
  return { ...opened, file: bytesContent(bytes) };
}
