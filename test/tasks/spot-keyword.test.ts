import { test } from 'tap';
import type { ModelFacts } from '../../src/core/model.js';
import type { TaskInput } from '../../src/core/task.js';
import { floats } from '../../src/core/tensor.js';
import { samplesAudio } from '../../src/engine/audio.js';
import { differentSegments } from '../../src/tasks/different-segments.js';
import { merged } from '../../src/tasks/likeliest.js';
import { SoundWindows } from '../../src/tasks/sound-windows.js';
import { spotKeyword } from '../../src/tasks/spot-keyword.js';

type Options = ReturnType<typeof spotKeyword.options.parse>;

/** Windows of 100 ms at 1 kHz, 5 frames of 3 bands. */
const facts: ModelFacts = {
  name: 'words',
  version: '1.0.0',
  task: 'spot-keyword',
  inputs: [{ name: 'in', dtype: 'float32', shape: [1, 5, 3, 1] }],
  outputs: [{ name: 'out', dtype: 'float32', shape: [1, 3] }],
  params: {
    rate_hz: 1000,
    window_samples: 100,
    normalize: 'peak',
    features: {
      frame_samples: 20,
      hop_samples: 20,
      fft_samples: 32,
      spectrum: 'magnitude',
      mel: { style: 'tensorflow', bands: 3, low_hz: 20, high_hz: 500 },
      log: 'natural',
      log_offset: 1e-6,
    },
    ignore: ['silence'],
  },
  labels: ['yes', 'no', 'silence'],
};

async function listen(samples: Float32Array, scores: readonly number[][], options: Partial<Options> = {}) {
  const fed: Float32Array[] = [];
  const input: TaskInput<Options> = {
    image: null,
    audio: samplesAudio(samples, 1000),
    series: null,
    text: null,
    file: null,
    each: null,
    model: facts,
    options: spotKeyword.options.parse({ hop_ms: 50, ...options }),
    infer: async (feeds) => {
      fed.push(floats(feeds, 'in'));
      return { out: { dtype: 'float32', shape: [1, 3], data: Float32Array.from(scores[fed.length - 1] ?? [0, 0, 1]) } };
    },
    measure: async (_, work) => work(),
  };
  return { observations: await spotKeyword.run(input), fed };
}

const tone = (length: number, loud = 0.1) => Float32Array.from({ length }, (_, i) => loud * Math.sin(i));

test('windows overlap by the hop, the last ends with the recording, and rows of the same word become one', async (t) => {
  const yes = [0.9, 0.1, 0];
  const surer = [0.95, 0, 0];
  const no = [0.1, 0.9, 0];
  const { observations, fed } = await listen(tone(330), [yes, surer, [0.5, 0.5, 0], yes, no, no]);
  t.equal(fed.length, 6, 'from 0, 50, 100, 150, 200 and 230 ms');
  t.same(observations, [
    { score: 0.95, label: 'yes', segment: { start_s: 0, end_s: 0.15 } },
    { score: 0.9, label: 'yes', segment: { start_s: 0.15, end_s: 0.25 } },
    { score: 0.9, label: 'no', segment: { start_s: 0.2, end_s: 0.33 } },
  ]);
});

test('labels that are no word and words not sure enough are not told', async (t) => {
  t.same((await listen(tone(100), [[0, 0, 1]])).observations, []);
  t.same((await listen(tone(100), [[0.89, 0, 0]])).observations, []);
  t.match((await listen(tone(100), [[0.79, 0, 0]], { min_score: 0.75 })).observations, [{ label: 'yes', score: 0.79 }]);
});

test('a short recording is filled up with silence, and a quiet window is as loud as a loud one', async (t) => {
  const { observations, fed } = await listen(tone(40), [[1, 0, 0]]);
  t.same(observations, [{ score: 1, label: 'yes', segment: { start_s: 0, end_s: 0.04 } }]);
  const levels = fed[0] ?? new Float32Array();
  t.same(
    [...levels.slice(9)].map((level) => Number(level.toFixed(3))),
    new Array(6).fill(-13.816),
    'ln 1e-6 where nothing is',
  );
  const loud = (await listen(tone(40, 0.9), [])).fed[0] ?? [];
  t.ok(levels.every((level, i) => Math.abs(level - (loud[i] ?? Number.NaN)) < 1e-3));
  t.equal((await listen(new Float32Array(100), [])).fed[0]?.every(Number.isFinite), true, 'digital silence has no largest sample');
  t.equal((await listen(new Float32Array(), [])).fed.length, 1);
});

test('the windows of a recording cover it', async (t) => {
  const windows = new SoundWindows(facts);
  t.same(windows.starts(100, 30), [0]);
  t.same(windows.starts(60, 30), [0]);
  t.same(windows.starts(130, 30), [0, 30]);
  t.same(windows.starts(131, 30), [0, 30, 31]);
});

test('an interruption makes two of a word', async (t) => {
  const heard = (label: string, score: number, start_s: number) => ({ label, score, segment: { start_s, end_s: start_s + 1 } });
  const found = merged([heard('a', 1, 0), heard('a', 0.2, 1), heard('a', 1, 2)], ({ score }) => score > 0.5);
  t.same(
    found.map(({ segment }) => segment),
    [
      { start_s: 0, end_s: 1 },
      { start_s: 2, end_s: 3 },
    ],
  );
});

test('segments are the same where label and time agree', async (t) => {
  const word = (label: string, start_s: number, end_s: number) => ({ score: 1, label, segment: { start_s, end_s } });
  t.same(differentSegments.score([word('a', 0, 1), word('b', 2, 3)], [word('a', 0.5, 1.5), word('b', 3, 4)]), { errors: 2, total: 2 });
  t.same(differentSegments.score([word('a', 0, 1)], [word('b', 0, 1)]), { errors: 2, total: 1 });
  t.same(differentSegments.score([word('a', 0, 1)], [word('a', 0, 1)]), { errors: 0, total: 1 });
});

test('a card that does not suit is refused with the reason', async (t) => {
  spotKeyword.fit(facts);
  const wrong: [Partial<ModelFacts>, RegExp][] = [
    [{ inputs: [{ name: 'in', dtype: 'float32', shape: [1, 5, 4] }] }, /one float32\[1,5,3\]/],
    [{ labels: ['yes', 'no'] }, /float32\[1,2\]/],
    [{ params: { ...facts.params, ignore: ['noise'] } }, /ignore "noise"/],
    [{ params: { ...facts.params, normalize: 'loud' } }, /normalize/],
  ];
  for (const [change, message] of wrong) t.throws(() => spotKeyword.fit({ ...facts, ...change }), { code: 'MODEL_INVALID', message });
});
