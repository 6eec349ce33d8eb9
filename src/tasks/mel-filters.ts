/**
 * Mel filters: triangles over the bins of a spectrum, evenly spaced as people hear pitch. Pure.
 *
 * Two ways to make them are in use, and a model hears well only through the ones it was trained with:
 * - `tensorflow`: HTK mel, triangles linear in mel, peak 1, the bin of 0 Hz left out (tf.signal.linear_to_mel_weight_matrix).
 * - `librosa`: Slaney mel (linear below 1 kHz), triangles linear in Hz, each of area 1 (librosa.filters.mel with its defaults).
 * Sources: O'Shaughnessy 1987 for 1127 ln(1 + f / 700); Slaney, Auditory Toolbox, 1998.
 */
export interface MelRule {
  readonly style: 'tensorflow' | 'librosa';
  readonly bands: number;
  readonly lowHz: number;
  readonly highHz: number;
}

/** The bins from `first` on that a band hears, with their weights. */
export interface MelFilter {
  readonly first: number;
  readonly weights: Float64Array;
}

/** One filter a band, over the `fftSamples / 2 + 1` bins of a spectrum. */
export function melFilters({ style, bands, lowHz, highHz }: MelRule, fftSamples: number, rateHz: number): MelFilter[] {
  const toMel = style === 'tensorflow' ? htkMel : slaneyMel;
  const [low, high] = [toMel(lowHz), toMel(highHz)];
  const edges = Array.from({ length: bands + 2 }, (_, i) => low + ((high - low) * i) / (bands + 1));
  const bins = Array.from({ length: fftSamples / 2 + 1 }, (_, bin) => (bin * rateHz) / fftSamples);
  return Array.from({ length: bands }, (_, band) => {
    const mels = edges.slice(band, band + 3);
    const weights =
      style === 'tensorflow'
        ? bins.map((hz, bin) => (bin === 0 ? 0 : triangle(htkMel(hz), mels)))
        : bins.map((hz) => ofAreaOne(hz, mels.map(slaneyHz)));
    return trimmed(weights);
  });
}

function trimmed(weights: readonly number[]): MelFilter {
  const first = Math.max(
    0,
    weights.findIndex((weight) => weight > 0),
  );
  const last = weights.findLastIndex((weight) => weight > 0);
  return { first, weights: Float64Array.from(weights.slice(first, last + 1)) };
}

function triangle(at: number, [left = 0, centre = 0, right = 0]: readonly number[]): number {
  return Math.max(0, Math.min((at - left) / (centre - left), (right - at) / (right - centre)));
}

function ofAreaOne(hz: number, edges: readonly number[]): number {
  const [left = 0, , right = 0] = edges;
  return (triangle(hz, edges) * 2) / (right - left);
}

function htkMel(hz: number): number {
  return 1127 * Math.log(1 + hz / 700);
}

/** Below 1 kHz a mel is 66.7 Hz; above, 27 mels are a factor of 6.4. */
const hzPerMel = 200 / 3;
const kneeHz = 1000;
const kneeMel = kneeHz / hzPerMel;
const logStep = Math.log(6.4) / 27;

function slaneyMel(hz: number): number {
  return hz < kneeHz ? hz / hzPerMel : kneeMel + Math.log(hz / kneeHz) / logStep;
}

function slaneyHz(mel: number): number {
  return mel < kneeMel ? mel * hzPerMel : kneeHz * Math.exp(logStep * (mel - kneeMel));
}
