import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import type { ModelFacts } from '../../src/core/model.js';
import type { AudioPort, TaskInput } from '../../src/core/task.js';
import type { Tensors } from '../../src/core/tensor.js';
import { openAudio } from '../../src/engine/audio.js';
import { openRegistry } from '../../src/registry/registry.js';
import { detectSpeech } from '../../src/tasks/detect-speech.js';
import { speechSegments } from '../../src/tasks/speech-segments.js';
import { openTask } from '../../tools/run-task.js';
import { plainWav, referenceProbabilities, referenceSegments } from '../support/silero-reference.js';

const data = process.env.SHOAL_TEST_DATA;
const rule = { frame: 512, threshold: 0.5, negThreshold: 0.35, minSpeech: 4000, minSilence: 1600, pad: 480 };

/** Frames from runs of [probability, count]. */
const frames = (...runs: [number, number][]) => runs.flatMap(([probability, count]) => new Array<number>(count).fill(probability));
const spans = (probabilities: number[], length = probabilities.length * 512) =>
  speechSegments(probabilities, length, rule).map(({ start, end }) => [start, end]);

test('a segment starts at the threshold and is padded on both sides', async (t) => {
  t.same(spans(frames([0, 10], [0.5, 20], [0, 10])), [[10 * 512 - 480, 30 * 512 + 480]]);
  t.same(spans(frames([0, 10], [0.49, 20], [0, 10])), [], 'just below is none');
});

test('between the thresholds a segment goes on, and no new one starts', async (t) => {
  t.same(spans(frames([0, 10], [0.9, 10], [0.4, 20], [0, 10])), [[10 * 512 - 480, 40 * 512 + 480]]);
  t.same(spans(frames([0.4, 40])), []);
});

test('a short silence does not end a segment, one of 100 ms does, and the end is where it began', async (t) => {
  t.same(spans(frames([0.9, 20], [0, 3], [0.9, 20])), [[0, 43 * 512]], '96 ms');
  t.same(
    spans(frames([0.9, 20], [0, 5], [0.9, 20])),
    [
      [0, 20 * 512 + 480],
      [25 * 512 - 480, 45 * 512],
    ],
    '160 ms',
  );
  t.same(
    spans(frames([0.9, 20], [0, 2], [0.4, 2], [0, 1], [0.9, 20])).length,
    2,
    'what is between the thresholds does not interrupt a silence',
  );
});

test('segments of 250 ms or less are left out, at the end of the recording too', async (t) => {
  t.same(spans(frames([0.9, 7], [0, 10])), []);
  t.same(spans(frames([0.9, 8], [0, 10])), [[0, 8 * 512 + 480]]);
  t.same(spans(frames([0, 10], [0.9, 8]), 18 * 512 - 96), [], 'exactly 250 ms');
});

test('a segment of exactly the least length is left out', async (t) => {
  const exact = { ...rule, minSpeech: 8 * 512 };
  t.equal(speechSegments(frames([0.9, 8], [0, 10]), 18 * 512, exact).length, 0);
  t.equal(speechSegments(frames([0.9, 9], [0, 10]), 19 * 512, exact).length, 1);
});

test('two segments closer than twice the padding share the gap', async (t) => {
  const close = speechSegments(frames([0.9, 20], [0, 5], [0.9, 20]), 45 * 512, { ...rule, pad: 2000 });
  t.same(
    close.map(({ start, end }) => [start, end]),
    [
      [0, 20 * 512 + 1280],
      [25 * 512 - 1280, 45 * 512],
    ],
  );
});

test('the score is the mean probability of the frames of the segment', async (t) => {
  const [segment] = speechSegments(frames([0, 10], [0.8, 10], [0.6, 10], [0, 10]), 40 * 512, rule);
  t.ok(Math.abs((segment?.score ?? 0) - 0.7) < 1e-6);
});

test('on any course of probabilities the segments are those of the rule written out', async (t) => {
  const run = fc.tuple(fc.constantFrom(0, 0.1, 0.34, 0.35, 0.4, 0.499, 0.5, 0.51, 0.9, 1), fc.integer({ min: 1, max: 20 }));
  const found: number[] = [];
  fc.assert(
    fc.property(fc.array(run, { maxLength: 40 }), fc.integer({ min: 0, max: 511 }), (runs, missing) => {
      const probabilities = frames(...runs);
      const length = Math.max(0, probabilities.length * 512 - missing);
      const ours = speechSegments(probabilities, length, rule).map(({ start, end }) => ({ startS: start / 16000, endS: end / 16000 }));
      found.push(ours.length);
      assert.deepStrictEqual(ours, referenceSegments(probabilities, length));
    }),
    { numRuns: 500 },
  );
  t.ok(Math.max(...found) > 2, `up to ${Math.max(...found)} segments in ${found.length} courses`);
});

const facts: ModelFacts = {
  name: 'vad',
  version: '1.0.0',
  task: 'detect-speech',
  inputs: [
    { name: 'input', dtype: 'float32', shape: [1, 6] },
    { name: 'state', dtype: 'float32', shape: [1, 2] },
    { name: 'sr', dtype: 'int64', shape: [] },
  ],
  outputs: [
    { name: 'output', dtype: 'float32', shape: [1, 1] },
    { name: 'stateN', dtype: 'float32', shape: [1, 2] },
  ],
  params: { rate_hz: 1000, frame_samples: 4, context_samples: 2 },
  labels: [],
};

test('frames come with their context, the state goes from run to run, the last frame is filled up', async (t) => {
  const fed: { input: number[]; state: number[]; sr: bigint }[] = [];
  const audio: AudioPort = { durationS: 0.01, rateHz: 1000, samples: async () => Float32Array.from({ length: 10 }, (_, i) => i + 1) };
  const input: TaskInput<ReturnType<typeof detectSpeech.options.parse>> = {
    image: null,
    audio,
    series: null,
    text: null,
    file: null,
    each: null,
    model: facts,
    options: detectSpeech.options.parse({}),
    infer: async (feeds: Tensors) => {
      const [first] = feeds.sr?.data ?? [];
      fed.push({
        input: [...(feeds.input?.data ?? [])].map(Number),
        state: [...(feeds.state?.data ?? [])].map(Number),
        sr: BigInt(first ?? 0),
      });
      return {
        output: { dtype: 'float32', shape: [1, 1], data: Float32Array.of(0) },
        stateN: { dtype: 'float32', shape: [1, 2], data: Float32Array.of(fed.length, -fed.length) },
      };
    },
    measure: async (_, work) => work(),
  };
  await detectSpeech.run(input);
  t.strictSame(fed, [
    { input: [0, 0, 1, 2, 3, 4], state: [0, 0], sr: 1000n },
    { input: [3, 4, 5, 6, 7, 8], state: [1, -1], sr: 1000n },
    { input: [7, 8, 9, 10, 0, 0], state: [2, -2], sr: 1000n },
  ]);
  await t.rejects(detectSpeech.run({ ...input, audio: null }), { code: 'CAPTURE_UNSUPPORTED' });
});

test('a card that does not suit is refused by what is wrong with it', async (t) => {
  t.doesNotThrow(() => detectSpeech.fit(facts));
  const refused = (change: Partial<ModelFacts>, message: RegExp) =>
    t.throws(() => detectSpeech.fit({ ...facts, ...change }), { code: 'MODEL_INVALID', message });
  refused({ params: {} }, /rate_hz/);
  refused({ params: { ...facts.params, frame_samples: 5 } }, /"input" is float32\[1,6\], it needs float32\[1,7\]/);
  refused({ inputs: facts.inputs.slice(0, 2) }, /"sr" is missing/);
  refused({ outputs: facts.outputs.slice(0, 1) }, /"stateN" is missing/);
  refused({ params: { ...facts.params, context_samples: 5, frame_samples: 1 } }, /more than a frame/);
});

test('a recording at another rate gives the segments of the rule on its resampled form', async (t) => {
  const model = (await openRegistry(['models'])).find('silero-vad');
  if (model === null) throw new Error('models/silero-vad is missing');
  const file = readFileSync(path.join(model.directory, 'golden/input.wav'));
  const samples = [...(await openAudio(file).samples(16000))];
  const expected = referenceSegments(await referenceProbabilities(model, samples), samples.length);
  t.equal(expected.length, 2, 'two sentences');
  const opened = await openTask(detectSpeech, model);
  const { observations } = await opened.run(file);
  await opened.close();
  t.strictSame(
    observations.map(({ segment }) => segment),
    expected.map(({ startS, endS }) => ({ start_s: Math.round(startS * 1000) / 1000, end_s: Math.round(endS * 1000) / 1000 })),
  );
});

test('segments of real recordings lie within 100 ms of the rule written out', {
  skip: data === undefined && '3 recordings: SHOAL_TEST_DATA is not set',
}, async (t) => {
  const model = (await openRegistry(['models'])).find('silero-vad');
  if (model === null || data === undefined) throw new Error('models/silero-vad is missing');
  const opened = await openTask(detectSpeech, model);
  const folder = path.join(data, 'data/speech');
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.wav'))) {
    const file = readFileSync(path.join(folder, name));
    const samples = plainWav(file);
    const expected = referenceSegments(await referenceProbabilities(model, samples), samples.length);
    const { observations } = await opened.run(file);
    t.equal(observations.length, expected.length, name);
    expected.forEach(({ startS, endS }, i) => {
      const segment = observations[i]?.segment;
      t.ok(
        Math.abs((segment?.start_s ?? Number.NaN) - startS) <= 0.1 && Math.abs((segment?.end_s ?? Number.NaN) - endS) <= 0.1,
        `${name}: segment ${i}`,
      );
    });
  }
  await opened.close();
});
