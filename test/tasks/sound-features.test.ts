import path from 'node:path';
import { test } from 'tap';
import { readCard } from '../../src/registry/card.js';
import { Fft, hannWindow } from '../../src/tasks/fft.js';
import { melFilters } from '../../src/tasks/mel-filters.js';
import { type SoundFeatureParams, SoundFeatures, soundFeatureParams } from '../../src/tasks/sound-features.js';
import { Chance } from '../support/chance.js';

const chance = new Chance(7);
const random = (length: number) => Float64Array.from({ length }, () => chance.between(-1, 1));

/** The transform as it is defined, bin by bin. */
function naiveDft(real: ArrayLike<number>, imaginary: ArrayLike<number>) {
  return Array.from({ length: real.length }, (_, k) => {
    let [re, im] = [0, 0];
    for (let n = 0; n < real.length; n++) {
      const angle = (-2 * Math.PI * k * n) / real.length;
      re += (real[n] ?? 0) * Math.cos(angle) - (imaginary[n] ?? 0) * Math.sin(angle);
      im += (real[n] ?? 0) * Math.sin(angle) + (imaginary[n] ?? 0) * Math.cos(angle);
    }
    return [re, im] as const;
  });
}

const largest = (values: Iterable<number>) => Math.max(0, ...[...values].map(Math.abs));

test('the fast transform gives what the definition gives, and its inverse takes it back', async (t) => {
  for (const size of [2, 4, 8, 64, 512]) {
    const [real, imaginary] = [random(size), random(size)];
    const expected = naiveDft(real, imaginary);
    const [re, im] = [real.slice(), imaginary.slice()];
    const fft = new Fft(size);
    fft.forward(re, im);
    t.ok(largest(expected.flatMap(([x, y], k) => [x - (re[k] ?? 0), y - (im[k] ?? 0)])) < 1e-9, `${size} points`);
    t.ok(largest(expected.flat()) > 0.5, 'there is something to compare');
    fft.inverse(re, im);
    t.ok(largest(real.map((x, n) => x - (re[n] ?? 0))) < 1e-12, 'and back');
    t.ok(largest(imaginary.map((x, n) => x - (im[n] ?? 0))) < 1e-12);
  }
  for (const size of [0, 1, 3, 12, 2.5]) t.throws(() => new Fft(size), { name: 'RangeError' });
});

test('two Hann windows half a frame apart add up to 1', async (t) => {
  const window = hannWindow(8);
  t.ok(largest([0, 1, 2, 3].map((n) => (window[n] ?? 0) + (window[n + 4] ?? 0) - 1)) < 1e-15);
  t.equal(window[0], 0);
  t.equal(window[4], 1);
});

test('the filters of TensorFlow are triangles of height 1 in mel, deaf to 0 Hz', async (t) => {
  // By hand: 2 bands from 0 to 4000 Hz; edges at thirds of 1127 ln(1 + 4000 / 700).
  const mel = (hz: number) => 1127 * Math.log(1 + hz / 700);
  const third = mel(4000) / 3;
  const filters = melFilters({ style: 'tensorflow', bands: 2, lowHz: 0, highHz: 4000 }, 16, 8000);
  const dense = filters.map(({ first, weights }) => Array.from({ length: 9 }, (_, bin) => weights[bin - first] ?? 0));
  for (const [band, weights] of dense.entries()) {
    for (const [bin, weight] of weights.entries()) {
      const at = mel(bin * 500) / third - band;
      const expected = bin === 0 ? 0 : Math.max(0, Math.min(at, 2 - at));
      t.ok(Math.abs(weight - expected) < 1e-12, `band ${band}, bin ${bin}: ${weight}`);
    }
  }
});

test('the filters of librosa are linear below 1 kHz and of area 1', async (t) => {
  // Below 1 kHz Slaney mel is hz / 66.7: 3 bands from 0 to 800 Hz have their edges at 0, 200, 400, 600 and 800 Hz.
  const filters = melFilters({ style: 'librosa', bands: 3, lowHz: 0, highHz: 800 }, 16, 1600);
  const dense = filters.map(({ first, weights }) => Array.from({ length: 9 }, (_, bin) => Number((weights[bin - first] ?? 0).toFixed(9))));
  t.same(dense, [
    [0, 0.0025, 0.005, 0.0025, 0, 0, 0, 0, 0],
    [0, 0, 0, 0.0025, 0.005, 0.0025, 0, 0, 0],
    [0, 0, 0, 0, 0, 0.0025, 0.005, 0.0025, 0],
  ]);
  // Published by librosa for 40 bands at 16 kHz: 27 mels above the knee at 1 kHz are a factor of 6.4.
  const [top] = melFilters({ style: 'librosa', bands: 1, lowHz: 1000, highHz: 6400 }, 2048, 16_000);
  const peak = (top?.first ?? 0) + (top?.weights.indexOf(Math.max(...(top?.weights ?? []))) ?? 0);
  t.ok(Math.abs((peak * 16_000) / 2048 - 1000 * Math.sqrt(6.4)) < 8, 'half way in mel is the geometric mean in Hz');
});

const params: SoundFeatureParams = {
  frame_samples: 24,
  hop_samples: 10,
  fft_samples: 32,
  spectrum: 'magnitude',
  mel: { style: 'tensorflow', bands: 6, low_hz: 20, high_hz: 4000 },
  log: 'natural',
  log_offset: 1e-6,
};

/** The features of one frame, written out from their definition. */
function naive(samples: ArrayLike<number>, start: number, given: SoundFeatureParams): number[] {
  const padded = Array.from({ length: given.fft_samples }, (_, i) =>
    i < given.frame_samples ? (samples[start + i] ?? 0) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / given.frame_samples)) : 0,
  );
  const spectrum = naiveDft(padded, new Float64Array(given.fft_samples)).map(([re, im]) =>
    given.spectrum === 'power' ? re * re + im * im : Math.hypot(re, im),
  );
  const { style, bands, low_hz: lowHz, high_hz: highHz } = given.mel;
  const logs = melFilters({ style, bands, lowHz, highHz }, given.fft_samples, 8000).map(({ first, weights }) => {
    const sum = weights.reduce((total, weight, i) => total + weight * (spectrum[first + i] ?? 0), 0) + given.log_offset;
    return given.log === 'natural' ? Math.log(sum) : 10 * Math.log10(sum);
  });
  if (given.coefficients === undefined) return logs;
  return Array.from({ length: given.coefficients }, (_, k) => {
    const sum = logs.reduce((total, level, n) => total + 2 * level * Math.cos((Math.PI * k * (2 * n + 1)) / (2 * bands)), 0);
    return sum / Math.sqrt(2 * bands);
  });
}

test('features are those of the definition: log-mel bands or cepstral coefficients, of whole frames only', async (t) => {
  const samples = Float32Array.from(random(67));
  const variants: Partial<SoundFeatureParams>[] = [
    {},
    { coefficients: 4 },
    { spectrum: 'power', log: 'decibel', mel: { style: 'librosa', bands: 5, low_hz: 0, high_hz: 4000 } },
  ];
  for (const change of variants) {
    const given = { ...params, ...change };
    const features = new SoundFeatures(given, 8000);
    t.equal(features.framesIn(23), 0);
    t.equal(features.framesIn(24), 1);
    t.equal(features.framesIn(67), 5);
    t.equal(features.width, change.coefficients ?? given.mel.bands);
    const target = new Float32Array(features.width * 5);
    for (let frame = 0; frame < 5; frame++) features.frame(samples, frame, target, frame * features.width);
    const expected = [0, 1, 2, 3, 4].flatMap((frame) => naive(samples, frame * 10, given));
    t.ok(largest(expected.map((value, i) => value - (target[i] ?? 0))) < 1e-4);
    t.ok(largest(expected) > 0.1, 'there is something to compare');
  }
});

test('params that cannot be are refused with the reason', async (t) => {
  const refuse = (change: object, message: RegExp) =>
    t.match(soundFeatureParams.safeParse({ ...params, ...change }).error?.message, message);
  refuse({ fft_samples: 30 }, /power of two/);
  refuse({ fft_samples: 16 }, /at least frame_samples/);
  refuse({ coefficients: 7 }, /no more coefficients than bands/);
  refuse({ mel: { ...params.mel, low_hz: 5000 } }, /below mel.high_hz/);
});

/**
 * Golden vectors: three tones at 16 kHz, and what NumPy makes of them by the formulas as TensorFlow (tf.signal.linear_to_mel_weight_matrix,
 * tf.signal.mfccs_from_log_mel_spectrograms) and librosa (librosa.filters.mel) publish them, to three decimals.
 */
const tones = Float32Array.from({ length: 1100 }, (_, n) => {
  const wave = (hz: number) => (2 * Math.PI * hz * n) / 16_000;
  return 0.5 * Math.sin(wave(440)) + 0.25 * Math.sin(wave(3000)) + 0.1 * Math.cos(wave(6500));
});

interface Golden {
  readonly card: string;
  /** Begins at sample `frame * hop_samples`. */
  readonly frame: number;
  /** Every `every`-th number of the frame. */
  readonly every: number;
  readonly expected: readonly number[];
  readonly tolerance: number;
}

const goldenFrames: readonly Golden[] = [
  {
    card: 'models/sound-shape/1.0.0',
    frame: 1,
    every: 1,
    // biome-ignore format: a vector
    expected: [-3.321, -2.74, -2.291, -1.658, -0.825, 3.101, 4.506, 2.821, -0.354, -1.604, -2.632, -3.636, -4.246, -4.044, -4.061, -4.259, -4.477, -4.488, -4.466, -4.512, -4.52, -4.524, -4.32, -4.206, -3.477, -0.799, 4.013, 2.287, -3.052, -4.094, -4.381, -4.475, -4.547, -4.553, -4.547, -4.486, -4.049, 2.444, 2.691, -3.861],
    tolerance: 0.001,
  },
  {
    card: 'catalogue/keywords-dscnn/1.0.0',
    frame: 1,
    every: 1,
    expected: [-30.469, 6.296, 7.989, -11.06, -6.92, -1.955, -5.224, 7.083, -1.534, 5.558],
    tolerance: 0.001,
  },
  {
    card: 'catalogue/machine-sound-ad01/1.0.0',
    frame: 0,
    every: 8,
    // biome-ignore format: a vector
    expected: [-73.33, -56.6, -7.47, -43.86, -65.75, -77.26, -85.55, -92.97, -99.72, -105.9, -111.75, 14.31, -122.92, -128.44, -134.1, 3.78],
    tolerance: 0.01,
  },
];

for (const { card, frame, every, expected, tolerance } of goldenFrames) {
  test(`the front end of ${card} gives the reference's numbers`, async (t) => {
    const { model } = await readCard(path.resolve(card), { labels: false });
    const features = new SoundFeatures(soundFeatureParams.parse(model.params.features), 16_000);
    const target = new Float32Array(features.width);
    features.frame(tones, frame, target, 0);
    const found = [...target].filter((_, i) => i % every === 0);
    t.equal(found.length, expected.length);
    t.ok(largest(expected.map((value, i) => value - (found[i] ?? 0))) <= tolerance, `${found.map((value) => value.toFixed(3))}`);
  });
}
