/**
 * What a model of sound is shown: log-mel bands or their cepstral coefficients (MFCC), frame after frame. Pure.
 *
 * Guarantees: a frame is computed from its own samples alone; only whole frames, the first from the first sample on. Every number that
 * decides is in the card.
 */
import { z } from 'zod';
import { Fft, hannWindow } from './fft.js';
import { type MelFilter, melFilters } from './mel-filters.js';

export const soundFeatureParams = z
  .strictObject({
    /** Samples of a frame, under a periodic Hann window. */
    frame_samples: z.int().min(16).max(16_384),
    /** From the start of a frame to that of the next. */
    hop_samples: z.int().positive(),
    /** A power of two; a shorter frame is filled up with zeros. */
    fft_samples: z.int().min(16).max(16_384),
    spectrum: z.enum(['magnitude', 'power']),
    mel: z.strictObject({
      /** See mel-filters.ts. */
      style: z.enum(['tensorflow', 'librosa']),
      bands: z.int().min(1).max(512),
      low_hz: z.number().min(0),
      high_hz: z.number().positive(),
    }),
    /** `natural` is ln x, `decibel` 10 log10 x, each of the band plus `log_offset`. */
    log: z.enum(['natural', 'decibel']),
    log_offset: z.number().positive(),
    /** With it, so many cepstral coefficients from the 0th on instead of the bands: a DCT-II, scaled by sqrt(2 / bands). */
    coefficients: z.int().positive().optional(),
  })
  .refine(({ fft_samples, frame_samples }) => Number.isInteger(Math.log2(fft_samples)) && fft_samples >= frame_samples, {
    message: 'fft_samples is a power of two and at least frame_samples',
  })
  .refine(({ mel }) => mel.low_hz < mel.high_hz, { message: 'mel.low_hz is below mel.high_hz' })
  .refine(({ coefficients = 1, mel }) => coefficients <= mel.bands, { message: 'there are no more coefficients than bands' });

export type SoundFeatureParams = z.infer<typeof soundFeatureParams>;

export class SoundFeatures {
  /** Numbers a frame. */
  readonly width: number;
  readonly #params: SoundFeatureParams;
  readonly #fft: Fft;
  readonly #window: Float64Array;
  readonly #filters: readonly MelFilter[];
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;
  readonly #bands: Float64Array;
  /** `bands` numbers a coefficient. */
  readonly #cosines: Float64Array;

  constructor(params: SoundFeatureParams, rateHz: number) {
    const { style, bands, low_hz: lowHz, high_hz: highHz } = params.mel;
    this.#params = params;
    this.width = params.coefficients ?? bands;
    this.#fft = new Fft(params.fft_samples);
    this.#window = hannWindow(params.frame_samples);
    this.#filters = melFilters({ style, bands, lowHz, highHz }, params.fft_samples, rateHz);
    this.#real = new Float64Array(params.fft_samples);
    this.#imaginary = new Float64Array(params.fft_samples);
    this.#bands = new Float64Array(bands);
    this.#cosines = Float64Array.from({ length: (params.coefficients ?? 0) * bands }, (_, i) => {
      const k = Math.floor(i / bands);
      return Math.cos((Math.PI * k * (2 * (i % bands) + 1)) / (2 * bands)) * Math.sqrt(2 / bands);
    });
  }

  /** Whole frames in so many samples. */
  framesIn(samples: number): number {
    const { frame_samples: frame, hop_samples: hop } = this.#params;
    return samples < frame ? 0 : 1 + Math.floor((samples - frame) / hop);
  }

  /** Writes the frame that begins at sample `frame * hop_samples` to `target[at]` and after. */
  frame(samples: Float32Array, frame: number, target: Float32Array, at: number): void {
    this.#spectrum(samples, frame * this.#params.hop_samples);
    for (const [band, { first, weights }] of this.#filters.entries()) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += (weights[i] ?? 0) * (this.#real[first + i] ?? 0);
      const level = sum + this.#params.log_offset;
      this.#bands[band] = this.#params.log === 'natural' ? Math.log(level) : 10 * Math.log10(level);
    }
    if (this.#params.coefficients === undefined) target.set(this.#bands, at);
    else for (let k = 0; k < this.width; k++) target[at + k] = this.#coefficient(k);
  }

  /** Leaves magnitudes or powers in the first half of the real part. */
  #spectrum(samples: Float32Array, start: number): void {
    this.#real.fill(0);
    this.#imaginary.fill(0);
    for (let i = 0; i < this.#window.length; i++) this.#real[i] = (samples[start + i] ?? 0) * (this.#window[i] ?? 0);
    this.#fft.forward(this.#real, this.#imaginary);
    for (let bin = 0; bin <= this.#fft.size / 2; bin++) {
      const power = (this.#real[bin] ?? 0) ** 2 + (this.#imaginary[bin] ?? 0) ** 2;
      this.#real[bin] = this.#params.spectrum === 'power' ? power : Math.sqrt(power);
    }
  }

  #coefficient(k: number): number {
    const count = this.#bands.length;
    let sum = 0;
    for (let n = 0; n < count; n++) sum += (this.#bands[n] ?? 0) * (this.#cosines[k * count + n] ?? 0);
    return sum;
  }
}
