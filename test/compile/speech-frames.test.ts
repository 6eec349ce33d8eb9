import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Test, test } from 'tap';
import { readModel } from '../../src/compile/onnx/read.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { buildVariant, parseRecipe } from '../../src/compile/recipe.js';
import { speechFrames } from '../../src/compile/speech-frames.js';
import { asVariant, type Model } from '../../src/core/model.js';
import { openAudio } from '../../src/engine/audio.js';
import { Session } from '../../src/engine/session.js';
import { openRegistry } from '../../src/registry/registry.js';
import { hearFrames, silentState } from '../../src/tasks/speech-model.js';
import { referenceSegments } from '../support/silero-reference.js';

const data = process.env.SHOAL_TEST_DATA;

function silero(models: Awaited<ReturnType<typeof openRegistry>>): Model {
  const model = models.find('silero-vad');
  if (model === null) throw new Error('models/silero-vad is missing');
  return model;
}

const model = silero(await openRegistry(['models']));

async function hearBy(variant: string, samples: Float32Array) {
  const chosen = model.variants.find(({ name }) => name === variant);
  if (chosen === undefined) throw new Error(`no variant ${variant}`);
  const facts = asVariant(model, chosen);
  const session = await Session.open(facts, chosen, { threads: 1, arena: false });
  const all = new Float32Array(64 + Math.ceil(samples.length / 512) * 512);
  all.set(samples, 64);
  let runs = 0;
  const infer = (feeds: Parameters<typeof session.run>[0]) => {
    runs++;
    return session.run(feeds);
  };
  const heard = await hearFrames({ model: facts, infer }, all, silentState(facts));
  await session.release();
  return { ...heard, runs };
}

async function compare(t: Test, name: string, file: Buffer): Promise<void> {
  const samples = await openAudio(file).samples(16_000);
  const [single, many] = [await hearBy('fp32', samples), await hearBy('frames', samples)];
  const largest = (a: Float32Array, b: Float32Array) =>
    a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
  const off = largest(single.probabilities, many.probabilities);
  t.equal(many.probabilities.length, single.probabilities.length);
  t.ok(off <= 1e-4, `${name}: probabilities differ by at most ${off}`);
  t.ok(largest(single.state, many.state) <= 1e-3, `${name}: so does what is carried on`);
  t.strictSame(referenceSegments([...many.probabilities], samples.length), referenceSegments([...single.probabilities], samples.length));
  t.equal(single.runs, single.probabilities.length, 'frame by frame');
  t.equal(many.runs, Math.ceil(many.probabilities.length / 64), 'many a run');
  t.ok(Math.max(...single.probabilities) - Math.min(...single.probabilities) > 0.2, `${name}: they vary`);
}

test('many frames a run give what one frame a run gives', async (t) => {
  await compare(t, 'two sentences', readFileSync(path.join(model.directory, 'golden/input.wav')));
  await compare(t, 'words', readFileSync('bench/data/words.wav'));
});

test('and so on real recordings', { skip: data === undefined && '1 recording: SHOAL_TEST_DATA is not set' }, async (t) => {
  const folder = path.join(data ?? '', 'data/speech');
  t.ok(readdirSync(folder).includes('trn01.wav'));
  await compare(t, 'a meeting', readFileSync(path.join(folder, 'trn01.wav')));
});

test('the bundled variant is what its recipe makes of the file as shipped', (t) => {
  const file = (name: string) => path.join(model.directory, name);
  const recipe = parseRecipe(readFileSync(file('frames.recipe.json'), 'utf8'), 'frames.recipe.json');
  t.ok(Buffer.from(buildVariant(readFileSync(file('model.onnx')), recipe)).equals(readFileSync(file('frames.onnx'))));
  t.end();
});

test('another graph is refused by the weight that is not as it should be', (t) => {
  const other = readModel(readFileSync(path.join(model.directory, 'model.onnx')));
  const cut = other.graph.initializers.find(({ name }) => name.endsWith('encoder.2.reparam_conv.bias'));
  if (cut === undefined) throw new Error('not there');
  cut.dims = [32];
  cut.data = cut.data.subarray(0, 128);
  t.throws(() => speechFrames(other), { code: 'MODEL_INVALID', message: /"encoder.2.reparam_conv.bias" is \[32\], it needs \[64\]/ });
  cut.name = 'gone';
  t.throws(() => speechFrames(other), { code: 'MODEL_INVALID', message: /is not there as float32/ });
  t.ok(writeModel(other).length > 0, 'what was given stays a model');
  t.end();
});
