import { test } from 'tap';
import type { ModelFacts } from '../../src/core/model.js';
import type { TaskInput } from '../../src/core/task.js';
import { samplesAudio } from '../../src/engine/audio.js';
import { embedAudio } from '../../src/tasks/embed-audio.js';

type Options = ReturnType<typeof embedAudio.options.parse>;

const facts: ModelFacts = {
  name: 'ear',
  version: '1.0.0',
  task: 'embed-audio',
  inputs: [{ name: 'in', dtype: 'float32', shape: [1, 10] }],
  outputs: [{ name: 'out', dtype: 'float32', shape: [1, 2] }],
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
  },
  labels: [],
};

async function listen(answers: readonly (readonly [number, number])[], length: number, options: Partial<Options> = {}) {
  let runs = 0;
  const input: TaskInput<Options> = {
    image: null,
    audio: samplesAudio(new Float32Array(length).fill(0.1), 1000),
    series: null,
    text: null,
    file: null,
    each: null,
    model: facts,
    options: embedAudio.options.parse({ hop_ms: 50, ...options }),
    infer: async () => ({ out: { dtype: 'float32', shape: [1, 2], data: Float32Array.from(answers[runs++] ?? []) } }),
    measure: async (_, work) => work(),
  };
  return embedAudio.run(input);
}

test('a recording points where its windows point together, however strong each is', async (t) => {
  t.same(await listen([[3, 4]], 100), [{ score: 1, embedding: [0.6, 0.8] }]);
  const two = await listen(
    [
      [0, 5],
      [96, 28],
    ],
    150,
  );
  t.same(two, [{ score: 1, embedding: [0.6, 0.8] }]);
});

test('each window has its own embedding and its time when asked for', async (t) => {
  const answers = [
    [0, 2],
    [2, 0],
  ] as const;
  t.same(await listen(answers, 130, { per: 'window' }), [
    { score: 1, segment: { start_s: 0, end_s: 0.1 }, embedding: [0, 1] },
    { score: 1, segment: { start_s: 0.03, end_s: 0.13 }, embedding: [1, 0] },
  ]);
});

test('an answer without a direction fails, and a card that does not suit is refused', async (t) => {
  await t.rejects(listen([[0, 0]], 100), { code: 'INFERENCE', message: /without a direction/ });
  embedAudio.fit(facts);
  t.throws(() => embedAudio.fit({ ...facts, outputs: [{ name: 'out', dtype: 'float32', shape: [1, 2, 2] }] }), { message: /\[1,n\]/ });
  t.throws(() => embedAudio.fit({ ...facts, inputs: [{ name: 'in', dtype: 'float32', shape: [1, 12] }] }), { message: /\[1,5,2\]/ });
});
