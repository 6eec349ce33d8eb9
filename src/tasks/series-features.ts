/**
 * What a model is shown of a window of a signal: statistics of each channel, the energies of its spectral bands, and how its channels move
 * together. Pure; every number that decides is in the card.
 *
 * Of each channel, its mean taken off: `strength` log10 of the root mean square; `peak` log10 of peak to peak over it; `tails` log10 of the
 * kurtosis (the fourth moment over the squared second); `roughness` log10 of the root mean square of the steps over it; `crossings` of the
 * mean, a share of the steps; `slope` of the line through it, over the window, in root mean squares; then log10 of the energy in each band, by
 * a Hann window and a discrete Fourier transform, scaled so that all bands together are about the variance. Where `level` says so, the mean
 * comes first. Last the correlation of each pair of channels. `floor` of a channel, in its unit, is what counts as nothing.
 */
import { z } from 'zod';
import { limits } from '../core/limits.js';
import { Fft, hannWindow } from './fft.js';

const hertz = z.number().nonnegative();

export const seriesFeatureParams = z.strictObject({
  rate_hz: z.number().positive(),
  /** Samples of a window, and from the start of one to that of the next. */
  samples: z.int().min(limits.seriesWindowMin).max(limits.seriesWindowMax),
  hop_samples: z.int().positive(),
  channels: z
    .array(z.strictObject({ name: z.string().min(1).max(64), floor: z.number().positive() }))
    .min(1)
    .max(limits.seriesChannelsMax),
  level: z.boolean(),
  /** From, up to but without; by the middle of a bin. */
  bands_hz: z.array(z.tuple([hertz, hertz])).max(limits.seriesBandsMax),
  correlations: z.boolean(),
});

export type SeriesFeatureParams = z.infer<typeof seriesFeatureParams>;

const statistics = ['strength', 'peak', 'tails', 'roughness', 'crossings', 'slope'] as const;

/** One number of a window. */
export interface SeriesFeature {
  readonly channel: string;
  readonly what: 'level' | 'energy' | 'correlation' | (typeof statistics)[number];
  /** Of an energy. */
  readonly band?: readonly [number, number];
  /** The other channel of a correlation. */
  readonly other?: string;
}

export class SeriesFeatures {
  readonly features: readonly SeriesFeature[];
  readonly #params: SeriesFeatureParams;
  readonly #fft: Fft;
  readonly #hann: Float64Array;
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;
  /** Of each band the first bin and the one after the last. */
  readonly #bins: readonly (readonly [number, number])[];
  readonly #energyScale: number;

  constructor(params: SeriesFeatureParams) {
    const { samples, rate_hz: rateHz, bands_hz: bands } = params;
    const size = 2 ** Math.ceil(Math.log2(samples));
    const binAbove = (hz: number) => Math.min(size / 2, Math.ceil((hz * size) / rateHz - 1e-9));
    this.#params = params;
    this.#fft = new Fft(size);
    this.#hann = hannWindow(samples);
    this.#real = new Float64Array(size);
    this.#imaginary = new Float64Array(size);
    this.#bins = bands.map(([low, high]) => [binAbove(low), binAbove(high)] as const);
    this.#energyScale = 2 / (size * this.#hann.reduce((sum, weight) => sum + weight * weight, 0));
    this.features = featuresOf(params);
  }

  /** `window`: the samples of each channel in the order of the params. Writes as many numbers as there are features into `out` from `at` on. */
  of(window: readonly Float32Array[], out: Float32Array, at: number): void {
    const { channels, level, correlations } = this.#params;
    const centred: Float64Array[] = [];
    const powers: number[] = [];
    let next = at;
    for (const [c, { floor }] of channels.entries()) {
      const samples = window[c] ?? new Float32Array();
      const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
      const x = Float64Array.from(samples, (value) => value - mean);
      if (level) out[next++] = mean;
      const power = x.reduce((sum, value) => sum + value * value, 0) / x.length + floor * floor;
      for (const value of statisticsOf(x, power, floor)) out[next++] = value;
      next = this.#energies(x, floor, out, next);
      centred.push(x);
      powers.push(power);
    }
    if (!correlations) return;
    for (let a = 0; a < centred.length; a++) {
      for (let b = a + 1; b < centred.length; b++) {
        out[next++] = product(centred[a], centred[b]) / Math.sqrt((powers[a] ?? 1) * (powers[b] ?? 1));
      }
    }
  }

  #energies(x: Float64Array, floor: number, out: Float32Array, at: number): number {
    if (this.#bins.length === 0) return at;
    this.#real.fill(0);
    this.#imaginary.fill(0);
    for (let i = 0; i < x.length; i++) this.#real[i] = (x[i] ?? 0) * (this.#hann[i] ?? 0);
    this.#fft.forward(this.#real, this.#imaginary);
    for (const [band, [from, to]] of this.#bins.entries()) {
      let energy = 0;
      for (let k = from; k < to; k++) energy += (this.#real[k] ?? 0) ** 2 + (this.#imaginary[k] ?? 0) ** 2;
      out[at + band] = Math.log10(energy * this.#energyScale + floor * floor);
    }
    return at + this.#bins.length;
  }
}

function featuresOf({ channels, level, bands_hz: bands, correlations }: SeriesFeatureParams): SeriesFeature[] {
  const names = channels.map(({ name }) => name);
  const own = names.flatMap((channel): SeriesFeature[] => [
    ...(level ? [{ channel, what: 'level' as const }] : []),
    ...statistics.map((what) => ({ channel, what })),
    ...bands.map((band) => ({ channel, what: 'energy' as const, band })),
  ]);
  if (!correlations) return own;
  const pairs = names.flatMap((channel, a) => names.slice(a + 1).map((other) => ({ channel, what: 'correlation' as const, other })));
  return [...own, ...pairs];
}

/** Of samples without their mean, `power` and `floor` as in `of`; in the order of `statistics`. */
function statisticsOf(x: Float64Array, power: number, floor: number): readonly number[] {
  let [least, greatest, fourth, steps, crossings, lever] = [0, 0, 0, 0, 0, 0];
  const middle = (x.length - 1) / 2;
  for (let i = 0; i < x.length; i++) {
    const value = x[i] ?? 0;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    fourth += value ** 4;
    lever += (i - middle) * value;
    if (i === 0) continue;
    const before = x[i - 1] ?? 0;
    steps += (value - before) ** 2;
    if (value > 0 !== before > 0) crossings++;
  }
  const rms = Math.sqrt(power);
  const leverOfLine = (x.length * (x.length ** 2 - 1)) / 12;
  return [
    Math.log10(rms),
    Math.log10((greatest - least + floor) / rms),
    Math.log10((fourth / x.length + floor ** 4) / power ** 2),
    Math.log10((Math.sqrt(steps / (x.length - 1)) + floor) / rms),
    crossings / (x.length - 1),
    (lever / leverOfLine) * (x.length / rms),
  ];
}

function product(a: Float64Array = new Float64Array(), b: Float64Array = new Float64Array()): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum / a.length;
}
