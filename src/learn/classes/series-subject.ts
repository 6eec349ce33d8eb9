/**
 * What of a signal its classes are learned from: which windows, which channels, which bands. Pure.
 *
 * Guarantees: the params of the features are those that classify-series reads in the card, so that a row here and there is the same numbers.
 */
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { channelOf, type Series } from '../../core/series.js';
import { type SeriesFeatureParams, SeriesFeatures } from '../../tasks/series-features.js';
import { checkRate, namedChannels, windowStarts } from '../../tasks/series-windows.js';
import { bandsOf } from '../anomaly/window-examples.js';

export interface NamedSeries {
  readonly name: string;
  readonly series: Series;
}

export interface SeriesWish {
  /** Samples a second of what has no times of its own. */
  readonly rateHz?: number | undefined;
  /** Length of a window; the shortest sample's without it. Seconds. */
  readonly windowS?: number | undefined;
  /** Whether the mean of a channel tells a class. */
  readonly level: boolean;
}

/** Bands of the spectrum; and channels whose pairs are worth a number each. */
const bandsMost = 12;
const pairsMost = 6;
/** Share of a channel's usual root mean square that counts as nothing. */
const floorShare = 3e-3;

/** With the rate that was named, where it has none. Throws LEARN_REFUSED where nobody says. */
export function withRate({ name, series }: NamedSeries, { rateHz }: SeriesWish): Series {
  if (series.rateHz !== null) return series;
  if (rateHz !== undefined) return { ...series, rateHz };
  throw new ShoalError('LEARN_REFUSED', `${name} has no column of times at an even rate: name its rows a second with --rate`);
}

/** From samples with their rates. Throws LEARN_REFUSED, naming the sample, for one that is too short or of other channels or another rate. */
export function seriesParams(all: readonly NamedSeries[], { windowS, level }: SeriesWish): SeriesFeatureParams {
  const [first] = all;
  if (first === undefined || first.series.rateHz === null) throw new RangeError('there is no series with a rate');
  const { rateHz, channels } = first.series;
  const shortest = all.reduce((least, each) => (each.series.length < least.series.length ? each : least));
  const samples = windowS === undefined ? Math.min(shortest.series.length, limits.seriesWindowMax) : Math.round(windowS * rateHz);
  if (samples < limits.seriesWindowMin || samples > limits.seriesWindowMax) {
    throw new ShoalError(
      'LEARN_REFUSED',
      `a window has ${samples} samples (${shortest.name} has ${shortest.series.length}), expected ${limits.seriesWindowMin} to ${limits.seriesWindowMax}`,
    );
  }
  if (shortest.series.length < samples) {
    throw new ShoalError(
      'LEARN_REFUSED',
      `${shortest.name} has ${shortest.series.length} samples, a window ${samples}: leave it out, or name a shorter --window`,
    );
  }
  for (const { name, series } of all) {
    checkRate(series, rateHz, `what is learned from ${first.name}`);
    namedChannels(series, channels, `what is learned from ${name}`);
  }
  return {
    rate_hz: rateHz,
    samples,
    hop_samples: Math.max(1, Math.round(samples / 2)),
    channels: channels.map((name) => ({ name, floor: floorOf(all, name) })),
    level,
    bands_hz: bandsOf(samples, rateHz, bandsMost),
    correlations: channels.length > 1 && channels.length <= pairsMost,
  };
}

function floorOf(all: readonly NamedSeries[], channel: string): number {
  const strengths = all.map(({ series }) => rms(channelOf(series, series.channels.indexOf(channel)))).sort((a, b) => a - b);
  const usual = strengths[Math.floor(strengths.length / 2)] ?? 0;
  return Math.max(usual * floorShare, (strengths.at(-1) ?? 0) * floorShare * 0.1, 1e-12);
}

function rms(samples: Float32Array): number {
  const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
  return Math.sqrt(samples.reduce((sum, value) => sum + (value - mean) ** 2, 0) / samples.length);
}

/** Features of each window of each series, and the series each is of. Throws LEARN_REFUSED beyond `limits.learnRowsMax`. */
export function seriesRows(all: readonly NamedSeries[], params: SeriesFeatureParams): { rows: Float32Array[]; sampleOf: Int32Array } {
  const extractor = new SeriesFeatures(params);
  const names = params.channels.map(({ name }) => name);
  const rows: Float32Array[] = [];
  const sampleOf: number[] = [];
  for (const [i, { name, series }] of all.entries()) {
    const found = namedChannels(series, names, name);
    for (const start of windowStarts(series.length, params.samples, params.hop_samples)) {
      if (rows.length >= limits.learnRowsMax)
        throw new ShoalError('LEARN_REFUSED', `the samples have more than ${limits.learnRowsMax} windows, by ${name}`);
      const row = new Float32Array(extractor.features.length);
      extractor.of(
        found.map((channel) => channel.subarray(start, start + params.samples)),
        row,
        0,
      );
      rows.push(row);
      sampleOf.push(i);
    }
  }
  return { rows, sampleOf: Int32Array.from(sampleOf) };
}
