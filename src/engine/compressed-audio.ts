/**
 * FLAC and Ogg (Vorbis, Opus) as the same port a WAV file gives: decoded by ffmpeg, channels averaged while they arrive.
 *
 * Guarantees: what is kept is mono, in blocks, so nothing is held twice; longer than `limits.audioSecondsMax` or more than
 * `limits.captureBytesMax` of samples is refused while it is decoded, however small the file was.
 */
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { AudioPort } from '../core/task.js';
import { monoReader } from './audio.js';
import { decodeByFfmpeg, type SoundFormat } from './ffmpeg.js';
import { resample, type SampleReader } from './resample.js';
import { bytesPerSample, readWav, type WavLayout } from './wav.js';

const formats: Readonly<Record<string, SoundFormat>> = { 'audio/flac': 'flac', 'audio/ogg': 'ogg' };

/** The format ffmpeg decodes such a sound as; null for one that needs no ffmpeg. */
export function compressedFormat(mediaType: string): SoundFormat | null {
  return formats[mediaType] ?? null;
}

/** Rejects with CAPTURE_DECODE, CAPTURE_TOO_LARGE, or CAPTURE_UNSUPPORTED where ffmpeg is not installed. */
export async function openCompressed(encoded: Uint8Array, format: SoundFormat): Promise<AudioPort> {
  const mono = new MonoBlocks();
  await decodeByFfmpeg(encoded, format, (piece) => mono.push(piece));
  const { rateHz, frames } = mono.end();
  let memo: { rateHz: number; samples: Float32Array } | null = null;
  return {
    durationS: frames / rateHz,
    rateHz,
    samples: async (wantedHz) => {
      if (memo?.rateHz !== wantedHz) memo = { rateHz: wantedHz, samples: resample(mono.read, frames, rateHz, wantedHz) };
      return memo.samples;
    },
  };
}

/** A head of ffmpeg's WAV is 68 bytes; so much of it surely holds the first frame, too. */
const headBytes = 4096;
const blockSamples = 65_536;

class MonoBlocks {
  readonly #blocks: Float32Array[] = [];
  #layout: WavLayout | null = null;
  #rest: Buffer = Buffer.alloc(0);
  #frames = 0;

  readonly read: SampleReader = (from, target) => {
    for (let done = 0; done < target.length; ) {
      const at = from + done;
      const block = this.#blocks[Math.floor(at / blockSamples)] ?? new Float32Array(0);
      const piece = block.subarray(at % blockSamples, (at % blockSamples) + target.length - done);
      target.set(piece, done);
      done += piece.length;
    }
  };

  push(piece: Buffer): void {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    if (this.#layout === null && bytes.length < headBytes) this.#rest = bytes;
    else this.#take(bytes);
  }

  /** The layout, with all frames counted. Throws CAPTURE_DECODE when there are none. */
  end(): WavLayout {
    if (this.#layout === null) this.#take(this.#rest);
    if (this.#layout === null || this.#frames === 0)
      throw new ShoalError('CAPTURE_DECODE', 'the sound cannot be decoded: it holds no samples');
    return { ...this.#layout, frames: this.#frames };
  }

  #take(bytes: Buffer): void {
    const begins = this.#layout === null;
    this.#layout ??= readWav(bytes);
    const { channels, format, dataOffset } = this.#layout;
    const data = begins ? bytes.subarray(dataOffset) : bytes;
    const frameBytes = channels * bytesPerSample[format];
    const frames = Math.floor(data.length / frameBytes);
    this.#bound(this.#frames + frames, this.#layout.rateHz);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const read = monoReader(view, { channels, format, dataOffset: 0 });
    for (let done = 0; done < frames; ) {
      const room = this.#room(frames - done);
      read(done, room);
      this.#frames += room.length;
      done += room.length;
    }
    this.#rest = Buffer.from(data.subarray(frames * frameBytes));
  }

  /** At most so many samples of the block that is being filled. */
  #room(most: number): Float32Array {
    const at = this.#frames % blockSamples;
    if (at === 0) this.#blocks.push(new Float32Array(blockSamples));
    return this.#blocks.at(-1)?.subarray(at, at + most) ?? new Float32Array(0);
  }

  #bound(frames: number, rateHz: number): void {
    if (frames / rateHz > limits.audioSecondsMax)
      throw new ShoalError('CAPTURE_TOO_LARGE', `the recording is longer than ${limits.audioSecondsMax} s: cut it`);
    if (frames * 4 > limits.captureBytesMax)
      throw new ShoalError('CAPTURE_TOO_LARGE', `the recording has more than ${limits.captureBytesMax / 4} samples a channel: cut it`);
  }
}
