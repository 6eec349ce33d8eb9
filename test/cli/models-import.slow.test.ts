/** `shoal models import` as an operator runs it: models nobody described become models of the board, and what is no model is refused. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import sharp from 'sharp';
import { test } from 'tap';
import { nodeOf, tensorOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { readCard } from '../../src/registry/card.js';
import { noise } from '../support/graph-lab.js';
import { shoal } from '../support/shoal-command.js';
import { flag, graphFiles, layersFiles, node, numbers, placeholder } from '../support/tfjs-lab.js';
import { modelOf, typedValue, withWeightsOutside } from '../support/tiny-onnx.js';

const shared = process.env.SHOAL_TEST_DATA;
const withModels = { skip: shared === undefined && '1 foreign model: SHOAL_TEST_DATA is not set' };

const fresh = (): string => mkdtempSync(path.join(tmpdir(), 'shoal-import-'));

/** A network trained here on red, green and blue pictures, in the form its makers' tools save it. */
async function colourClassifier(folder: string): Promise<void> {
  await tf.setBackend('cpu');
  const seeded = (seed: number) => layers.initializers.glorotUniform({ seed });
  const model = layers.sequential({
    layers: [
      layers.layers.conv2d({ inputShape: [8, 8, 3], filters: 4, kernelSize: 3, activation: 'relu', kernelInitializer: seeded(1) }),
      layers.layers.batchNormalization(),
      layers.layers.globalAveragePooling2d({}),
      layers.layers.dense({ units: 3, activation: 'softmax', kernelInitializer: seeded(2) }),
    ],
  });
  model.compile({ optimizer: tf.train.adam(0.05), loss: 'categoricalCrossentropy' });
  const count = 24;
  const values = noise(count * 8 * 8 * 3, 5).map((value, i) => {
    const [picture, channel] = [Math.floor(i / (8 * 8 * 3)), i % 3];
    return channel === picture % 3 ? 0.8 + 0.1 * value : 0.1 + 0.05 * value;
  });
  const classes = tf.oneHot(
    tf.tensor1d(
      Array.from({ length: count }, (_, i) => i % 3, 'int32'),
      'int32',
    ),
    3,
  );
  await model.fit(tf.tensor4d(values, [count, 8, 8, 3]), classes, { epochs: 30, batchSize: 24, verbose: 0, shuffle: false });
  for (const [name, bytes] of await layersFiles(model)) writeFileSync(path.join(folder, name), bytes);
}

test("a stranger's classifier from TensorFlow.js is imported as drafted, and sees", async (t) => {
  const home = fresh();
  const folder = path.join(home, 'colours');
  mkdirSync(folder);
  await colourClassifier(folder);
  writeFileSync(path.join(home, 'labels.txt'), 'red\ngreen\nblue\n');
  const picture = path.join(home, 'green.png');
  await sharp({ create: { width: 60, height: 40, channels: 3, background: { r: 20, g: 210, b: 25 } } })
    .png()
    .toFile(picture);
  const args = ['models', 'import', folder, '--task', 'classify-image', '--labels', 'labels.txt', '--licence', 'CC0-1.0', '--out', 'mine'];

  const unasked = await shoal(home, ...args);
  t.equal(unasked.code, 2, unasked.stderr);
  t.match(unasked.stderr, /nobody is there to confirm the card: call again with --yes/);
  t.notOk(existsSync(path.join(home, 'mine')), 'nothing is written without a yes');

  const { code, stdout, stderr } = await shoal(home, ...args, '--yes', '--try', picture);
  t.equal(code, 0, stderr);
  t.match(stdout, /Please check:\n(.*\n)*.*the file ends with Softmax: its numbers are probabilities/);
  t.match(stdout, /against the TensorFlow\.js file as converted.*: largest relative difference [\d.e-]+ over 3 runs on random inputs/);
  t.match(stdout, /green\.png: found 1: green \d+ %/);
  const { card } = await readCard(path.join(home, 'mine/colours/1.0.0'));
  t.match(card, { task: 'classify-image', licence: 'CC0-1.0', inputs: [{ shape: [1, 8, 8, 3] }], labels: 'labels.txt' });
  t.match(JSON.parse(readFileSync(path.join(home, 'mine/colours/1.0.0/fp32.recipe.json'), 'utf8')), { import: { format: 'tfjs' } });

  const config = path.join(home, 'shoal.yaml');
  writeFileSync(
    config,
    `version: 1\ndevice: { id: test }\npaths: { state_dir: ${home}, models_dirs: [${home}/mine] }\n` +
      `sinks: { out: { type: file, path: ${home}/out.jsonl } }\ninputs: { inbox: { type: folder, path: ${home}/inbox } }\n` +
      'pipelines: { colour: { from: [inbox], stages: [{ task: classify-image, as: colour, model: colours }] } }\n',
  );
  const inferred = await shoal(home, 'infer', picture, '--config', config);
  t.match(inferred.stdout, /green/, inferred.stderr);

  const again = await shoal(home, ...args, '--yes');
  t.not(again.code, 0);
  t.match(again.stderr, /is there already; a version never changes/);
});

test('a detector nobody described is drafted, mended in a file and imported with the file', withModels, async (t) => {
  const home = fresh();
  const file = path.join(shared ?? '', 'models/yolox_nano_416.onnx');
  const labels = path.resolve('catalogue/yolox-nano/1.0.0/labels.txt');
  const drafted = await shoal(home, 'models', 'import', file, '--task', 'detect-objects', '--labels', labels, '--draft', 'card.yaml');
  t.equal(drafted.code, 0, drafted.stderr);
  t.match(drafted.stdout, /a YOLOX, boxes not decoded/);
  t.match(drafted.stdout, /nobody said under which licence the weights are/);
  const text = readFileSync(path.join(home, 'card.yaml'), 'utf8');
  t.match(text, /decoder: grid/);
  writeFileSync(path.join(home, 'card.yaml'), text.replace('LicenseRef-unknown', 'Apache-2.0').replace('min_score: 0.3', 'min_score: 0.5'));
  const { code, stdout, stderr } = await shoal(home, 'models', 'import', file, '--card', 'card.yaml', '--out', 'mine');
  t.equal(code, 0, stderr);
  t.match(stdout, /against the file as it came: largest relative difference [\d.e-]+ over 3 runs/);
  t.match(stdout, /astronaut\.png: found 1: person \d+ %/);
  t.match(stdout, /coffee\.png: found \d: cup \d+ %/);
  const { card } = await readCard(path.join(home, 'mine/yolox-nano-416/1.0.0'));
  t.match(card, { licence: 'Apache-2.0', params: { min_score: 0.5 } });
});

test('a TFLite file of bytes is imported as such', withModels, async (t) => {
  const home = fresh();
  const file = path.join(shared ?? '', 'models/tflite/ic_resnet_int8.tflite');
  const { code, stdout, stderr } = await shoal(
    home,
    'models',
    'import',
    file,
    '--task',
    'classify-image',
    '--yes',
    '--as',
    'things@2.1.0',
    '--out',
    'mine',
  );
  t.equal(code, 0, stderr);
  t.match(stdout, /nobody named the 10 classes/);
  const { card } = await readCard(path.join(home, 'mine/things/2.1.0'));
  t.same(Object.keys(card.variants), ['int8']);
  t.match(card.params, { activation: 'none' });
  t.match(stdout, /R, G, B, 0 to 255, as the bytes say that the model makes of them/, 'the file says what its input holds');
  t.match(stdout, /astronaut\.png: found 1: class-\d/);
  t.notOk((card.params.pixels as { scale?: number }).scale, 'no scale');
});

test('a model that tells presence is drafted for a task that says no more than that', withModels, async (t) => {
  const home = fresh();
  const file = path.join(shared ?? '', 'models/tflite/vww_96_int8.tflite');
  const labels = path.resolve('catalogue/person-presence-vww/1.0.0/labels.txt');
  const args = ['models', 'import', file, '--task', 'classify-person-presence', '--yes', '--licence', 'CC-BY-NC-4.0', '--out', 'mine'];
  const unnamed = await shoal(home, ...args);
  t.equal(unnamed.code, 1);
  t.match(unnamed.stderr, /its labels are class-0, class-1, expected .*person/);
  const { code, stdout, stderr } = await shoal(home, ...args, '--labels', labels);
  t.equal(code, 0, stderr);
  t.match(stdout, /0 to 1, as the bytes say/);
  t.match(stdout, /astronaut\.png: found 1: person \d+ %/);
  const { card } = await readCard(path.join(home, 'mine/vww-96-int8/1.0.0'));
  t.match(card, { commercial_use: false }, 'a licence that forbids commercial use is marked so');
});

test(
  'a detector whose boxes are still to be decoded, scale by scale, is refused and not drafted from two of its twelve outputs',
  withModels,
  async (t) => {
    const home = fresh();
    const file = path.join(shared ?? '', 'models/yunet_n_320_320.onnx');
    const { code, stderr } = await shoal(home, 'models', 'import', file, '--task', 'detect-objects', '--yes', '--out', 'mine');
    t.equal(code, 1, stderr);
    t.match(stderr, /do not suit detect-objects: it knows no model with such tensors/);
    t.same(readdirSync(home), []);
  },
);

/** Typed to a terminal, after the question; what the terminal showed and the exit code. */
function typed(home: string, answer: string, args: readonly string[]): Promise<{ readonly code: number | null; readonly shown: string }> {
  const command = [path.resolve('bin/shoal'), ...args].join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: home, stdio: ['pipe', 'pipe', 'inherit'] });
  let shown = '';
  let asked = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    if (asked || !shown.includes('[y/N]')) return;
    asked = true;
    child.stdin.write(answer);
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, shown })));
}

test('who sits at the terminal decides, and what is no yes writes nothing', async (t) => {
  const home = fresh();
  writeFileSync(path.join(home, 'net.onnx'), untrainedDetector());
  const args = ['models', 'import', 'net.onnx', '--task', 'detect-objects', '--side', '160', '--out', 'mine'];
  for (const [what, answer] of [
    ['no', 'n\n'],
    ['nothing', '\n'],
    ['the end of the input', '\u0004'],
  ] as const) {
    const { code, shown } = await typed(home, answer, args);
    t.equal(code, 1, `${what}: ${shown}`);
    t.match(shown, /Is this card right\? \[y\/N\]/, what);
    t.match(shown, /nothing was written; write the card to a file with --draft/, what);
    t.notOk(existsSync(path.join(home, 'mine')), what);
  }
  const { code, shown } = await typed(home, 'y\n', args);
  t.equal(code, 0, shown);
  t.ok(existsSync(path.join(home, 'mine/net/1.0.0/card.yaml')));
});

test('a draft is written whole or not at all, and takes labels that lie beside it already', async (t) => {
  const home = fresh();
  writeFileSync(path.join(home, 'net.onnx'), untrainedDetector());
  const draft = ['models', 'import', 'net.onnx', '--task', 'detect-objects', '--side', '160', '--draft', 'card.yaml'];
  writeFileSync(path.join(home, 'labels.txt'), 'of\nsomething\nelse\n');
  const refused = await shoal(home, ...draft);
  t.equal(refused.code, 2);
  t.match(refused.stderr, /labels\.txt cannot be written \(EEXIST\); name a file in another folder/);
  t.notOk(existsSync(path.join(home, 'card.yaml')), 'no card without its labels');
  const taken = await shoal(home, ...draft, '--labels', 'labels.txt');
  t.equal(taken.code, 0, taken.stderr);
  t.ok(existsSync(path.join(home, 'card.yaml')));

  const both = await shoal(home, 'models', 'import', 'net.onnx', '--card', 'card.yaml', '--licence', 'MIT', '--out', 'mine');
  t.equal(both.code, 2, 'what the card says is not said a second time');
  t.match(both.stderr, /--card <file>.*cannot be used with.*--licence/);
});

test('a graph of free sizes that ends in what is not known is cut and given its sizes', async (t) => {
  const home = fresh();
  mkdirSync(path.join(home, 'cut'));
  const nodes = [
    placeholder('image', [-1, -1, -1, 3]),
    node('mean', 'Mean', ['image', 'axes'], { keep_dims: flag(false) }),
    node('sure', 'Softmax', ['mean']),
    node('odd', 'NobodyKnows', ['sure']),
  ];
  for (const [name, bytes] of graphFiles(nodes, { axes: numbers(1, 2) })) writeFileSync(path.join(home, 'cut', name), bytes);
  const args = ['models', 'import', 'cut', '--task', 'classify-image', '--yes', '--out', 'mine'];
  const uncut = await shoal(home, ...args, '--inputs', 'image=1x8x8x3');
  t.equal(uncut.code, 1);
  t.match(uncut.stderr, /node "odd" \(NobodyKnows\)/);
  for (const [wrong, expected] of [
    [['--inputs', 'image=8'], /node "mean" \(Mean\): it has the axis 1 where a tensor has 1 dimensions/],
    [['--inputs', 'image'], /--inputs "image": expected such as image=1x320x320x3/],
    [['--inputs', 'image=1x8x8x3', '--outputs', 'nowhere'], /no node "nowhere"/],
  ] as const) {
    const refused = await shoal(home, ...args, ...wrong);
    t.ok(refused.code === 1 || refused.code === 2, refused.stderr);
    t.match(refused.stderr, expected);
  }
  const { code, stderr } = await shoal(home, ...args, '--inputs', 'image=1x8x8x3', '--outputs', 'sure');
  t.equal(code, 0, stderr);
  const { card } = await readCard(path.join(home, 'mine/cut/1.0.0'));
  t.match(card, {
    inputs: [{ name: 'image', shape: [1, 8, 8, 3] }],
    outputs: [{ name: 'sure', shape: [1, 3] }],
    params: { activation: 'none' },
  });
  writeFileSync(path.join(home, 'net.onnx'), untrainedDetector());
  t.match(await shoal(home, 'models', 'import', 'net.onnx', '--task', 'detect-objects', '--outputs', 'rows'), {
    code: 2,
    stderr: /an ONNX file is taken whole/,
  });
});

/** A picture in, a row a cell out, as a YOLOv8 of three classes has it; nothing in it was trained. */
function untrainedDetector(): Uint8Array {
  const cells = 20 * 20 + 10 * 10 + 5 * 5;
  const weights = noise(7 * cells * 3, 11);
  return writeModel(
    modelOf({
      inputs: [typedValue('images', [1, 3, 'height', 'width'])],
      outputs: [typedValue('output0', [1, 7, cells])],
      initializers: [tensorOf('weights', weights, [3, 7 * cells]), tensorOf('shape', BigInt64Array.of(1n, 7n, BigInt(cells)), [3])],
      nodes: [
        nodeOf('GlobalAveragePool', ['images'], ['mean']),
        nodeOf('Flatten', ['mean'], ['flat']),
        nodeOf('MatMul', ['flat', 'weights'], ['rows']),
        nodeOf('Reshape', ['rows', 'shape'], ['output0']),
      ],
    }),
  );
}

test('sizes that a file leaves free are taken as told, and the card says so', async (t) => {
  const home = fresh();
  writeFileSync(path.join(home, 'net.onnx'), untrainedDetector());
  const args = ['models', 'import', 'net.onnx', '--task', 'detect-objects', '--side', '160', '--out', 'mine', '--yes'];
  const { code, stdout, stderr } = await shoal(home, ...args);
  t.equal(code, 0, stderr);
  t.match(stdout, /height and width are free in the file; 160 x 160 is taken, as told/);
  t.match(stdout, /a YOLOv8 or later/);
  const { card } = await readCard(path.join(home, 'mine/net/1.0.0'));
  t.match(card, { inputs: [{ shape: [1, 3, 160, 160] }], params: { decoder: 'anchor-free', objectness: false } });
});

test('a model is not taken that gave no answer on any capture, and one that gave some is', async (t) => {
  const home = fresh();
  writeFileSync(path.join(home, 'net.onnx'), untrainedDetector());
  const whole = readFileSync(path.resolve('samples/astronaut.png'));
  writeFileSync(path.join(home, 'cut.png'), whole.subarray(0, 200));
  writeFileSync(path.join(home, 'whole.png'), whole);
  writeFileSync(path.join(home, 'notes.txt'), 'no picture\n');
  const args = ['models', 'import', 'net.onnx', '--task', 'detect-objects', '--side', '160', '--yes', '--out', 'mine', '--try'];

  const unsuited = await shoal(home, ...args, 'notes.txt');
  t.match(unsuited, { code: 2, stderr: /none of the 1 files to try is image, which detect-objects reads/ });
  const refused = await shoal(home, ...args, 'cut.png');
  t.match(refused, {
    code: 1,
    stderr: /gave no answer on any of the 1 captures it was tried on \(sample cut\.png: .*\): nothing was written/,
  });
  t.notOk(existsSync(path.join(home, 'mine')));
  const { code, stdout, stderr } = await shoal(home, ...args, 'cut.png', 'whole.png');
  t.equal(code, 0, stderr);
  t.match(stdout, /whole\.png: found \d+/);
  t.match(stdout, /cut\.png: not tried: /);
});

test('a model of files is tried on files of any kind', withModels, async (t) => {
  const home = fresh();
  const card = path.resolve('catalogue/magika/3.3.0/card.yaml');
  const model = path.join(shared ?? '', 'models/magika_standard_v3_3.onnx');
  const script = path.join(home, 'job.py');
  writeFileSync(script, 'import os\n\ndef main():\n    for name in os.listdir("."):\n        print(name)\n\nmain()\n');
  const { code, stdout, stderr } = await shoal(home, 'models', 'import', model, '--card', card, '--out', 'mine', '--try', script);
  t.equal(code, 0, stderr);
  t.match(stdout, /job\.py: found 1: python \d+ %/);
});

test('what is no model, or none for the task, is refused with what to do, and nothing is written', async (t) => {
  const home = fresh();
  writeFileSync(path.join(home, 'notes.onnx'), 'this is no model\n');
  writeFileSync(path.join(home, 'cut.onnx'), untrainedDetector().subarray(0, 2000));
  writeFileSync(path.join(home, 'whole.onnx'), untrainedDetector());
  writeFileSync(path.join(home, 'outside.onnx'), withWeightsOutside(untrainedDetector(), 'weights'));
  mkdirSync(path.join(home, 'web'));
  const outside = { modelTopology: { node: [] }, weightsManifest: [{ paths: ['../whole.onnx'], weights: [] }] };
  writeFileSync(path.join(home, 'web/model.json'), JSON.stringify(outside));
  const task = ['--task', 'detect-objects', '--yes', '--out', 'mine'];
  for (const [what, args, expected] of [
    ['text', ['notes.onnx', ...task], /not a readable ONNX model/],
    [
      'weights elsewhere',
      ['outside.onnx', ...task],
      /keeps the data of 1 of its tensors \("weights" is one\) in other files; save the model as one file/,
    ],
    ['half a file', ['cut.onnx', ...task], /not a readable ONNX model/],
    ['nothing', ['none.onnx', ...task], /none\.onnx does not exist/],
    ['a folder of several', ['.', ...task], /holds several models: cut\.onnx, notes\.onnx, outside\.onnx, whole\.onnx; name one of them/],
    ['a file outside', ['web', ...task], /names the file \.\.\/whole\.onnx, which is not in its own folder/],
    ['a task that is none', ['whole.onnx', '--task', 'detect-objetcs'], /did you mean detect-objects\?/],
    ['a task it does not suit', ['whole.onnx', '--task', 'classify-image', '--yes'], /do not suit classify-image/],
    [
      'a name that leads elsewhere',
      ['whole.onnx', ...task, '--as', '../../evil@1.0.0'],
      /--as "\.\.\/\.\.\/evil@1\.0\.0": expected NAME@VERSION/,
    ],
    ['no task', ['whole.onnx'], /--task NAME says what the model is for/],
    ['a task without drafts', ['whole.onnx', '--task', 'detect-text'], /write a card .* name it with --card/],
  ] as const) {
    const { code, stderr } = await shoal(home, 'models', 'import', ...args);
    t.not(code, 0, what);
    t.match(stderr, expected, what);
    t.notMatch(stderr, /a defect of Shoal/, what);
  }
  t.same(readdirSync(home).sort(), ['cut.onnx', 'notes.onnx', 'outside.onnx', 'web', 'whole.onnx']);
});
