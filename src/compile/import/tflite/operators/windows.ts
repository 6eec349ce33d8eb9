/**
 * Operators that slide a window over an image: convolutions and pools.
 *
 * Guarantees: padding is written as numbers; a pool of averages does not count what was padded, as in TFLite.
 */
import type { GraphWriter } from '../graph-writer.js';
import type { TfliteOperator } from '../model.js';
import { refused } from '../quantized.js';
import { inputOf, type Operator, option, optionalInput, outputOf } from './operator.js';
import { biasOf, weightsOf } from './weights.js';

interface Side {
  readonly size: number;
  readonly window: number;
  readonly stride: number;
  readonly dilation: number;
}

/** How many places a window has along a side, and how much is padded before and after. */
function places({ size, window, stride, dilation }: Side, padding: number, name: string): readonly [number, number, number] {
  if (!(size > 0 && window > 0 && stride > 0 && dilation > 0)) {
    throw refused(`${name} with window ${window}, stride ${stride} and dilation ${dilation} over ${size}`);
  }
  const reach = (window - 1) * dilation + 1;
  // `enum Padding`: SAME 0, VALID 1.
  if (padding === 1) return [Math.floor((size - reach) / stride) + 1, 0, 0];
  if (padding !== 0) throw refused(`${name} with padding of kind ${padding}`);
  const count = Math.ceil(size / stride);
  const padded = Math.max((count - 1) * stride + reach - size, 0);
  return [count, Math.floor(padded / 2), padded - Math.floor(padded / 2)];
}

/** Attributes of the ONNX operator, and height and width of its output. */
function windowOf(operator: TfliteOperator, height: Side, width: Side) {
  const padding = option(operator, 'padding');
  const [rows, top, bottom] = places(height, padding, operator.name);
  const [columns, left, right] = places(width, padding, operator.name);
  const attributes = {
    kernel_shape: [height.window, width.window],
    strides: [height.stride, width.stride],
    pads: [top, left, bottom, right],
  };
  return { attributes, rows, columns };
}

function imageOf(writer: GraphWriter, operator: TfliteOperator) {
  const tensor = inputOf(writer, operator, 0);
  const [batch, height, width, channels] = tensor.shape;
  if (tensor.shape.length !== 4 || batch === undefined || height === undefined || width === undefined || channels === undefined) {
    throw refused(`${operator.name} over shape [${tensor.shape.join(', ')}], expected 4 dimensions`);
  }
  return { tensor, batch, height, width, channels };
}

/** Weights are output channels, height, width, input channels of a group. */
export const convolution: Operator = (writer, operator) => {
  const { channels } = imageOf(writer, operator);
  const [outputs = 0, , , each = 0] = inputOf(writer, operator, 1).shape;
  const groups = channels / each;
  if (!Number.isInteger(groups) || outputs % groups !== 0)
    throw refused(`CONV_2D of ${channels} channels with ${outputs} filters over ${each}`);
  convolve(writer, operator, [0, 3, 1, 2], 0, groups);
};

/** Weights are 1, height, width, output channels; those of one input channel lie together. */
export const depthwise: Operator = (writer, operator) => {
  const { channels } = imageOf(writer, operator);
  const [first, , , outputs = 0] = inputOf(writer, operator, 1).shape;
  if (first !== 1 || channels === 0 || outputs % channels !== 0) {
    throw refused(`DEPTHWISE_CONV_2D of ${channels} channels with ${outputs} filters of batch ${first}`);
  }
  convolve(writer, operator, [3, 0, 1, 2], 3, channels);
};

function convolve(writer: GraphWriter, operator: TfliteOperator, order: readonly number[], axis: number, group: number): void {
  const image = imageOf(writer, operator);
  const weights = inputOf(writer, operator, 1);
  const bias = optionalInput(writer, operator, 2);
  if (weights.shape.length !== 4) throw refused(`${operator.name} with weights of shape [${weights.shape.join(', ')}]`);
  const [, height = 0, width = 0] = weights.shape;
  const dilations = [option(operator, 'dilationY'), option(operator, 'dilationX')] as const;
  const { attributes, rows, columns } = windowOf(
    operator,
    { size: image.height, window: height, stride: option(operator, 'strideY'), dilation: dilations[0] },
    { size: image.width, window: width, stride: option(operator, 'strideX'), dilation: dilations[1] },
  );
  const output = outputOf(writer, operator);
  const inputs = [writer.float(image.tensor, 'channels-first'), weightsOf(writer, weights, order, axis)];
  if (bias !== undefined) inputs.push(biasOf(writer, bias, image.tensor, weights, axis));
  const float = writer.emit('Conv', inputs, `${output.name}_conv`, { ...attributes, dilations, group });
  const shape = [image.batch, rows, columns, weights.shape[axis] ?? 0];
  writer.result(output, float, shape, 'channels-first', option(operator, 'activation'));
}

function pooled(writer: GraphWriter, operator: TfliteOperator) {
  const image = imageOf(writer, operator);
  const { attributes, rows, columns } = windowOf(
    operator,
    { size: image.height, window: option(operator, 'filterY'), stride: option(operator, 'strideY'), dilation: 1 },
    { size: image.width, window: option(operator, 'filterX'), stride: option(operator, 'strideX'), dilation: 1 },
  );
  return { image, attributes, shape: [image.batch, rows, columns, image.channels] };
}

export const averagePool: Operator = (writer, operator) => {
  const { image, attributes, shape } = pooled(writer, operator);
  const output = outputOf(writer, operator);
  const write = (name: string): string =>
    writer.emit('AveragePool', [name], `${output.name}_pool`, { ...attributes, count_include_pad: 0 });
  if (option(operator, 'activation') === 0) writer.mean(image.tensor, output, shape, ['channels-first', 'channels-first'], write);
  else writer.result(output, write(writer.float(image.tensor, 'channels-first')), shape, 'channels-first', option(operator, 'activation'));
};

export const maxPool: Operator = (writer, operator) => {
  const { image, attributes, shape } = pooled(writer, operator);
  const output = outputOf(writer, operator);
  const write = (name: string): string => writer.emit('MaxPool', [name], `${output.name}_pool`, attributes);
  if (option(operator, 'activation') === 0) writer.moved(image.tensor, output, shape, ['channels-first', 'channels-first'], write);
  else writer.result(output, write(writer.float(image.tensor, 'channels-first')), shape, 'channels-first', option(operator, 'activation'));
};
