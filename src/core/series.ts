/**
 * A series: a window of a signal, or a recording of one, and its bytes as a capture (media type `application/vnd.shoal.series`).
 *
 * Guarantees: what `decodeSeries` answers is complete and finite. The bytes are one of our own inputs' or a file somebody wrote: nothing in
 * them is believed. Layout: the magic `SHSERIES`, a little-endian uint32 with the length of a UTF-8 JSON head, the head, then float32
 * little-endian, channel after channel. Deliberately no compression: a window is a few kilobytes.
 */
import { endianness } from 'node:os';
import { ShoalError } from './errors.js';
import { limits } from './limits.js';

export interface Series {
  /** Names, in the order of the data; 1 .. `limits.seriesChannelsMax`, each of up to 64 printable characters. */
  readonly channels: readonly string[];
  /** Samples a second of each channel; null where they did not come at a fixed rate. */
  readonly rateHz: number | null;
  /** Samples of each channel, at least 1. */
  readonly length: number;
  /** channels x length, channel after channel: sample `i` of channel `c` is at `c * length + i`. Finite. Not to be written into. */
  readonly data: Float32Array;
  /** When the first sample was taken, ms since 1970 by whoever measured; null where nobody says. */
  readonly startMs: number | null;
  /** Samples (of all channels) that were not measured but filled in from their neighbours. */
  readonly filled: number;
}

export const seriesMagic = 'SHSERIES';

const headAt = seriesMagic.length + 4;

/** The samples of one channel: a view, not a copy. */
export function channelOf({ data, length }: Pick<Series, 'data' | 'length'>, channel: number): Float32Array {
  return data.subarray(channel * length, (channel + 1) * length);
}

/** The bytes of a series, which the caller owns. */
export function encodeSeries({ channels, rateHz, length, data, startMs, filled }: Series): Uint8Array {
  const head = Buffer.from(JSON.stringify({ channels, rate_hz: rateHz, length, start_ms: startMs, filled }));
  const bytes = Buffer.allocUnsafe(headAt + head.length + data.length * 4);
  bytes.write(seriesMagic, 0, 'latin1');
  bytes.writeUInt32LE(head.length, seriesMagic.length);
  head.copy(bytes, headAt);
  const body = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  body.copy(bytes, headAt + head.length);
  if (endianness() === 'BE') bytes.subarray(headAt + head.length).swap32();
  return bytes;
}

/** Throws CAPTURE_DECODE, saying what is wrong with them. */
export function decodeSeries(bytes: Uint8Array): Series {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < headAt || buffer.toString('latin1', 0, seriesMagic.length) !== seriesMagic) throw broken('it has no head');
  const headBytes = buffer.readUInt32LE(seriesMagic.length);
  if (headBytes > limits.seriesHeadBytesMax || headAt + headBytes > buffer.length) throw broken('its head is cut off');
  const { channels, rateHz, length, startMs, filled } = readHead(buffer.toString('utf8', headAt, headAt + headBytes));
  const body = buffer.subarray(headAt + headBytes);
  const values = channels.length * length;
  if (body.length !== values * 4) throw broken(`it has ${body.length} bytes of samples, ${channels.length} x ${length} need ${values * 4}`);
  const data = new Float32Array(values);
  for (let i = 0; i < values; i++) {
    const value = body.readFloatLE(i * 4);
    if (!Number.isFinite(value)) throw broken(`sample ${i % length} of ${channels[Math.floor(i / length)]} is no number`);
    data[i] = value;
  }
  return { channels, rateHz, length, data, startMs, filled };
}

function readHead(json: string): Omit<Series, 'data'> {
  let head: Record<string, unknown>;
  try {
    head = Object(JSON.parse(json)) as Record<string, unknown>;
  } catch {
    throw broken('its head is no JSON');
  }
  const { channels, rate_hz: rateHz, length, start_ms: startMs, filled } = head;
  if (!isChannels(channels)) throw broken(`channels must be 1 .. ${limits.seriesChannelsMax} different names`);
  if (rateHz !== null && !(isNumber(rateHz) && rateHz > 0)) throw broken('rate_hz must be a number above 0, or null');
  if (!isNumber(length) || !Number.isInteger(length) || length < 1) throw broken('length must be a whole number from 1 on');
  if (channels.length * length > limits.seriesValuesMax) throw broken(`it has more than ${limits.seriesValuesMax} samples`);
  if (startMs !== null && !isNumber(startMs)) throw broken('start_ms must be a number, or null');
  if (!isNumber(filled) || filled < 0) throw broken('filled must be a number from 0 on');
  return { channels, rateHz, length, startMs, filled };
}

function isChannels(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > limits.seriesChannelsMax) return false;
  return value.every((name) => typeof name === 'string' && name.length > 0 && name.length <= 64) && new Set(value).size === value.length;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function broken(what: string): ShoalError {
  return new ShoalError('CAPTURE_DECODE', `the series cannot be read: ${what}`);
}
