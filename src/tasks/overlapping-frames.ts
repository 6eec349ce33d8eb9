/**
 * A recording as the spectra of half-overlapping frames, and back: what a model that cleans spectra works on. Pure.
 *
 * Guarantees: spectra put back as they came give the same samples, to rounding, in time with them; no more than one frame is held.
 * Outside the recording there is silence. Square-root Hann windows on both ways, as torch.stft and istft are called by GTCRN's author.
 */
import { Fft, hannWindow } from './fft.js';

export class OverlappingFrames {
  /** Frames that reach every sample. */
  readonly count: number;
  readonly #samples: Float32Array;
  readonly #hop: number;
  readonly #fft: Fft;
  readonly #window: Float64Array;
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;
  readonly #output: Float32Array;

  /** `size`: samples of a frame, a power of two. The samples are read only. */
  constructor(samples: Float32Array, size: number) {
    this.#samples = samples;
    this.#hop = size / 2;
    this.count = samples.length === 0 ? 0 : Math.ceil(samples.length / this.#hop) + 1;
    this.#fft = new Fft(size);
    this.#window = hannWindow(size).map(Math.sqrt);
    this.#real = new Float64Array(size);
    this.#imaginary = new Float64Array(size);
    this.#output = new Float32Array(samples.length);
  }

  /** The samples put back so far; the caller may keep them. */
  get output(): Float32Array {
    return this.#output;
  }

  /** Writes the spectrum of a frame: the `size / 2 + 1` bins from 0 Hz up, each its real and its imaginary part. */
  spectrum(frame: number, target: Float32Array): void {
    const start = (frame - 1) * this.#hop;
    this.#imaginary.fill(0);
    for (let i = 0; i < this.#fft.size; i++) this.#real[i] = (this.#samples[start + i] ?? 0) * (this.#window[i] ?? 0);
    this.#fft.forward(this.#real, this.#imaginary);
    for (let bin = 0; bin <= this.#hop; bin++) {
      target[2 * bin] = this.#real[bin] ?? 0;
      target[2 * bin + 1] = this.#imaginary[bin] ?? 0;
    }
  }

  /** Puts a spectrum, laid out as by `spectrum`, back in its frame's place. Each frame once. */
  put(frame: number, spectrum: Float32Array): void {
    const { size } = this.#fft;
    for (let bin = 0; bin <= this.#hop; bin++) {
      const real = spectrum[2 * bin] ?? 0;
      const imaginary = spectrum[2 * bin + 1] ?? 0;
      const mirrored = (size - bin) % size;
      this.#real[bin] = real;
      this.#real[mirrored] = real;
      this.#imaginary[bin] = mirrored === bin ? 0 : imaginary;
      if (mirrored !== bin) this.#imaginary[mirrored] = -imaginary;
    }
    this.#fft.inverse(this.#real, this.#imaginary);
    const start = (frame - 1) * this.#hop;
    const end = Math.min(size, this.#output.length - start);
    for (let i = Math.max(0, -start); i < end; i++) {
      this.#output[start + i] = (this.#output[start + i] ?? 0) + (this.#real[i] ?? 0) * (this.#window[i] ?? 0);
    }
  }
}
