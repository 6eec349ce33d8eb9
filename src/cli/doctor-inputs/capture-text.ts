/**
 * What one capture is, in a line for a person: kind, size, rate, channels, first values. Reads headers and our own windows; decodes no image.
 */
import type { Capture } from '../../core/capture.js';
import { reasonOf } from '../../core/errors.js';
import { seriesMediaType } from '../../core/form.js';
import { decodeSeries } from '../../core/series.js';
import { sniff } from '../../core/sniff.js';
import { readWav } from '../../engine/wav.js';
import { printable } from '../printable.js';

/** Channels that are told with their values. */
const told = 6;

export function captureText({ header, content }: Capture): string {
  if (!('bytes' in content)) return `${header.mediaType}, ${size(header.bytes)}`;
  const { bytes } = content;
  try {
    if (header.mediaType === seriesMediaType) return seriesText(bytes);
    if (header.mediaType === 'audio/wav') return soundText(bytes);
  } catch (error) {
    return `${header.mediaType} that cannot be read: ${reasonOf(error)}`;
  }
  if (header.kind === 'text') return `a text: "${printable(Buffer.from(bytes.subarray(0, 80)).toString('utf8'))}"`;
  return `${sniff(bytes).what}, ${size(bytes.length)}, "${printable(header.name)}"`;
}

function seriesText(bytes: Uint8Array): string {
  const { channels, rateHz, length, data } = decodeSeries(bytes);
  const rate = rateHz === null ? '' : ` at ${rateHz} Hz`;
  const values = channels.slice(0, told).map((name, i) => `${printable(name)} ${Number((data[i * length] ?? 0).toPrecision(5))}`);
  const more = channels.length > told ? `, and ${channels.length - told} more` : '';
  return `a window of ${length} ${length === 1 ? 'sample' : 'samples'}${rate}, beginning with ${values.join(', ')}${more}`;
}

function soundText(bytes: Uint8Array): string {
  const { channels, rateHz, frames } = readWav(bytes);
  return `${(frames / rateHz).toFixed(2)} s of sound, ${channels} ${channels === 1 ? 'channel' : 'channels'} at ${rateHz} Hz`;
}

function size(bytes: number): string {
  return bytes < 10_000 ? `${bytes} bytes` : `${Math.round(bytes / 1000)} KB`;
}
