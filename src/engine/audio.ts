/**
 * Audio decoding: WAV to mono samples at the rate a task asks for. No dependency, no native code; what is compressed is ffmpeg's
 * (compressed-audio.ts).
 *
 * Channels are averaged; what is not a number becomes silence and what leaves -1 .. 1 is clipped. The encoded bytes are kept and read anew
 * for each rate, so that memory is bounded by the file and the samples asked for.
 */
import type { AudioPort } from '../core/task.js';
import { resample, type SampleReader } from './resample.js';
import { bytesPerSample, readWav, type SampleFormat, type WavLayout } from './wav.js';

/** Opens a WAV file given as bytes, which are kept and must not change. Throws CAPTURE_DECODE or CAPTURE_TOO_LARGE. */
export function openAudio(encoded: Uint8Array): AudioPort {
  return new WavAudio(encoded, readWav(encoded));
}

/** Mono samples -1..1 as a recording; they are kept and must not change. */
export function samplesAudio(samples: Float32Array, ownRateHz: number): AudioPort {
  const read: SampleReader = (from, target) => target.set(samples.subarray(from, from + target.length));
  return {
    durationS: samples.length / ownRateHz,
    rateHz: ownRateHz,
    samples: async (rateHz) => (rateHz === ownRateHz ? samples : resample(read, samples.length, ownRateHz, rateHz)),
  };
}

/** One sample at a byte offset, -1 .. 1. */
const readers: Readonly<Record<SampleFormat, (view: DataView, at: number) => number>> = {
  u8: (view, at) => (view.getUint8(at) - 128) / 128,
  s16: (view, at) => view.getInt16(at, true) / 0x8000,
  s24: (view, at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 0x80_0000,
  s32: (view, at) => view.getInt32(at, true) / 0x8000_0000,
  f32: (view, at) => view.getFloat32(at, true),
};

class WavAudio implements AudioPort {
  readonly #view: DataView;
  readonly #wav: WavLayout;
  #memo: { rateHz: number; samples: Float32Array } | null = null;

  constructor(encoded: Uint8Array, wav: WavLayout) {
    this.#view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
    this.#wav = wav;
  }

  get durationS(): number {
    return this.#wav.frames / this.#wav.rateHz;
  }

  get rateHz(): number {
    return this.#wav.rateHz;
  }

  async samples(rateHz: number): Promise<Float32Array> {
    if (this.#memo?.rateHz !== rateHz) {
      this.#memo = { rateHz, samples: resample(monoReader(this.#view, this.#wav), this.#wav.frames, this.#wav.rateHz, rateHz) };
    }
    return this.#memo.samples;
  }
}

/** The mean of all channels, -1 .. 1, by frame. */
export function monoReader(
  view: DataView,
  { format, channels, dataOffset }: Pick<WavLayout, 'format' | 'channels' | 'dataOffset'>,
): SampleReader {
  const read = readers[format];
  const step = bytesPerSample[format];
  return (from, target) => {
    let at = dataOffset + from * channels * step;
    for (let i = 0; i < target.length; i++) {
      let sum = 0;
      for (let channel = 0; channel < channels; channel++, at += step) sum += read(view, at);
      const mean = sum / channels;
      target[i] = mean >= -1 ? Math.min(1, mean) : mean < -1 ? -1 : 0;
    }
  };
}
