/**
 * The WAV container: where the samples are and how they are written. Reads headers only; trusts no size in them.
 *
 * Understands RIFF/WAVE with PCM of 8, 16, 24 or 32 bits and 32-bit float, plain or WAVE_FORMAT_EXTENSIBLE. A data chunk that
 * claims more than the file holds, or nothing in a file whose sizes were never filled in, ends with the file: recorders
 * that were cut off leave such files. Throws CAPTURE_DECODE naming what was found, CAPTURE_TOO_LARGE beyond the limits.
 */
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';

export type SampleFormat = 'u8' | 's16' | 's24' | 's32' | 'f32';

export interface WavLayout {
  readonly format: SampleFormat;
  readonly channels: number;
  readonly rateHz: number;
  /** Bytes from the start of the file. */
  readonly dataOffset: number;
  /** Whole frames, one sample of each channel. */
  readonly frames: number;
}

export const bytesPerSample: Readonly<Record<SampleFormat, number>> = { u8: 1, s16: 2, s24: 3, s32: 4, f32: 4 };

const formatPcm = 1;
const formatFloat = 3;
const formatExtensible = 0xfffe;
/** What follows the two bytes of the real format in an extensible header's GUID. */
const guidTail = '000000001000800000aa00389b71';
const codecNames: Readonly<Record<number, string>> = {
  2: 'Microsoft ADPCM',
  6: 'A-law',
  7: 'mu-law',
  17: 'IMA ADPCM',
  49: 'GSM 6.10',
  85: 'MP3',
  255: 'AAC',
};
/** Sizes that writers leave behind who could not know them. */
const unfilled = (size: number) => size === 0 || size >= 0xffff_ff00;

function damaged(message: string): ShoalError {
  return new ShoalError('CAPTURE_DECODE', `the WAV file cannot be decoded: ${message}`);
}

export function readWav(file: Uint8Array): WavLayout {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = text(file, 0);
  if (magic === 'RIFX' || magic === 'RF64') throw damaged(`it is ${magic}, only RIFF is supported`);
  if (magic !== 'RIFF' || text(file, 8) !== 'WAVE') throw damaged('it does not begin with RIFF and WAVE');
  const riffSize = view.getUint32(4, true);
  let format: Omit<WavLayout, 'dataOffset' | 'frames'> | null = null;
  let at = 12;
  for (let chunks = 0; at + 8 <= file.length; chunks++) {
    if (chunks >= limits.wavChunksMax) throw damaged(`it has more than ${limits.wavChunksMax} chunks`);
    const name = text(file, at);
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    if (name === 'fmt ') {
      if (size < 16 || body + size > file.length)
        throw damaged(`its format chunk has ${Math.min(size, file.length - body)} bytes, 16 are needed`);
      format = readFormat(view, body, size);
    } else if (name === 'data') {
      if (format === null) throw damaged('its data come before its format');
      return withData(format, body, size === 0 && unfilled(riffSize) ? Number.POSITIVE_INFINITY : size, file.length);
    }
    at = body + size + (size % 2);
  }
  throw damaged(format === null ? 'it has no format chunk' : 'it has no data chunk');
}

function withData(format: Omit<WavLayout, 'dataOffset' | 'frames'>, offset: number, size: number, fileBytes: number): WavLayout {
  const bytes = Math.min(size, fileBytes - offset);
  const frames = Math.floor(bytes / (format.channels * bytesPerSample[format.format]));
  if (frames === 0) throw damaged('it holds no samples');
  if (frames / format.rateHz > limits.audioSecondsMax) {
    const seconds = Math.round(frames / format.rateHz);
    throw new ShoalError('CAPTURE_TOO_LARGE', `the recording is ${seconds} s long, the limit is ${limits.audioSecondsMax} s: cut it`);
  }
  return { ...format, dataOffset: offset, frames };
}

function readFormat(view: DataView, at: number, size: number): Omit<WavLayout, 'dataOffset' | 'frames'> {
  let tag = view.getUint16(at, true);
  const channels = view.getUint16(at + 2, true);
  const rateHz = view.getUint32(at + 4, true);
  const frameBytes = view.getUint16(at + 12, true);
  const bits = view.getUint16(at + 14, true);
  if (tag === formatExtensible) {
    if (size < 40) throw damaged(`its extensible format chunk has ${size} bytes, 40 are needed`);
    const guid = Buffer.from(view.buffer, view.byteOffset + at + 26, 14).toString('hex');
    if (guid !== guidTail) throw damaged('its extensible format is of an unknown family');
    tag = view.getUint16(at + 24, true);
  }
  const format = sampleFormat(tag, bits);
  if (channels < 1 || channels > limits.audioChannelsMax)
    throw damaged(`it has ${channels} channels, 1 .. ${limits.audioChannelsMax} are supported`);
  if (rateHz < limits.audioRateHzMin || rateHz > limits.audioRateHzMax) {
    throw damaged(`its rate is ${rateHz} Hz, ${limits.audioRateHzMin} .. ${limits.audioRateHzMax} are supported`);
  }
  if (frameBytes !== channels * bytesPerSample[format]) {
    throw damaged(`its frames are said to have ${frameBytes} bytes, ${channels} x ${bits} bits are ${channels * bytesPerSample[format]}`);
  }
  return { format, channels, rateHz };
}

function sampleFormat(tag: number, bits: number): SampleFormat {
  if (tag === formatPcm && bits === 8) return 'u8';
  if (tag === formatPcm && bits === 16) return 's16';
  if (tag === formatPcm && bits === 24) return 's24';
  if (tag === formatPcm && bits === 32) return 's32';
  if (tag === formatFloat && bits === 32) return 'f32';
  const codec = tag === formatPcm ? 'PCM' : tag === formatFloat ? 'float' : (codecNames[tag] ?? `format ${tag}`);
  throw damaged(`its samples are ${codec} of ${bits} bits; PCM of 8, 16, 24 or 32 bits and float of 32 bits are supported`);
}

function text(file: Uint8Array, at: number): string {
  return String.fromCharCode(...file.subarray(at, at + 4));
}
