import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'tap';
import type { ModelFacts } from '../../src/core/model.js';
import type { Task, TaskInput } from '../../src/core/task.js';
import { floats } from '../../src/core/tensor.js';
import { samplesAudio } from '../../src/engine/audio.js';
import { detectSoundAnomaly } from '../../src/tasks/detect-sound-anomaly.js';
import { SoundFeatures, soundFeatureParams } from '../../src/tasks/sound-features.js';
import { openTask } from '../../tools/run-task.js';
import { catalogueModel } from '../support/catalogue.js';

const data = process.env.SHOAL_TEST_DATA;
type Options = ReturnType<typeof detectSoundAnomaly.options.parse>;

const features = soundFeatureParams.parse({
  frame_samples: 64,
  hop_samples: 32,
  fft_samples: 64,
  spectrum: 'power',
  mel: { style: 'librosa', bands: 4, low_hz: 0, high_hz: 500 },
  log: 'decibel',
  log_offset: 1e-10,
});

/** Three frames of four bands at 1 kHz. */
const facts: ModelFacts = {
  name: 'machine',
  version: '1.0.0',
  task: 'detect-sound-anomaly',
  inputs: [{ name: 'in', dtype: 'float32', shape: [1, 12] }],
  outputs: [{ name: 'out', dtype: 'float32', shape: [1, 12] }],
  params: { rate_hz: 1000, frames: 3, features, threshold: 'not calibrated', reference_error: 12 },
  labels: [],
};

/** A model that draws everything `off` decibels too high. */
async function listen(samples: Float32Array, off: (run: number) => number, options: Partial<Options> = {}, model = facts) {
  const fed: number[][] = [];
  const input: TaskInput<Options> = {
    image: null,
    audio: samplesAudio(samples, 1000),
    series: null,
    text: null,
    file: null,
    each: null,
    model,
    options: detectSoundAnomaly.options.parse(options),
    infer: async (feeds) => {
      const seen = floats(feeds, 'in');
      fed.push([...seen]);
      return { out: { dtype: 'float32', shape: [1, 12], data: seen.map((level) => level + off(fed.length - 1)) } };
    },
    measure: async (_, work) => work(),
  };
  return { observations: await detectSoundAnomaly.run(input), fed };
}

const sweep = (length: number) => Float32Array.from({ length }, (_, i) => 0.5 * Math.sin(i * i * 0.001));

test('the model sees frames in a row, one further each time, and its mean squared error is told', async (t) => {
  const samples = sweep(64 + 32 * 5);
  const { observations, fed } = await listen(samples, () => 2);
  const all = new Float32Array(4 * 6);
  const reference = new SoundFeatures(features, 1000);
  for (let frame = 0; frame < 6; frame++) reference.frame(samples, frame, all, frame * 4);
  t.same(
    fed,
    [0, 1, 2, 3].map((frame) => [...all.slice(frame * 4, frame * 4 + 12)]),
  );
  t.same(
    observations,
    [{ score: 0.25, values: { error: 4 }, segment: { start_s: 0, end_s: 0.224 } }],
    '4 / (4 + the reference error of 12)',
  );
});

test('with a threshold the label says on which side of it the error is, and the score is 0.5 at it', async (t) => {
  const judge = async (off: number, options: Partial<Options>, model = facts) =>
    (await listen(sweep(200), () => off, options, model)).observations[0];
  t.match(await judge(3, { threshold: 9.001 }), { score: 0.5, label: 'normal', values: { error: 9, threshold: 9.001 } });
  t.match(await judge(3, { threshold: 8 }), { label: 'anomaly', score: 0.5294 });
  const calibrated = { ...facts, params: { ...facts.params, threshold: 3 } };
  t.match(await judge(1, {}, calibrated), { label: 'normal', score: 0.25, values: { threshold: 3 } });
  t.match(await judge(1, { threshold: 0.5 }, calibrated), { label: 'anomaly' }, 'the stage knows better than the card');
});

test('pieces are judged on their own', async (t) => {
  // 64 + 32 * 33 samples: 34 frames, 32 runs, of which the last 16 go wrong.
  const { observations } = await listen(sweep(64 + 32 * 33), (run) => (run < 16 ? 1 : 3), { piece_s: 0.512, threshold: 4 });
  t.match(observations, [
    { label: 'normal', values: { error: 1 }, segment: { start_s: 0, end_s: 0.512 } },
    { label: 'anomaly', values: { error: 9 }, segment: { start_s: 0.512, end_s: 1.12 } },
  ]);
});

test('a recording too short for one look, and what is none, is refused with the reason', async (t) => {
  await t.rejects(
    listen(sweep(127), () => 0),
    { code: 'CAPTURE_UNSUPPORTED', message: /0.127 s long, machine needs 0.128 s/ },
  );
  t.equal((await listen(sweep(128), () => 0)).fed.length, 1);
});

test('the model of MLPerf Tiny tells a steady fan from what is no machine', {
  skip: data === undefined && 'SHOAL_TEST_DATA is not set',
}, async (t) => {
  const opened = await openTask(detectSoundAnomaly as Task, await catalogueModel(data ?? '', 'machine-sound-ad01'));
  const errorOf = async (file: string) => (await opened.run(readFileSync(file))).observations[0]?.values?.error ?? Number.NaN;
  const fan = await errorOf('catalogue/machine-sound-ad01/1.0.0/golden/input.wav');
  const speech = await errorOf(path.join(data ?? '', 'data/speech/speech.wav'));
  await opened.close();
  t.ok(fan > 0 && fan < 100, `fan ${fan}`);
  t.ok(speech > 2 * fan, `speech ${speech}`);
});

test('a card that does not suit is refused with the reason', async (t) => {
  detectSoundAnomaly.fit(facts);
  const wrong: [Partial<ModelFacts>, RegExp][] = [
    [{ inputs: [{ name: 'in', dtype: 'float32', shape: [1, 16] }] }, /float32\[1,3,4\]/],
    [{ outputs: [{ name: 'out', dtype: 'float32', shape: [1, 16] }] }, /float32\[1,12\]/],
    [{ params: { ...facts.params, threshold: 'guessed' } }, /threshold/],
  ];
  for (const [change, message] of wrong)
    t.throws(() => detectSoundAnomaly.fit({ ...facts, ...change }), { code: 'MODEL_INVALID', message });
});
