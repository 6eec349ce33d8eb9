import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import type { ModelFacts } from '../../src/core/model.js';
import type { Observation } from '../../src/core/result.js';
import type { AudioPort, TaskInput } from '../../src/core/task.js';
import type { Tensors } from '../../src/core/tensor.js';
import { openAudio } from '../../src/engine/audio.js';
import { openRegistry } from '../../src/registry/registry.js';
import { detectSpeech } from '../../src/tasks/detect-speech.js';
import { freshMemory, readMemory, type SpeechMemory, writeMemory } from '../../src/tasks/speech-memory.js';
import { hear, nothingHeard, type SpeechSegment, speechSegments } from '../../src/tasks/speech-segments.js';
import { type OpenedTask, openTask, type TaskRun } from '../../tools/run-task.js';
import { plainWav, referenceProbabilities, referenceSegments } from '../support/silero-reference.js';
import { wavOf } from '../support/wav.js';

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

test('probabilities that come in pieces give the segments of the whole', async (t) => {
  const run = fc.tuple(fc.constantFrom(0, 0.1, 0.34, 0.4, 0.5, 0.9), fc.integer({ min: 1, max: 20 }));
  let found = 0;
  fc.assert(
    fc.property(
      fc.array(run, { maxLength: 40 }),
      fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 8 }),
      (runs, cuts) => {
        const probabilities = frames(...runs);
        const whole = hear(nothingHeard, probabilities, rule);
        const pieces: SpeechSegment[] = [];
        let course = nothingHeard;
        for (let at = 0, i = 0; at < probabilities.length; i++) {
          const next = at + Math.max(1, cuts[i % cuts.length] ?? 1);
          const heard = hear(course, probabilities.slice(at, next), rule);
          pieces.push(...heard.closed);
          course = heard.course;
          at = next;
        }
        found += whole.closed.length;
        assert.deepStrictEqual([pieces, course], [whole.closed, whole.course]);
      },
    ),
    { numRuns: 300 },
  );
  t.ok(found > 100, `${found} segments`);
});

test('what is kept comes back to the last bit, and other bytes are refused', async (t) => {
  const memory: SpeechMemory = {
    state: Float32Array.of(0.1, -0.2),
    samples: Float32Array.of(0.5, 0.25, 1e-9),
    course: { at: 5120, open: { start: 512, sum: 3.3, frames: 4, silence: { from: 1024, sum: 3.2, frames: 3 } } },
    lastEnd: 480,
  };
  const bytes = writeMemory(memory);
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  t.strictSame(readMemory(shifted.subarray(3), 2), memory);
  t.strictSame(readMemory(writeMemory(freshMemory(new Float32Array(2), 64)), 2), freshMemory(new Float32Array(2), 64));
  for (const wrong of [bytes.subarray(1), bytes.subarray(0, -4), new Uint8Array(), new Uint8Array(7)]) {
    t.throws(() => readMemory(wrong, 2), { code: 'INFERENCE' });
  }
});

/** Each segment once, over all windows: from what the window it was last told with says of it, in seconds of the stream. */
function overWindows(windows: readonly { readonly startS: number; readonly observations: readonly Observation[] }[]) {
  const last = new Map<number, { start: number; end: number; ongoing: number }>();
  for (const { startS, observations } of windows) {
    for (const { values, segment } of observations) {
      const start = Math.round((startS + (values?.from_s ?? Number.NaN)) * 1000) / 1000;
      const end = Math.round((startS + (values?.to_s ?? Number.NaN)) * 1000) / 1000;
      assert.ok(segment !== undefined && segment.start_s >= 0 && segment.end_s >= segment.start_s);
      last.set(start, { start, end, ongoing: values?.ongoing ?? Number.NaN });
    }
  }
  return [...last.values()];
}

async function listen(opened: OpenedTask, samples: Float32Array, seconds: number) {
  let before: Uint8Array | null = null;
  const windows: { startS: number; observations: Observation[] }[] = [];
  const size = Math.round(seconds * 16_000);
  for (let at = 0; at < samples.length; at += size) {
    const encoded = wavOf(samples.subarray(at, at + size), 16_000);
    const heard: TaskRun = await opened.run(encoded, undefined, {}, before);
    before = heard.kept ?? null;
    windows.push({ startS: at / 16_000, observations: heard.observations });
  }
  return { windows, kept: before };
}

test('windows of a stream are heard as one: with both shapes of the model, whatever their length', async (t) => {
  const model = (await openRegistry(['models'])).find('silero-vad');
  if (model === null) throw new Error('models/silero-vad is missing');
  const file = readFileSync(path.join(model.directory, 'golden/input.wav'));
  const samples = await openAudio(file).samples(16_000);
  for (const [variant, seconds] of [
    ['frames', 1],
    ['frames', 0.37],
    ['frames', 0.02],
    ['fp32', 1],
  ] as const) {
    const opened = await openTask(detectSpeech, model, variant);
    const whole = (await opened.run(wavOf(samples, 16_000))).observations;
    const { windows, kept } = await listen(opened, samples, seconds);
    const found = overWindows(windows);
    t.equal(found.length, whole.length, `${variant}, ${seconds} s: as many segments`);
    for (const [i, { start, end }] of found.entries()) {
      const segment = whole[i]?.segment;
      t.ok(Math.abs(start - (segment?.start_s ?? Number.NaN)) <= 0.001, `${variant}, ${seconds} s: start ${start}`);
      t.ok(Math.abs(end - (segment?.end_s ?? Number.NaN)) <= 0.001, `${variant}, ${seconds} s: end ${end}`);
    }
    t.ok((kept?.byteLength ?? Number.NaN) <= limits.stateBytesMax / 10, `${kept?.byteLength} bytes are kept`);
    // The control: windows heard each for itself are cut at every second.
    const alone = await Promise.all(
      windows.map(({ startS }) => opened.run(wavOf(samples.subarray(startS * 16_000, (startS + seconds) * 16_000), 16_000))),
    );
    t.ok(seconds < 0.1 || alone.flatMap(({ observations }) => observations).length > whole.length, 'alone they are cut');
    await opened.close();
  }
});

test('a segment over windows is told with each of them, and again with none once it is over', async (t) => {
  const model = (await openRegistry(['models'])).find('silero-vad');
  if (model === null) throw new Error('models/silero-vad is missing');
  const opened = await openTask(detectSpeech, model);
  const samples = await openAudio(readFileSync(path.join(model.directory, 'golden/input.wav'))).samples(16_000);
  const { windows } = await listen(opened, samples, 0.5);
  await opened.close();
  const ongoing = windows.map(({ observations }) => observations.map(({ values }) => values?.ongoing ?? -1));
  t.ok(
    ongoing.some(([first]) => first === 1),
    JSON.stringify(ongoing),
  );
  t.ok(windows.some(({ observations }) => observations.some(({ values, segment }) => (values?.from_s ?? 0) < 0 && segment?.start_s === 0)));
  t.ok(windows.some(({ observations }) => observations.length === 0));
});
