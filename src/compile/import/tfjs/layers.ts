/**
 * Keras layers, each by its class name: those of classifiers and small detectors.
 *
 * A layer, or an option of one, that is not here is refused by name.
 *
 * Source: the layers of tfjs-layers 4.22 (src/layers), which follow keras.io/api/layers.
 */
import type { Builder } from './builder.js';
import { activate, binary, clip, prelu, unary } from './elementwise.js';
import type { Layer } from './layer.js';
import { multiply, multiplyMany, reduce } from './reducing.js';
import { resize } from './resize.js';
import { concatenate, pad, reshape, transpose } from './shaping.js';
import { convolve, convolveDepthwise, convolveTransposed, image, normalize, type Padding, pool, type Window } from './spatial.js';
import { Unsuited } from './unsuited.js';
import { axisOf, constantOf, count, type Value } from './value.js';

type LayerWork = (builder: Builder, value: Value, layer: Layer, all: readonly Value[]) => Value;

const same: LayerWork = (_, value) => value;

function paddingOf(layer: Layer): Padding {
  const padding = layer.text('padding', 'valid').toLowerCase();
  if (padding !== 'same' && padding !== 'valid') throw new Unsuited(`its padding is "${padding}"`);
  return padding;
}

function windowOf(layer: Layer): Window {
  layer.requireChannelsLast();
  return { strides: layer.pair('strides', [1, 1]), dilations: layer.pair('dilation_rate', [1, 1]), padding: paddingOf(layer) };
}

function biasOf(layer: Layer): Value | undefined {
  return layer.flag('use_bias', true) ? layer.weight('bias') : undefined;
}

const conv2d: LayerWork = (builder, value, layer) =>
  activate(builder, convolve(builder, value, layer.weight('kernel'), biasOf(layer), windowOf(layer)), layer.activation());

const depthwiseConv2d: LayerWork = (builder, value, layer) => {
  const made = convolveDepthwise(builder, value, layer.weight('depthwise_kernel'), biasOf(layer), windowOf(layer));
  return activate(builder, made, layer.activation());
};

const separableConv2d: LayerWork = (builder, value, layer) => {
  const each = convolveDepthwise(builder, value, layer.weight('depthwise_kernel'), undefined, windowOf(layer));
  const point: Window = { strides: [1, 1], dilations: [1, 1], padding: 'valid' };
  return activate(builder, convolve(builder, each, layer.weight('pointwise_kernel'), biasOf(layer), point), layer.activation());
};

const conv2dTranspose: LayerWork = (builder, value, layer) => {
  const window = windowOf(layer);
  if (window.dilations.join() !== '1,1') throw new Unsuited('it is dilated');
  const [, h, w] = image(value);
  const kernel = layer.weight('kernel');
  const size = [h, w].map(
    (side, i) =>
      side * (window.strides[i] ?? 1) + (window.padding === 'same' ? 0 : Math.max((kernel.shape[i] ?? 0) - (window.strides[i] ?? 1), 0)),
  );
  const made = convolveTransposed(builder, value, kernel, biasOf(layer), [size[0] ?? 0, size[1] ?? 0], window);
  return activate(builder, made, layer.activation());
};

const batchNormalization: LayerWork = (builder, value, layer) => {
  const axis = layer.numbers('axis') ?? [layer.number('axis', -1)];
  if (axisOf(axis[0] ?? -1, value.shape.length) !== value.shape.length - 1)
    throw new Unsuited('it normalizes along another axis than the last');
  const mean = layer.weight('moving_mean');
  const all = (number: number): Value => constantOf(new Float32Array(count(mean.shape)).fill(number), mean.shape);
  const vectors = [
    layer.flag('scale', true) ? layer.weight('gamma') : all(1),
    layer.flag('center', true) ? layer.weight('beta') : all(0),
    mean,
    layer.weight('moving_variance'),
  ];
  const channels = value.shape.at(-1) ?? 0;
  // Images as they are, all else as images of one pixel.
  const flat = value.shape.length === 4 ? value : reshape(builder, value, [count(value.shape) / channels, 1, 1, channels]);
  const made = normalize(builder, flat, vectors, layer.number('epsilon', 1e-3));
  return value.shape.length === 4 ? made : reshape(builder, made, value.shape);
};

const relu: LayerWork = (builder, value, layer) => {
  if (layer.number('threshold', 0) !== 0 || layer.number('negative_slope', 0) !== 0)
    throw new Unsuited('it has a threshold or a negative slope');
  const most = layer.number('max_value', Number.POSITIVE_INFINITY);
  return most === Number.POSITIVE_INFINITY ? unary(builder, 'Relu', value) : clip(builder, value, 0, most);
};

const leakyRelu: LayerWork = (builder, value, layer) =>
  activate(builder, value, 'leakyrelu', { alpha: layer.number('alpha', layer.number('negative_slope', 0.3)) });

const elu: LayerWork = (builder, value, layer) => unary(builder, 'Elu', value, { alpha: { float: layer.number('alpha', 1) } });

const softmaxLayer: LayerWork = (builder, value, layer) => {
  if (axisOf(layer.number('axis', -1), value.shape.length) !== value.shape.length - 1)
    throw new Unsuited('it is along another axis than the last');
  return activate(builder, value, 'softmax');
};

const zeroPadding2d: LayerWork = (builder, value, layer) => {
  layer.requireChannelsLast();
  const stated = layer.config.padding ?? 1;
  const sides = Array.isArray(stated) ? stated : [stated, stated];
  const pairs = sides.map((side): [number, number] => {
    const [before, after] = Array.isArray(side) ? side : [side, side];
    if (typeof before !== 'number' || typeof after !== 'number') throw new Unsuited('its padding is not numbers');
    return [before, after];
  });
  return pad(builder, value, [[0, 0], ...pairs, [0, 0]], 'constant', 0);
};

const pooling =
  (op: 'MaxPool' | 'AveragePool'): LayerWork =>
  (builder, value, layer) => {
    layer.requireChannelsLast();
    const size = layer.pair('pool_size', [2, 2]);
    return pool(builder, op, value, size, { strides: layer.pair('strides', size), dilations: [1, 1], padding: paddingOf(layer) });
  };

const globalPooling =
  (op: 'ReduceMean' | 'ReduceMax'): LayerWork =>
  (builder, value, layer) => {
    layer.requireChannelsLast();
    image(value);
    return reduce(builder, op, value, [1, 2], layer.flag('keepdims', false));
  };

const upSampling2d: LayerWork = (builder, value, layer) => {
  layer.requireChannelsLast();
  const [, h, w] = image(value);
  const [sy, sx] = layer.pair('size', [2, 2]);
  const mode = layer.text('interpolation', 'nearest');
  if (mode !== 'nearest' && mode !== 'bilinear') throw new Unsuited(`its interpolation is ${mode}`);
  return resize(builder, value, [h * sy, w * sx], { nearest: mode === 'nearest', alignCorners: false, halfPixelCenters: false });
};

const dense: LayerWork = (builder, value, layer) => {
  const [kernel, bias] = [layer.weight('kernel'), biasOf(layer)];
  if (value.shape.length === 2) return activate(builder, multiply(builder, value, kernel, bias, false, false), layer.activation());
  const product = multiplyMany(builder, value, kernel, false, false);
  return activate(builder, bias === undefined ? product : binary(builder, 'Add', product, bias), layer.activation());
};

/** The batch stays. */
const flatten: LayerWork = (builder, value, layer) => {
  layer.requireChannelsLast();
  return reshape(builder, value, [value.shape[0] ?? 1, -1]);
};

const reshaping: LayerWork = (builder, value, layer) =>
  reshape(builder, value, [value.shape[0] ?? 1, ...(layer.numbers('target_shape') ?? [])]);

const permute: LayerWork = (builder, value, layer) => transpose(builder, value, [0, ...(layer.numbers('dims') ?? [])]);

const merge =
  (op: string): LayerWork =>
  (builder, value, _, all) =>
    all.slice(1).reduce((sum, next) => binary(builder, op, sum, next), value);

const average: LayerWork = (builder, value, layer, all) =>
  binary(builder, 'Mul', merge('Add')(builder, value, layer, all), constantOf(Float32Array.of(1 / all.length), []));

const rescaling: LayerWork = (builder, value, layer) => {
  const scaled = binary(builder, 'Mul', value, constantOf(Float32Array.of(layer.number('scale', 1)), []));
  return binary(builder, 'Add', scaled, constantOf(Float32Array.of(layer.number('offset', 0)), []));
};

const table: Readonly<Record<string, LayerWork>> = {
  Dropout: same,
  SpatialDropout2D: same,
  GaussianNoise: same,
  GaussianDropout: same,
  AlphaDropout: same,
  ActivityRegularization: same,
  Conv2D: conv2d,
  DepthwiseConv2D: depthwiseConv2d,
  SeparableConv2D: separableConv2d,
  Conv2DTranspose: conv2dTranspose,
  BatchNormalization: batchNormalization,
  Activation: (builder, value, layer) => activate(builder, value, layer.activation()),
  ReLU: relu,
  LeakyReLU: leakyRelu,
  PReLU: (builder, value, layer) => prelu(builder, value, layer.weight('alpha')),
  ELU: elu,
  Softmax: softmaxLayer,
  ZeroPadding2D: zeroPadding2d,
  MaxPooling2D: pooling('MaxPool'),
  AveragePooling2D: pooling('AveragePool'),
  GlobalAveragePooling2D: globalPooling('ReduceMean'),
  GlobalMaxPooling2D: globalPooling('ReduceMax'),
  UpSampling2D: upSampling2d,
  Dense: dense,
  Flatten: flatten,
  Reshape: reshaping,
  Permute: permute,
  Add: merge('Add'),
  Multiply: merge('Mul'),
  Maximum: merge('Max'),
  Minimum: merge('Min'),
  Average: average,
  Concatenate: (builder, _, layer, all) => concatenate(builder, all, layer.number('axis', -1)),
  Rescaling: rescaling,
};

export function convertLayer(builder: Builder, layer: Layer, inputs: readonly Value[]): Value {
  const work = Object.hasOwn(table, layer.kind) ? table[layer.kind] : undefined;
  const [value] = inputs;
  if (work === undefined) throw new Unsuited('this layer is not known');
  if (value === undefined) throw new Unsuited('it has no input');
  return work(builder, value, layer, inputs);
}
