/** The tasks of learned classes on tensors written by hand, and the vectors that hold the hashing of texts to its documentation. */
import { test } from 'tap';
import type { ModelFacts } from '../../src/core/model.js';
import type { Series } from '../../src/core/series.js';
import type { Task, TaskInput } from '../../src/core/task.js';
import type { Tensors } from '../../src/core/tensor.js';
import { samplesAudio } from '../../src/engine/audio.js';
import { classifySeries } from '../../src/tasks/classify-series.js';
import { classifySound } from '../../src/tasks/classify-sound.js';
import { classifyText } from '../../src/tasks/classify-text.js';
import { textBuckets } from '../../src/tasks/text-features.js';

type Seen = Partial<Pick<TaskInput<unknown>, 'audio' | 'series' | 'text'>>;

/** Run by run the model answers `answers`; what it was fed is kept. */
async function run(task: Task, model: ModelFacts, seen: Seen, answers: readonly (readonly number[])[], options: object = {}) {
  const fed: Tensors[] = [];
  const nothing = { image: null, audio: null, series: null, text: null, file: null, each: null };
  task.fit(model);
  const observations = await task.run({
    ...nothing,
    ...seen,
    model,
    options: task.options.parse(options),
    infer: async (feeds) => {
      fed.push(feeds);
      return { scores: { dtype: 'float32', shape: [1, model.labels.length], data: Float32Array.from(answers[fed.length - 1] ?? []) } };
    },
    measure: async (_, work) => work(),
  });
  return { observations, fed };
}

const scores = (count: number) => [{ name: 'scores', dtype: 'float32' as const, shape: [1, count] }];

/** Windows of 100 ms at 1 kHz, 5 frames of 2 bands. */
const ear: ModelFacts = {
  name: 'ear',
  version: '1.0.0',
  task: 'classify-sound',
  inputs: [{ name: 'in', dtype: 'float32', shape: [1, 10] }],
  outputs: scores(3),
  params: {
    rate_hz: 1000,
    window_samples: 100,
    normalize: 'none',
    features: {
      frame_samples: 20,
      hop_samples: 20,
      fft_samples: 32,
      spectrum: 'power',
      mel: { style: 'librosa', bands: 2, low_hz: 0, high_hz: 500 },
      log: 'decibel',
      log_offset: 1e-6,
    },
    min_score: 0.6,
    ignore: ['room'],
  },
  labels: ['knock', 'drill', 'room'],
};

const recording = (length: number) => ({ audio: samplesAudio(new Float32Array(length).fill(0.1), 1000) });

test('a recording is what its windows are on the whole, if that is sure enough and worth telling', async (t) => {
  const hop = { hop_ms: 50 };
  const knocks = [
    [0.9, 0.1, 0],
    [0.5, 0.3, 0.2],
  ];
  t.strictSame((await run(classifySound, ear, recording(150), knocks, hop)).observations, [{ label: 'knock', score: 0.7 }]);
  const doubt = [
    [0.9, 0.1, 0],
    [0.2, 0.8, 0],
  ];
  t.strictSame((await run(classifySound, ear, recording(150), doubt, hop)).observations, [], "below the card's min_score");
  const asked = (await run(classifySound, ear, recording(150), doubt, { ...hop, min_score: 0.5 })).observations;
  t.strictSame(asked, [{ label: 'knock', score: 0.55 }], 'the stage has the last word');
  t.strictSame((await run(classifySound, ear, recording(100), [[0, 0, 1]])).observations, [], 'the background is not told');
});

test('stretches of a recording are told with their time', async (t) => {
  const answers = [
    [0.9, 0.1, 0],
    [0.7, 0.3, 0],
    [0.4, 0.4, 0.2],
    [0, 0.8, 0.2],
  ];
  const { observations } = await run(classifySound, ear, recording(250), answers, { hop_ms: 50, per: 'window' });
  t.strictSame(observations, [
    { label: 'knock', score: 0.9, segment: { start_s: 0, end_s: 0.15 } },
    { label: 'drill', score: 0.8, segment: { start_s: 0.15, end_s: 0.25 } },
  ]);
});

test('a card that does not suit classify-sound is refused', async (t) => {
  const refuse = (change: object, message: RegExp) =>
    t.throws(() => classifySound.fit({ ...ear, ...change }), { code: 'MODEL_INVALID', message });
  refuse({ outputs: scores(2) }, /float32\[1,3\]/);
  refuse({ params: { ...ear.params, ignore: ['saw'] } }, /"saw", which is none of its labels/);
  refuse({ params: { ...ear.params, min_score: 2 } }, /min_score/);
  refuse({ inputs: [{ name: 'in', dtype: 'float32', shape: [1, 12] }] }, /\[1,5,2\]/);
});

const hand: ModelFacts = {
  name: 'hand',
  version: '1.0.0',
  task: 'classify-series',
  inputs: [{ name: 'features', dtype: 'float32', shape: [1, 13] }],
  outputs: scores(2),
  params: {
    features: {
      rate_hz: 100,
      samples: 20,
      hop_samples: 10,
      channels: [
        { name: 'x', floor: 1e-3 },
        { name: 'y', floor: 1e-3 },
      ],
      level: false,
      bands_hz: [],
      correlations: true,
    },
  },
  labels: ['still', 'shaken'],
};

function series(length: number, change: Partial<Series> = {}): { series: Series } {
  const data = Float32Array.from({ length: 2 * length }, (_, i) => Math.sin(i % length));
  return { series: { channels: ['y', 'x'], rateHz: 100, length, data, startMs: null, filled: 0, ...change } };
}

test('a series is cut into windows of the channels by name, and what is not of its rate or too short is refused', async (t) => {
  const answers = [
    [0.2, 0.8],
    [0.4, 0.6],
  ];
  const { observations, fed } = await run(classifySeries, hand, series(30), answers);
  t.strictSame(observations, [{ label: 'shaken', score: 0.7 }]);
  t.equal(fed.length, 2, 'two windows, half over each other');
  t.equal(fed[0]?.features?.data.at(-1)?.toString().slice(0, 4), '0.99', 'both channels move together');
  const stretches = await run(classifySeries, hand, series(30), answers, { per: 'window' });
  t.strictSame(stretches.observations, [{ label: 'shaken', score: 0.8, segment: { start_s: 0, end_s: 0.3 } }]);
  const refused = { code: 'CAPTURE_UNSUPPORTED' };
  await t.rejects(run(classifySeries, hand, series(19), []), { ...refused, message: /19 samples of each channel, hand needs 20/ });
  await t.rejects(run(classifySeries, hand, series(30, { rateHz: 50 }), []), { ...refused, message: /50 Hz/ });
  await t.rejects(run(classifySeries, hand, series(30, { channels: ['x', 'z'] }), []), { ...refused, message: /"y"/ });
});

const eye: ModelFacts = {
  name: 'eye',
  version: '1.0.0',
  task: 'classify-text',
  inputs: [
    { name: 'buckets', dtype: 'int32', shape: ['n'] },
    { name: 'weights', dtype: 'float32', shape: [1, 'n'] },
  ],
  outputs: scores(2),
  params: { features: { buckets: 256, words: 1, characters: [3, 3] } },
  labels: ['ham', 'spam'],
};

test('a text is fed as its buckets, of equal weight and length 1, and a blank one not at all', async (t) => {
  const { observations, fed } = await run(classifyText, eye, { text: 'free' }, [[0.1, 0.9]]);
  t.strictSame(observations, [{ label: 'spam', score: 0.9 }]);
  const { buckets, weights } = fed[0] ?? {};
  // "wfree", and " fr", "fre", "ree", "ee " with a c before each.
  t.strictSame(buckets?.shape, [5]);
  t.strictSame(weights?.shape, [1, 5]);
  t.ok([...(weights?.data ?? [])].every((weight) => Math.abs(Number(weight) - 1 / Math.sqrt(5)) < 1e-6));
  const blank = await run(classifyText, eye, { text: ' \n\t' }, []);
  t.strictSame([blank.observations, blank.fed], [[], []]);
  const wrong = { ...eye, inputs: [{ name: 'buckets', dtype: 'int32' as const, shape: [7] }] };
  t.throws(() => classifyText.fit(wrong), { code: 'MODEL_INVALID', message: /buckets int32\[n\]/ });
});

/** By a Python program that follows the rule of text-features.ts: NFKC, lower case, digits as 0, words, runs of characters, FNV-1a. */
test('the buckets of texts are those of the reference', async (t) => {
  const params = { buckets: 1 << 16, words: 2, characters: [2, 4] as [number, number] };
  // biome-ignore format: vectors
  const golden: Record<string, number[]> = {
    'WIN £250 now!': [1104, 4930, 5273, 6802, 11319, 12417, 13063, 13250, 14431, 15243, 17202, 17892, 20789, 22178, 23814, 24053, 24941, 27534, 28642, 31083, 31782, 33606, 33709, 35388, 35533, 38117, 39906, 43981, 44230, 46671, 48736, 49437, 50678, 51862, 53664, 54156, 54931, 56400, 57698, 57814, 64200],
    'Ｆｕｌｌ wídth ٣٤': [1950, 4558, 5791, 6802, 7725, 8039, 8329, 8491, 12314, 13135, 13250, 14683, 14762, 14827, 15730, 16962, 17202, 19958, 25285, 27110, 28234, 31782, 32037, 32838, 35738, 36173, 38082, 39179, 44230, 44671, 45375, 50715, 53689, 54931, 58318, 60976, 63970, 64042],
    '': [],
  };
  for (const [text, expected] of Object.entries(golden)) t.strictSame([...textBuckets(text, params)], expected, JSON.stringify(text));
  t.strictSame(textBuckets('win £999 NOW!', params), textBuckets('WIN £250 now!', params), 'numbers are told by their length');
  t.notSame(textBuckets('WIN £25 now!', params), textBuckets('WIN £250 now!', params));
});
