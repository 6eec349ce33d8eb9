import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { type Test, test } from 'tap';
import { importTfjs } from '../../../src/compile/import/tfjs/import-tfjs.js';
import { layerNames } from '../../../src/compile/import/tfjs/layers.js';
import { difference, noise, size } from '../../support/graph-lab.js';
import { type Feed, type Files, feed, filesOf, importedOutputs, layersFiles, layersOutputs } from '../../support/tfjs-lab.js';

await tf.setBackend('cpu');
const tested = new Set<string>();

type Layer = layers.layers.Layer;
const make = layers.layers;

/** Gives every weight noise, so that no statistic is 0 and no factor 1; variances stay positive. */
function shake(model: layers.LayersModel): layers.LayersModel {
  model.setWeights(
    model.weights.map(({ shape, name }, i) => {
      const dims = shape.map((dim) => dim ?? 1);
      const values = noise(size(dims), i + 1);
      return tf.tensor(/variance/.test(name) ? values.map((value) => Math.abs(value) + 0.5) : values.map((value) => value * 0.5), dims);
    }),
  );
  return model;
}

async function compare(t: Test, model: layers.LayersModel, feeds: Readonly<Record<string, Feed>>): Promise<Files> {
  const files = await layersFiles(shake(model));
  for (const kind of JSON.stringify(JSON.parse(new TextDecoder().decode(files.get('model.json')))).matchAll(/"class_name":"(\w+)"/g)) {
    tested.add(kind[1] ?? '');
  }
  const expected = layersOutputs(model, feeds);
  const found = await importedOutputs(files, feeds);
  t.same(Object.keys(found), Object.keys(expected), 'the outputs have the names of their layers');
  const off = difference(expected, found);
  t.ok(off <= 1e-4, `off by ${off}`);
  return files;
}

function row(name: string, inputShape: number[], ...stack: Layer[]): void {
  test(`${name} in a row`, async (t) => {
    const model = layers.sequential({ layers: [make.inputLayer({ inputShape, name: 'picture' }), ...stack] });
    await compare(t, model, { picture: feed([1, ...inputShape]) });
  });
}

row(
  'Conv2D and its activations',
  [9, 8, 3],
  make.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' }),
  make.conv2d({ filters: 4, kernelSize: [3, 2], dilationRate: 2, useBias: false, activation: 'elu' }),
  make.activation({ activation: 'hardSigmoid' }),
  make.activation({ activation: 'swish' }),
);
row(
  'a MobileNet block',
  [12, 12, 3],
  make.zeroPadding2d({
    padding: [
      [0, 1],
      [0, 1],
    ],
  }),
  make.depthwiseConv2d({ kernelSize: 3, strides: 2, depthMultiplier: 2 }),
  make.batchNormalization(),
  make.reLU({ maxValue: 6 }),
  make.separableConv2d({ filters: 5, kernelSize: 3, padding: 'same' }),
  make.batchNormalization({ scale: false, center: false, epsilon: 0.01 }),
  make.globalAveragePooling2d({ dataFormat: 'channelsLast' }),
  make.dropout({ rate: 0.5 }),
  make.dense({ units: 7, activation: 'softmax' }),
);
row(
  'pooling, flattening and dense layers',
  [7, 9, 4],
  make.maxPooling2d({ poolSize: 2, padding: 'same' }),
  make.averagePooling2d({ poolSize: [2, 3], strides: 1, padding: 'same' }),
  make.flatten(),
  make.dense({ units: 6, activation: 'tanh' }),
  make.batchNormalization(),
  make.leakyReLU({ alpha: 0.2 }),
  make.dense({ units: 3, useBias: false, activation: 'sigmoid' }),
);
row(
  'enlarging',
  [4, 5, 3],
  make.conv2dTranspose({ filters: 4, kernelSize: 3, strides: 2, padding: 'same' }),
  make.prelu({ sharedAxes: [1, 2] }),
  make.conv2dTranspose({ filters: 2, kernelSize: 4, strides: 3, padding: 'valid' }),
  make.elu(),
  make.upSampling2d({ size: [2, 3] }),
  make.upSampling2d({ size: [2, 2], interpolation: 'bilinear' }),
);
row(
  'reshaping',
  [4, 6],
  make.reshape({ targetShape: [3, 8] }),
  make.permute({ dims: [2, 1] }),
  make.dense({ units: 5 }),
  make.reLU(),
  make.softmax({ axis: -1 }),
  make.gaussianNoise({ stddev: 1 }),
  make.gaussianDropout({ rate: 0.3 }),
  make.alphaDropout({ rate: 0.3 }),
);
row('the largest of each channel', [4, 6, 3], make.globalMaxPooling2d({}));
row('rescaled pixels', [4, 6, 3], make.rescaling({ scale: 1 / 127.5, offset: -1 }));

test('layers wired to each other, two inputs, two outputs, one layer called twice', async (t) => {
  const [a, b] = [layers.input({ shape: [6, 6, 3], name: 'a' }), layers.input({ shape: [6, 6, 3], name: 'b' })];
  const shared = make.conv2d({ filters: 3, kernelSize: 3, padding: 'same', name: 'shared' });
  const [x, y] = [shared.apply(a) as layers.SymbolicTensor, shared.apply(b) as layers.SymbolicTensor];
  const apply = (layer: Layer, on: layers.SymbolicTensor[]) => layer.apply(on) as layers.SymbolicTensor;
  const mixed = [make.add(), make.multiply(), make.maximum(), make.minimum(), make.average()].map((layer) => apply(layer, [x, y, a]));
  const joined = apply(make.concatenate({ axis: -1 }), mixed);
  const first = make.globalAveragePooling2d({ dataFormat: 'channelsLast', name: 'first' }).apply(joined) as layers.SymbolicTensor;
  const second = make.activation({ activation: 'softplus', name: 'second' }).apply(x) as layers.SymbolicTensor;
  await compare(t, layers.model({ inputs: [a, b], outputs: [first, second] }), { a: feed([1, 6, 6, 3]), b: feed([1, 6, 6, 3], 4) });
});

test('a model within a model, as transfer learning makes them', async (t) => {
  const picture = layers.input({ shape: [8, 8, 3], name: 'picture' });
  const base = make.conv2d({ filters: 4, kernelSize: 3, name: 'base_conv' }).apply(picture) as layers.SymbolicTensor;
  const trunk = layers.model({ inputs: picture, outputs: base, name: 'trunk' });
  const features = layers.sequential({ layers: [trunk, make.globalAveragePooling2d({ dataFormat: 'channelsLast' })] });
  const head = layers.sequential({
    layers: [make.dense({ units: 5, inputShape: [4], activation: 'relu' }), make.dense({ units: 3, activation: 'softmax' })],
  });
  const model = layers.sequential({ layers: [features, head] });
  const files = await layersFiles(shake(model));
  const inputs = { picture: feed([1, 8, 8, 3]) };
  // The outermost output has the name of the last model, for TensorFlow.js that of the last layer in it.
  const [[expected], [found]] = [Object.values(layersOutputs(model, inputs)), Object.values(await importedOutputs(files, inputs))];
  const off = expected === undefined || found === undefined ? Number.NaN : difference({ y: expected }, { y: found });
  t.ok(off <= 1e-4, `off by ${off}`);
});

test('weights of a Keras file are found however deep their names are nested, and not where two could be meant', async (t) => {
  const model = shake(layers.sequential({ layers: [make.dense({ units: 2, inputShape: [3], name: 'd' })] }));
  const files = await layersFiles(model);
  const json = JSON.parse(new TextDecoder().decode(files.get('model.json')));
  const renamed = (names: readonly string[]): Files => {
    const weights = json.weightsManifest[0].weights.map((weight: object, i: number) => ({ ...weight, name: names[i] }));
    return filesOf(
      { keras_version: '2.1.6', model_config: json.modelTopology },
      weights,
      files.get('group1-shard1of1.bin') ?? new Uint8Array(0),
    );
  };
  const inputs = { input: feed([1, 3]) };
  const [expected] = Object.values(layersOutputs(model, inputs));
  const [found] = Object.values(await importedOutputs(renamed(['d/d/kernel', 'sequential/d/bias']), inputs));
  t.ok(expected !== undefined && found !== undefined && difference({ y: expected }, { y: found }) <= 1e-4);
  t.throws(() => importTfjs(renamed(['a/d/kernel', 'b/d/kernel'])), {
    code: 'MODEL_INVALID',
    message: /node "d" \(Dense\): there are several weights "kernel"/,
  });
  t.throws(() => importTfjs(renamed(['d/kernel', 'e/bias'])), { message: /node "d" \(Dense\): there is no weight "bias"/ });
});

test('layers and options that are not known are refused by name', async (t) => {
  const topology = (class_name: string, config: object) => ({
    class_name: 'Sequential',
    config: [{ class_name, config: { name: 'it', batch_input_shape: [null, 4, 4, 3], ...config } }],
  });
  const cases: [object, RegExp][] = [
    [topology('LSTM', {}), /node "it" \(LSTM\): this layer is not known/],
    [topology('constructor', {}), /this layer is not known/],
    [topology('Activation', { activation: 'mish' }), /the activation "mish" is not known/],
    [topology('Activation', { activation: { class_name: 'Relu' } }), /its activation has options/],
    [topology('ReLU', { threshold: 1 }), /a threshold or a negative slope/],
    [topology('MaxPooling2D', { data_format: 'channels_first' }), /data_format is channels_first/],
    [topology('ReLU', { batch_input_shape: [null, null, 4, 3] }), /input shape \[-1, -1, 4, 3\] has free dimensions/],
    [{ class_name: 'Custom', config: {} }, /its class is Custom/],
    [{ class_name: 'Model', config: { layers: [] } }, /its layers cannot be read/],
  ];
  for (const [model, message] of cases)
    t.throws(() => importTfjs(filesOf(model, [], new Uint8Array(0))), { code: 'MODEL_INVALID', message });
  let deep: object = { class_name: 'Dense', name: 'd', config: {} };
  for (let i = 0; i < 12; i++) deep = { class_name: 'Sequential', name: 'm', config: { name: 'm', layers: [deep] } };
  t.throws(() => importTfjs(filesOf(deep, [], new Uint8Array(0))), { code: 'MODEL_INVALID', message: /more than 8 deep/ });
});

test('no layer is without a comparison, but those that TensorFlow.js cannot save or has not', async (t) => {
  t.same(
    layerNames.filter((name) => !tested.has(name)),
    ['SpatialDropout2D', 'ActivityRegularization'],
  );
});
