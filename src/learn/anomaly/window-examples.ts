/**
 * Windows of a fast signal, such as a vibration, as rows of features; and which features a window of this length and rate is worth.
 */
import { limits } from '../../core/limits.js';
import { windowWords } from '../../tasks/anomaly-words.js';
import { type SeriesFeature, type SeriesFeatureParams, SeriesFeatures } from '../../tasks/series-features.js';
import { namedChannels, shortNumber, windowStarts } from '../../tasks/series-windows.js';
import { commonRate, type Examples, type Place, type Recording, refuseConstant, refused } from './examples.js';
import { greatest, median } from './linear.js';
import { normalGraph } from './normal-onnx.js';

export interface WindowOptions {
  readonly channels: readonly string[];
  readonly windowS: number;
  readonly hopS: number;
  /** Whether the mean of a channel says something; by the rate where it is not said. */
  readonly level?: boolean;
}

/** Windows below this tell nothing of what is normal. */
const windowsMin = 30;
/** A band is as wide as so many of the finest lines a window can tell apart: narrower ones are mostly chance. */
const cellsPerBand = 3;
const bandsMax = 32;
/** Faster signals swing around a mean that is the mounting's. */
const levelHzMax = 10;
/** Channels whose pairs are worth a feature each. */
const pairsMax = 6;
/** Share of a channel's usual root mean square that counts as nothing. */
const floorShare = 3e-3;
const statisticsPerChannel = 6;

export function windowExamples(recordings: readonly Recording[], options: WindowOptions): Examples {
  const rateHz = commonRate(recordings);
  const samples = Math.round(options.windowS * rateHz);
  const hop = Math.max(1, Math.round(options.hopS * rateHz));
  checkWindow(samples, rateHz);
  const places = windowsOf(recordings, samples, hop, rateHz);
  const kept = spread(places, limits.learnWindowsMax);
  if (kept.length < windowsMin) {
    const least = (windowsMin - 1) * (hop / rateHz) + samples / rateHz;
    throw refused(
      `${kept.length} windows of ${shortNumber(samples / rateHz)} s are too little to say what is normal: at least ${windowsMin} are needed (${shortNumber(least)} s), some hundred are better, over all the machine usually does`,
    );
  }
  const params = featureParams(kept, samples, hop, rateHz, options);
  const extractor = new SeriesFeatures(params);
  const columns = extractor.features.length;
  const data = new Float32Array(kept.length * columns);
  for (const [row, place] of kept.entries()) extractor.of(cut(place, options.channels, samples), data, row * columns);
  const hopS = hop / rateHz;
  const spanMs = 1000 * Math.max(samples / rateHz, hopS);
  return {
    kind: 'window',
    rows: { rows: kept.length, columns, data },
    places: kept,
    hopS: hopS * (places.length / kept.length),
    apart: Math.ceil(samples / hop),
    fitting: { leastScale: extractor.features.map((feature) => leastScale(feature, params)) },
    channels: options.channels,
    words: ({ share, expected }, found) => windowWords(extractor.features, { share, expected, found }),
    graph: (model) => normalGraph(model),
    params: (threshold) => ({ kind: 'window', threshold, features: params }),
    remarks:
      kept.length === places.length
        ? []
        : [`of ${places.length} windows ${kept.length} were learned from, spread evenly: more tell no more`],
    // Three windows in a row that do not overlap; a fault that comes and goes is one for a minute.
    events: {
      on_after_ms: whole(2 * spanMs),
      off_after_ms: whole(Math.max(5000, 5 * spanMs)),
      cooldown_ms: whole(Math.max(60_000, 10 * spanMs)),
    },
    window: { lengthS: samples / rateHz, hopS },
  };
}

function whole(ms: number): number {
  return Math.min(86_400_000, Math.round(ms));
}

function checkWindow(samples: number, rateHz: number): void {
  if (samples >= limits.seriesWindowMin && samples <= limits.seriesWindowMax) return;
  const [least, most] = [limits.seriesWindowMin, limits.seriesWindowMax].map((each) => shortNumber(each / rateHz));
  throw refused(`a window of ${samples} samples at ${shortNumber(rateHz)} Hz: --window takes ${least} .. ${most} seconds here`);
}

interface WindowPlace extends Place {
  readonly recordingOf: Recording;
  readonly start: number;
}

function windowsOf(recordings: readonly Recording[], samples: number, hop: number, rateHz: number): WindowPlace[] {
  return recordings.flatMap((recording) =>
    windowStarts(recording.series.length, samples, hop).map((start) => ({
      recording: recording.name,
      startS: start / rateHz,
      timeMs: recording.series.startMs === null ? null : recording.series.startMs + (1000 * start) / rateHz,
      recordingOf: recording,
      start,
    })),
  );
}

function spread<T>(all: readonly T[], most: number): readonly T[] {
  return all.length <= most ? all : all.filter((_, i) => Math.floor((i * most) / all.length) !== Math.floor(((i - 1) * most) / all.length));
}

function cut({ recordingOf, start }: WindowPlace, channels: readonly string[], samples: number): readonly Float32Array[] {
  return namedChannels(recordingOf.series, channels, recordingOf.name).map((channel) => channel.subarray(start, start + samples));
}

function featureParams(
  places: readonly WindowPlace[],
  samples: number,
  hop: number,
  rateHz: number,
  { channels, level = rateHz <= levelHzMax }: WindowOptions,
): SeriesFeatureParams {
  const usual = channels.map((_, c) => median(places.map((place) => rms(cut(place, channels, samples)[c] ?? new Float32Array()))));
  const loudest = channels.map((_, c) => greatest(places.map((place) => rms(cut(place, channels, samples)[c] ?? new Float32Array()))));
  refuseConstant(channels, loudest);
  const correlations = channels.length > 1 && channels.length <= pairsMax;
  const pairs = correlations ? (channels.length * (channels.length - 1)) / 2 : 0;
  const room = Math.floor((limits.learnFeaturesMax - pairs) / channels.length) - statisticsPerChannel - (level ? 1 : 0);
  if (room < 0) {
    const most = Math.floor(limits.learnFeaturesMax / (statisticsPerChannel + 1));
    throw refused(`${channels.length} channels are too many for one model: name at most ${most} that belong together with --channels`);
  }
  return {
    rate_hz: rateHz,
    samples,
    hop_samples: hop,
    channels: channels.map((name, c) => ({ name, floor: Math.max((usual[c] ?? 0) * floorShare, (loudest[c] ?? 0) * floorShare * 0.1) })),
    level,
    bands_hz: bandsOf(samples, rateHz, Math.min(bandsMax, room)),
    correlations,
  };
}

function rms(samples: Float32Array): number {
  const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
  return Math.sqrt(samples.reduce((sum, value) => sum + (value - mean) ** 2, 0) / samples.length);
}

/** From the first line a window can tell to half the rate: even bands where there is room for them, else each wider than the one before. */
export function bandsOf(samples: number, rateHz: number, most: number): [number, number][] {
  const line = rateHz / samples;
  const [first, nyquist] = [line, rateHz / 2];
  const count = Math.min(most, Math.floor((nyquist - first) / (cellsPerBand * line)));
  if (count < 1) return [];
  const even = (nyquist - first) / count;
  if (even < 2 * cellsPerBand * line) return Array.from({ length: count }, (_, i) => [first + i * even, first + (i + 1) * even]);
  const sum = (growth: number): number => (cellsPerBand * line * (growth ** count - 1)) / (growth - 1);
  let [low, high] = [1 + 1e-9, 64];
  for (let halving = 0; halving < 60; halving++) {
    const middle = (low + high) / 2;
    if (sum(middle) < nyquist - first) low = middle;
    else high = middle;
  }
  const edges = [first];
  for (let i = 0; i < count; i++) edges.push((edges[i] ?? 0) + cellsPerBand * line * low ** i);
  edges[count] = nyquist;
  return Array.from({ length: count }, (_, i) => [edges[i] ?? 0, edges[i + 1] ?? 0]);
}

/** What counts as no change, whatever the data says: a twentieth of a factor, a step of what can be counted. */
function leastScale({ what, channel }: SeriesFeature, params: SeriesFeatureParams): number {
  if (what === 'level') return params.channels.find(({ name }) => name === channel)?.floor ?? 1;
  if (what === 'crossings') return 1 / params.samples;
  return what === 'slope' ? 0.05 : 0.02;
}
