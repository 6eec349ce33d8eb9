/**
 * Raw samples of sound as windows, each a WAV file that an engine decodes.
 *
 * Guarantees: windows of `length` frames begin every `hop` frames; no frame is in none of them while `hop` <= `length`; holds one window in memory.
 * A frame is one sample of each channel, interleaved, little-endian.
 */
import type { Dropped, Framer } from './framer.js';

export const sampleFormats = ['u8', 's16le', 's24le', 's32le', 'f32le'] as const;
export type SampleFormat = (typeof sampleFormats)[number];

export interface PcmLayout {
  readonly format: SampleFormat;
  readonly channels: number;
  readonly rateHz: number;
}

const sampleBytes: Readonly<Record<SampleFormat, number>> = { u8: 1, s16le: 2, s24le: 3, s32le: 4, f32le: 4 };

export const frameBytesOf = ({ format, channels }: Pick<PcmLayout, 'format' | 'channels'>): number => sampleBytes[format] * channels;

/** Of a WAV file, before its samples. */
export const wavHeadBytes = 44;

/**
 * RIFF WAVE with PCM or IEEE float (Multimedia Programming Interface and Data Specifications 1.0), `samples` as they are; copied.
 */
export function wavOf(samples: Uint8Array, layout: PcmLayout): Buffer {
  const { format, channels, rateHz } = layout;
  const file = Buffer.alloc(wavHeadBytes + samples.length);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(file.length - 8, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(format === 'f32le' ? 3 : 1, 20);
  file.writeUInt16LE(channels, 22);
  file.writeUInt32LE(rateHz, 24);
  file.writeUInt32LE(rateHz * frameBytesOf(layout), 28);
  file.writeUInt16LE(frameBytesOf(layout), 32);
  file.writeUInt16LE(sampleBytes[format] * 8, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(samples.length, 40);
  file.set(samples, wavHeadBytes);
  return file;
}

/** Pieces of `length` bytes that begin every `hop` bytes. */
export class SlidingBytes implements Framer {
  readonly lost = false;
  readonly #piece: Buffer;
  readonly #hop: number;
  readonly #onDrop: (why: Dropped) => void;
  #filled = 0;
  /** Of what is filled, what was in the last piece too. */
  #kept = 0;
  /** Of a hop above the length. */
  #toSkip = 0;

  constructor(length: number, hop: number, onDrop: (why: Dropped) => void) {
    this.#piece = Buffer.alloc(length);
    this.#hop = hop;
    this.#onDrop = onDrop;
  }

  push(bytes: Uint8Array): Buffer[] {
    const pieces: Buffer[] = [];
    let rest = bytes;
    while (rest.length > 0) {
      const skipped = Math.min(this.#toSkip, rest.length);
      this.#toSkip -= skipped;
      const some = rest.subarray(skipped, skipped + this.#piece.length - this.#filled);
      this.#piece.set(some, this.#filled);
      this.#filled += some.length;
      rest = rest.subarray(skipped + some.length);
      if (this.#filled === this.#piece.length) pieces.push(this.#next());
    }
    return pieces;
  }

  reset(): void {
    if (this.#filled > this.#kept) this.#onDrop('incomplete');
    this.#filled = 0;
    this.#kept = 0;
    this.#toSkip = 0;
  }

  #next(): Buffer {
    const piece = Buffer.from(this.#piece);
    const kept = Math.max(0, this.#piece.length - this.#hop);
    this.#piece.copyWithin(0, this.#piece.length - kept);
    this.#filled = kept;
    this.#kept = kept;
    this.#toSkip = Math.max(0, this.#hop - this.#piece.length);
    return piece;
  }
}
