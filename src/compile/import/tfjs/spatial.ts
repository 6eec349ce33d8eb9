/** What slides a window over an image: convolutions and pooling, with TensorFlow's padding written out as numbers. */
import type { Builder } from './builder.js';
import { Unsuited } from './unsuited.js';
import { count, type Elements, transposed, type Value } from './value.js';

export type Pair = readonly [number, number];

export interface Window {
  /** Height, then width, as all pairs here. */
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly padding: Padding;
}

/** SAME adds more at the end than at the beginning where it is uneven; explicit is [before, after] a dimension. */
export type Padding = 'same' | 'valid' | { readonly height: Pair; readonly width: Pair };

export function image(value: Value): readonly [number, number, number, number] {
  const [n = 0, h = 0, w = 0, c = 0] = value.shape;
  if (value.shape.length !== 4 || value.type !== 'float32')
    throw new Unsuited(`it needs float32 images [N, H, W, C], found ${value.type}[${value.shape.join(', ')}]`);
  return [n, h, w, c];
}

function positive(pair: readonly number[], what: string): Pair {
  const [h = 0, w = h] = pair;
  if (![h, w].every((size) => Number.isInteger(size) && size >= 1 && size <= 1 << 16))
    throw new Unsuited(`its ${what} are [${pair.join(', ')}]`);
  return [h, w];
}

interface Placed {
  /** As ONNX has them: top, left, bottom, right. */
  readonly pads: readonly number[];
  readonly height: number;
  readonly width: number;
}

function place(size: Pair, kernel: Pair, { strides, dilations, padding }: Window): Placed {
  const along = [0, 1].map((axis) => {
    const [input = 0, k = 1, stride = 1, dilation = 1] = [size[axis], kernel[axis], strides[axis], dilations[axis]];
    const reach = (k - 1) * dilation + 1;
    const total = padding === 'same' ? Math.max((Math.ceil(input / stride) - 1) * stride + reach - input, 0) : 0;
    const [before, after] = typeof padding === 'object' ? padding[axis === 0 ? 'height' : 'width'] : [total >> 1, total - (total >> 1)];
    const output = Math.floor((input + before + after - reach) / stride) + 1;
    if (output < 1) throw new Unsuited(`its window of ${reach} is larger than the ${input + before + after} it slides over`);
    return { before, after, output };
  });
  const [vertical, horizontal] = along;
  const [before, after] = [along.map((side) => side.before), along.map((side) => side.after)];
  return { pads: [...before, ...after], height: vertical?.output ?? 0, width: horizontal?.output ?? 0 };
}

/** Weights of four dimensions in another order, once for each use of the same constant. */
const moved = new WeakMap<Elements, Map<string, { data: Elements; shape: number[] }>>();

function weightsOf(value: Value | undefined, order: readonly number[]): { data: Elements; shape: number[] } {
  if (value?.data === undefined) throw new Unsuited('its weights are computed by the model, and have to be known');
  if (value.shape.length !== 4 || value.type !== 'float32')
    throw new Unsuited(`its weights are ${value.type}[${value.shape.join(', ')}], four dimensions are needed`);
  const known = moved.get(value.data) ?? new Map();
  moved.set(value.data, known);
  const key = `${order.join()}:${value.shape.join()}`;
  const found = known.get(key) ?? transposed(value.data, value.shape, order);
  known.set(key, found);
  return found;
}

function biasOf(builder: Builder, bias: Value | undefined, channels: number): string[] {
  if (bias === undefined) return [];
  if (bias.type !== 'float32' || count(bias.shape) !== channels)
    throw new Unsuited(`its bias has the shape [${bias.shape.join(', ')}] for ${channels} channels`);
  return [builder.tensor(bias.data === undefined ? bias : { ...bias, shape: [channels], names: new Map() })];
}

function checked(window: Window): Window {
  return { ...window, strides: positive(window.strides, 'strides'), dilations: positive(window.dilations, 'dilations') };
}

/** `weights` are [kH, kW, C / groups, channels out]. */
export function convolve(builder: Builder, value: Value, weights: Value | undefined, bias: Value | undefined, given: Window): Value {
  const window = checked(given);
  const [n, h, w, c] = image(value);
  const { data, shape } = weightsOf(weights, [3, 2, 0, 1]);
  const [channels = 0, perGroup = 0, kh = 0, kw = 0] = shape;
  if (perGroup === 0 || c % perGroup !== 0 || channels % (c / perGroup) !== 0)
    throw new Unsuited(`its weights are for ${perGroup} channels, the image has ${c}`);
  const { pads, height, width } = place([h, w], positive([kh, kw], 'weights'), window);
  const attributes = { kernel_shape: [kh, kw], strides: window.strides, dilations: window.dilations, pads, group: c / perGroup };
  const inputs = [builder.tensor(value, 'nchw'), builder.constant(data, shape), ...biasOf(builder, bias, channels)];
  return builder.value([n, height, width, channels], 'float32', 'nchw', builder.emit('Conv', inputs, attributes));
}

/** `weights` are [kH, kW, C, outputs a channel]. */
export function convolveDepthwise(
  builder: Builder,
  value: Value,
  weights: Value | undefined,
  bias: Value | undefined,
  given: Window,
): Value {
  const window = checked(given);
  const [n, h, w, c] = image(value);
  const { data, shape } = weightsOf(weights, [2, 3, 0, 1]);
  const [inputs = 0, multiplier = 0, kh = 0, kw = 0] = shape;
  if (inputs !== c || multiplier < 1) throw new Unsuited(`its weights are for ${inputs} channels, the image has ${c}`);
  const { pads, height, width } = place([h, w], positive([kh, kw], 'weights'), window);
  const channels = c * multiplier;
  const attributes = { kernel_shape: [kh, kw], strides: window.strides, dilations: window.dilations, pads, group: c };
  const tensors = [builder.tensor(value, 'nchw'), builder.constant(data, [channels, 1, kh, kw]), ...biasOf(builder, bias, channels)];
  return builder.value([n, height, width, channels], 'float32', 'nchw', builder.emit('Conv', tensors, attributes));
}

/** The gradient of a convolution, which enlarges. `weights` are [kH, kW, channels out, C]; `size` is the height and width that come out. */
export function convolveTransposed(
  builder: Builder,
  value: Value,
  weights: Value | undefined,
  bias: Value | undefined,
  size: Pair,
  given: Window,
): Value {
  const window = checked(given);
  const [n, h, w, c] = image(value);
  const { data, shape } = weightsOf(weights, [3, 2, 0, 1]);
  const [inputs = 0, channels = 0, kh = 0, kw = 0] = shape;
  if (inputs !== c) throw new Unsuited(`its weights are for ${inputs} channels, the image has ${c}`);
  const { pads, height, width } = place(size, positive([kh, kw], 'weights'), window);
  if (height !== h || width !== w) throw new Unsuited(`an image of ${size.join(' x ')} is not what ${h} x ${w} enlarges to`);
  const [top = 0, left = 0, bottom = 0, right = 0] = pads;
  const [sy, sx] = window.strides;
  const [dy, dx] = window.dilations;
  const more = [size[0] - ((h - 1) * sy + (kh - 1) * dy + 1 - top - bottom), size[1] - ((w - 1) * sx + (kw - 1) * dx + 1 - left - right)];
  const attributes = { kernel_shape: [kh, kw], strides: window.strides, dilations: window.dilations, pads, output_padding: more };
  const tensors = [builder.tensor(value, 'nchw'), builder.constant(data, shape), ...biasOf(builder, bias, channels)];
  return builder.value([n, ...size, channels], 'float32', 'nchw', builder.emit('ConvTranspose', tensors, attributes));
}

/** Padding never counts for an average. */
export function pool(builder: Builder, op: 'MaxPool' | 'AveragePool', value: Value, kernel: readonly number[], given: Window): Value {
  const window = checked(given);
  const [n, h, w, c] = image(value);
  const shape = positive(kernel, 'window sizes');
  const { pads, height, width } = place([h, w], shape, window);
  const attributes = { kernel_shape: shape, strides: window.strides, pads, ...(op === 'AveragePool' ? { count_include_pad: 0 } : {}) };
  return builder.value([n, height, width, c], 'float32', 'nchw', builder.emit(op, [builder.tensor(value, 'nchw')], attributes));
}

/** Over channels, with the statistics of the training. All four are vectors of C. */
export function normalize(builder: Builder, value: Value, vectors: readonly (Value | undefined)[], epsilon: number): Value {
  const [, , , c] = image(value);
  const tensors = vectors.map((vector) => {
    if (vector?.type !== 'float32' || count(vector.shape) !== c) throw new Unsuited(`its parameters are not ${c} float32 numbers each`);
    return builder.tensor(vector);
  });
  const attributes = { epsilon: { float: epsilon } };
  return builder.value(
    value.shape,
    'float32',
    'nchw',
    builder.emit('BatchNormalization', [builder.tensor(value, 'nchw'), ...tensors], attributes),
  );
}
