import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'tap';
import { asVariant, type ModelFacts } from '../../src/core/model.js';
import type { AudioPort, Task, TaskInput } from '../../src/core/task.js';
import { floats, type Tensors } from '../../src/core/tensor.js';
import { samplesAudio } from '../../src/engine/audio.js';
import { Session } from '../../src/engine/session.js';
import { denoiseSpeech } from '../../src/tasks/denoise-speech.js';
import { differentScores } from '../../src/tasks/different-scores.js';
import { noiseFloorDb } from '../../src/tasks/noise-floor.js';
import { OverlappingFrames } from '../../src/tasks/overlapping-frames.js';
import { catalogueModel } from '../support/catalogue.js';
import { Chance } from '../support/chance.js';
import { mixNoise, noiseKinds, siSdr } from '../support/noise.js';
import { plainWav } from '../support/silero-reference.js';

const data = process.env.SHOAL_TEST_DATA;
const chance = new Chance(11);
const noisy = (length: number) => Float32Array.from({ length }, () => chance.between(-0.5, 0.5));
const furthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] ?? Number.NaN))));

test('a recording taken apart and put together is the same, whatever its length', async (t) => {
  for (const length of [1, 7, 8, 9, 16, 100]) {
    const samples = noisy(length);
    const frames = new OverlappingFrames(samples, 16);
    const spectrum = new Float32Array(18);
    for (let frame = 0; frame < frames.count; frame++) {
      frames.spectrum(frame, spectrum);
      frames.put(frame, spectrum);
    }
    t.equal(frames.output.length, length);
    t.ok(furthest(samples, frames.output) < 1e-6, `${length} samples`);
  }
  t.equal(new OverlappingFrames(new Float32Array(), 16).count, 0);
});

test('the noise floor is the level of the quietest tenth, and silence is 16 bits deep', async (t) => {
  const samples = new Float32Array(1000).fill(0.5);
  samples.fill(0.01, 300, 400);
  t.ok(Math.abs(noiseFloorDb(samples, 10) - -40) < 1e-4);
  t.equal(noiseFloorDb(new Float32Array(100), 10), -98);
  t.equal(noiseFloorDb(new Float32Array(), 10), -98);
});

/** Doubles the spectrum and counts its frames in its state. */
const facts: ModelFacts = {
  name: 'cleaner',
  version: '1.0.0',
  task: 'denoise-speech',
  inputs: [
    { name: 'mix', dtype: 'float32', shape: [1, 9, 1, 2] },
    { name: 'past', dtype: 'float32', shape: [1, 1] },
  ],
  outputs: [
    { name: 'clean', dtype: 'float32', shape: [1, 9, 1, 2] },
    { name: 'next', dtype: 'float32', shape: [1, 1] },
  ],
  params: { rate_hz: 1000, frame_samples: 16, spectrum: { input: 'mix', output: 'clean' }, state: { past: 'next' } },
  labels: [],
};

function look(model: ModelFacts, infer: (feeds: Tensors) => Promise<Tensors>) {
  return async (audio: AudioPort | null, options: object = {}) => {
    const given: { samples?: Float32Array; rateHz?: number } = {};
    const input: TaskInput<unknown> = {
      image: null,
      audio,
      series: null,
      text: null,
      file: null,
      each: null,
      model,
      options: denoiseSpeech.options.parse(options),
      infer,
      replaceAudio: (samples, rateHz) => Object.assign(given, { samples, rateHz }),
      measure: async (_, work) => work(),
    };
    const observations = await (denoiseSpeech as Task).run(input);
    return { observations, ...given };
  };
}

test('frames go through the model in order with its state, and what comes out is told and given to later stages', async (t) => {
  const states: number[] = [];
  const halve = look(facts, async (feeds) => {
    states.push(floats(feeds, 'past')[0] ?? -1);
    return {
      clean: { dtype: 'float32', shape: [1, 9, 1, 2], data: floats(feeds, 'mix').map((value) => value / 2) },
      next: { dtype: 'float32', shape: [1, 1], data: Float32Array.of(states.length) },
    };
  });
  const samples = noisy(80);
  const { observations, samples: cleaned = [], rateHz } = await halve(samplesAudio(samples, 1000));
  t.same(states, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  t.equal(rateHz, 1000);
  t.equal(cleaned.length, 80);
  t.ok(
    furthest(
      samples.map((sample) => sample / 2),
      cleaned,
    ) < 1e-6,
  );
  t.match(observations, [{ score: 0.75, label: 'noise', values: { reduction_db: 6.02 } }]);
  const mixed = await halve(samplesAudio(samples, 1000), { mix: 0.5 });
  t.ok(
    furthest(
      samples.map((sample) => sample * 0.75),
      mixed.samples ?? [],
    ) < 1e-6,
    'half of the original is left',
  );
  await t.rejects(halve(null), { code: 'CAPTURE_UNSUPPORTED' });
});

test('a card that does not suit is refused with the reason', async (t) => {
  denoiseSpeech.fit(facts);
  const params = facts.params;
  const wrong: [Partial<ModelFacts>, RegExp][] = [
    [{ params: { ...params, frame_samples: 20 } }, /power of two/],
    [{ params: { ...params, frame_samples: 32 } }, /it needs float32\[1,17,1,2\]/],
    [{ params: { ...params, spectrum: { input: 'mix', output: 'cleaner' } } }, /no tensor "cleaner"/],
    [{ params: { ...params, state: { past: 'clean' } } }, /it needs float32\[1,1\]/],
    [{ params: { ...params, state: {} } }, /nothing is said of its input "past"/],
  ];
  for (const [change, message] of wrong) t.throws(() => denoiseSpeech.fit({ ...facts, ...change }), { code: 'MODEL_INVALID', message });
});

test('scores that differ are counted by how far they are apart', async (t) => {
  t.same(differentScores.score([{ score: 0.5 }, { score: 1 }], [{ score: 0.25 }]), { errors: 1.25, total: 2 });
});

test('GTCRN makes speech cleaner in every noise', { skip: data === undefined && 'SHOAL_TEST_DATA is not set' }, async (t) => {
  const card = await catalogueModel(data ?? '', 'gtcrn');
  const variant = card.variants[0];
  if (variant === undefined) throw new Error('gtcrn has no variant');
  const model = asVariant(card, variant);
  const session = await Session.open(card, variant, { threads: 1, arena: false });
  const recordings = {
    'a near speaker': plainWav(readFileSync(path.join(data ?? '', 'data/speech/speech.wav'))),
    'an announcement': plainWav(readFileSync('samples/announcement.wav')).slice(16_000, 48_000),
  };
  for (const [who, clean] of Object.entries(recordings)) {
    for (const [seed, kind] of noiseKinds.entries()) {
      const mixed = mixNoise(clean, kind, 5, seed);
      const { observations, samples = [] } = await look(model, (feeds) => session.run(feeds))(samplesAudio(mixed, 16_000));
      const gain = siSdr(clean, samples) - siSdr(clean, mixed);
      t.ok(gain > 5, `${who}, ${kind}: ${gain.toFixed(1)} dB cleaner`);
      t.ok((observations[0]?.values?.reduction_db ?? 0) > 10, `noise ${observations[0]?.values?.reduction_db} dB lower`);
    }
  }
  await session.release();
});
