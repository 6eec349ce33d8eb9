import { test } from 'tap';
import type { ModelFacts } from '../../src/core/model.js';
import type { Series } from '../../src/core/series.js';
import type { Task, TaskInput } from '../../src/core/task.js';
import { duration, forecastWords } from '../../src/tasks/anomaly-words.js';
import { detectAnomaly } from '../../src/tasks/detect-anomaly.js';
import { type SeriesFeatureParams, SeriesFeatures } from '../../src/tasks/series-features.js';
import { forecastFeatures, rowOf, type SeriesForecastParams, stepsNeeded, toSteps } from '../../src/tasks/series-forecast.js';
import { floatTensor } from '../support/task-lab.js';

const features: SeriesFeatureParams = {
  rate_hz: 64,
  samples: 64,
  hop_samples: 32,
  channels: [
    { name: 'x', floor: 1e-6 },
    { name: 'y', floor: 1e-6 },
  ],
  level: true,
  bands_hz: [
    [1, 9],
    [9, 33],
  ],
  correlations: true,
};
const width = new SeriesFeatures(features).features.length;

const facts: ModelFacts = {
  name: 'pump',
  version: '2.0.0',
  task: 'detect-anomaly',
  inputs: [{ name: 'features', dtype: 'float32', shape: [1, width] }],
  outputs: [
    { name: 'index', dtype: 'float32', shape: [1, 1] },
    { name: 'share', dtype: 'float32', shape: [1, width] },
    { name: 'expected', dtype: 'float32', shape: [1, width] },
    { name: 'state', dtype: 'int64', shape: [1] },
  ],
  params: { kind: 'window', threshold: 2, features },
  labels: [],
};

const wave =
  (hz: number, phase = 0) =>
  (i: number) =>
    Math.sin((2 * Math.PI * hz * i) / 64 + phase);

function series(length: number, x: (i: number) => number, y: (i: number) => number, change: Partial<Series> = {}): Series {
  const data = Float32Array.from({ length: 2 * length }, (_, i) => (i < length ? x(i) : y(i - length)));
  return { channels: ['x', 'y'], rateHz: 64, length, data, startMs: null, filled: 0, ...change };
}

/** A model that answers each run with an index, and says that the energy of y from 9 Hz on is to blame. */
async function look(given: Series | null, indices: readonly number[], options: Record<string, unknown> = {}) {
  const fed: Float32Array[] = [];
  const blamed = new SeriesFeatures(features).features.findIndex(
    ({ channel, what, band }) => channel === 'y' && what === 'energy' && band?.[0] === 9,
  );
  const input: TaskInput<{ threshold?: number }> = {
    image: null,
    audio: null,
    series: given,
    text: null,
    file: null,
    each: null,
    model: facts,
    options: detectAnomaly.options.parse(options) as { threshold?: number },
    infer: async (feeds) => {
      const found = feeds.features?.data as Float32Array;
      fed.push(found);
      return {
        index: floatTensor([1, 1], [indices[fed.length - 1] ?? 0]),
        share: floatTensor(
          [1, width],
          Array.from({ length: width }, (_, i) => (i === blamed ? 0.8 : 0.01)),
        ),
        expected: floatTensor(
          [1, width],
          Array.from(found, (value) => value - 1),
        ),
        state: { dtype: 'int64', shape: [1], data: BigInt64Array.of(3n) },
      };
    },
    measure: async (_, work) => work(),
  };
  return { observations: await detectAnomaly.run(input), fed };
}

test('the features of a window are what they are called', (t) => {
  const extractor = new SeriesFeatures(features);
  const out = new Float32Array(width);
  const [x, y] = [
    Float32Array.from({ length: 64 }, (_, i) => 3 + wave(4)(i)),
    Float32Array.from({ length: 64 }, (_, i) => 0.1 * wave(16, 1)(i)),
  ];
  extractor.of([x, y], out, 0);
  const of = (channel: string, what: string, low = 0) =>
    out[extractor.features.findIndex((each) => each.channel === channel && each.what === what && (low === 0 || each.band?.[0] === low))] ??
    Number.NaN;
  const near = (found: number, expected: number, what: string) => t.ok(Math.abs(found - expected) < 0.01, `${what}: ${found}, ${expected}`);
  near(of('x', 'level'), 3, 'level');
  near(of('x', 'strength'), Math.log10(Math.SQRT1_2), 'a sine has a root mean square of 1 / sqrt 2');
  near(of('y', 'strength') - of('x', 'strength'), -1, 'ten times weaker');
  near(of('x', 'peak'), Math.log10(2 * Math.SQRT2), 'and a crest of sqrt 2 on either side');
  near(of('x', 'tails'), Math.log10(1.5), 'and a kurtosis of 1.5');
  near(of('x', 'crossings'), 8 / 63, 'four periods cross their mean about eight times');
  near(of('x', 'energy', 1), Math.log10(0.5), 'its energy is its variance');
  t.ok(of('x', 'energy', 9) < -4 && of('y', 'energy', 1) < -4, 'and none is elsewhere');
  near(of('y', 'energy', 9), Math.log10(0.005), 'in the band it lies in');
  near(of('x', 'correlation'), 0, 'two tones are not alike');
  t.end();
});

test('each window is judged: label and score by the threshold, words for what moved', async (t) => {
  const { observations, fed } = await look(series(128, wave(4), wave(16)), [1, 2, 6]);
  t.equal(fed.length, 3);
  t.strictSame(observations, [
    { score: 0.3333, label: 'normal', values: { index: 1, threshold: 2, state: 3 }, segment: { start_s: 0, end_s: 1 } },
    { score: 0.5, label: 'normal', values: { index: 2, threshold: 2, state: 3 }, segment: { start_s: 0.5, end_s: 1.5 } },
    {
      score: 0.75,
      label: 'anomaly',
      text: 'y: energy from 9 to 33 Hz 10 times the usual (80 %)',
      values: { index: 6, threshold: 2, state: 3 },
      segment: { start_s: 1, end_s: 2 },
    },
  ]);
  t.match((await look(series(64, wave(4), wave(16)), [6], { threshold: 7 })).observations, [{ label: 'normal', values: { threshold: 7 } }]);
});

test('channels are found by name, whatever their order and company', async (t) => {
  const plain = await look(series(64, wave(4), wave(16)), [1]);
  const turned = series(64, wave(16), wave(4), { channels: ['y', 'x'] });
  t.same((await look(turned, [1])).fed, plain.fed);
});

test('what the model cannot judge is refused with the reason', async (t) => {
  const refuse = (given: Series | null, message: RegExp) => t.rejects(look(given, [1]), { code: 'CAPTURE_UNSUPPORTED', message });
  await refuse(null, /looks at series of numbers/);
  await refuse(series(63, wave(4), wave(16)), /the series is 0.984 s long, pump needs 1 s/);
  await refuse(series(64, wave(4), wave(16), { rateHz: 50 }), /learned at 64 Hz, this series has 50 Hz/);
  await refuse(series(64, wave(4), wave(16), { rateHz: null }), /no even rate/);
  await refuse(series(64, wave(4), wave(16), { channels: ['x', 'z'] }), /a channel "y"; this series has x, z/);
});

test('of a long series the most unusual windows are told, in their order', async (t) => {
  const { observations } = await look(
    series(32 * 2101, wave(4), wave(16)),
    Array.from({ length: 2100 }, (_, i) => 1 + i / 1000),
  );
  t.equal(observations.length, 2000);
  t.equal(observations[0]?.segment?.start_s, 50);
  t.equal(observations.at(-1)?.segment?.start_s, 1049.5);
});

test('a card that does not suit is refused with the reason', (t) => {
  const task = detectAnomaly as Task;
  task.fit(facts);
  const wrong: [Partial<ModelFacts>, RegExp][] = [
    [{ inputs: [{ name: 'features', dtype: 'float32', shape: [1, width + 1] }] }, /features\[1,19\] among its inputs, the card has 1,20/],
    [{ outputs: facts.outputs.slice(1) }, /index\[1,1\] among its outputs, the card has no such tensor/],
    [{ params: { ...facts.params, threshold: 0 } }, /threshold/],
    [{ params: { kind: 'guess' } }, /kind/],
  ];
  for (const [change, message] of wrong) t.throws(() => task.fit({ ...facts, ...change }), { code: 'MODEL_INVALID', message });
  t.end();
});

test('a forecast looks back by step, and at the clock', (t) => {
  const params: SeriesForecastParams = {
    step_s: 3600,
    channels: [{ name: 'temp', centre: 20, scale: 2 }],
    harmonics: 1,
    weekly: false,
    lags: [1, 2, 24],
    recent: 2,
    spans: [1, 3],
  };
  t.equal(stepsNeeded(params), 27);
  t.same(toSteps(Float32Array.of(20, 22, 24, 26, 99), 2, { centre: 20, scale: 2 }), Float32Array.of(0.5, 2.5));
  const row = new Float64Array(6);
  rowOf(
    params,
    Float32Array.from({ length: 40 }, (_, i) => i),
    30,
    Date.UTC(2026, 0, 1),
    row,
    0,
  );
  t.same(
    [...row].map((value) => Math.round(value * 1e6) / 1e6),
    [1, 1, 0, 29, 28, 6],
    'a constant, six o’clock, and the values before',
  );
  const names = forecastFeatures(params);
  const moved = (at: number, value: number) => ({
    share: names.map((_, i) => (i === at ? 0.9 : 0)),
    found: names.map((_, i) => (i === at ? value : 0)),
    expected: names.map(() => 0),
  });
  const say = (at: number, value: number) => forecastWords(names, moved(at, value), params.channels, params.step_s);
  t.equal(say(0, 3), 'temp: 6 above what went before lets expect (90 %)');
  t.equal(say(3, -3), 'temp: 6 below what is usual at this time, for 3 h (90 %)');
  t.equal(say(4, -1), 'temp: changes from step to step 0.1 times the usual, for 3 h (90 %)');
  t.equal(duration(172_800), '2 d');
  t.equal(duration(0.5), '0.5 s');
  t.end();
});
