/** Dense layers, and operators that take their inputs element by element. */
import type { GraphWriter } from '../graph-writer.js';
import { axisIn, type Layout, sizeOf } from '../layout.js';
import type { TfliteTensor } from '../model.js';
import { bytesOf, refused } from '../quantized.js';
import { axisOf, inputOf, type Operator, option, optionalInput, outputOf } from './operator.js';
import { biasOf, weightsOf } from './weights.js';

/** Weights are outputs by inputs; whatever the input's shape, its numbers are rows of as many as there are inputs. */
export const fullyConnected: Operator = (writer, operator) => {
  const [input, weights, bias] = [inputOf(writer, operator, 0), inputOf(writer, operator, 1), optionalInput(writer, operator, 2)];
  const [outputs = 0, each = 0] = weights.shape;
  const rows = sizeOf(input.shape) / each;
  if (weights.shape.length !== 2 || !Number.isInteger(rows) || option(operator, 'weightsFormat') !== 0) {
    throw refused(`FULLY_CONNECTED of [${input.shape.join(', ')}] with weights of [${weights.shape.join(', ')}], or shuffled ones`);
  }
  const flat = input.shape.length === 2 && input.shape[1] === each;
  const values = writer.float(input, 'channels-last');
  const inputs = [
    flat ? values : writer.emit('Reshape', [values, writer.integers([rows, each])], `${input.name}_rows`),
    weightsOf(writer, weights, [0, 1], 0),
  ];
  if (bias !== undefined) inputs.push(biasOf(writer, bias, input, weights, 0));
  const output = outputOf(writer, operator);
  const float = writer.emit('Gemm', inputs, `${output.name}_gemm`, { transB: 1 });
  const kept = option(operator, 'keepNumDims') !== 0;
  const shape = kept ? [...input.shape.slice(0, -1), outputs] : [rows, outputs];
  if (sizeOf(shape) !== rows * outputs) throw refused(`FULLY_CONNECTED of [${input.shape.join(', ')}] that keeps its dimensions`);
  const shaped = shape.length === 2 ? float : writer.emit('Reshape', [float, writer.integers(shape)], `${output.name}_shaped`);
  writer.result(output, shaped, shape, 'channels-last', option(operator, 'activation'));
};

/** ADD, SUB and MUL, with the broadcasting of numpy. */
export function pairwise(op: string): Operator {
  return (writer, operator) => {
    const pair = [inputOf(writer, operator, 0), inputOf(writer, operator, 1)] as const;
    const output = outputOf(writer, operator);
    const shape = broadcast(pair[0].shape, pair[1].shape);
    const layout = pairLayout(writer, pair);
    const inputs = pair.map((tensor) =>
      tensor.shape.length === shape.length ? writer.float(tensor, layout) : raised(writer, tensor, layout),
    );
    writer.result(output, writer.emit(op, inputs, `${output.name}_${op.toLowerCase()}`), shape, layout, option(operator, 'activation'));
  };
}

/** Channels first when an image is there in that order and the other can follow. */
function pairLayout(writer: GraphWriter, pair: readonly TfliteTensor[]): Layout {
  const first = pair.some((tensor) => writer.layout(tensor) === 'channels-first');
  const able = pair.every(({ shape, data }) => shape.length === 4 || data !== null || shape.length === 0);
  return first && able ? 'channels-first' : 'channels-last';
}

/** A tensor of fewer dimensions beside one of more: as it is, since both count from the end, or with dimensions of 1 before its own. */
function raised(writer: GraphWriter, tensor: TfliteTensor, layout: Layout): string {
  const float = writer.float(tensor, 'channels-last');
  if (layout === 'channels-last' || tensor.shape.length === 0) return float;
  const shape = [...Array<number>(4 - tensor.shape.length).fill(1), ...tensor.shape];
  const whole = writer.emit('Reshape', [float, writer.integers(shape)], `${tensor.name}_raised`);
  return writer.emit('Transpose', [whole], `${tensor.name}_first`, { perm: [0, 3, 1, 2] });
}

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [left = 1, right = 1] = [a[i - rank + a.length], b[i - rank + b.length]];
    if (left !== right && left !== 1 && right !== 1) throw refused(`shapes [${a.join(', ')}] and [${b.join(', ')}] side by side`);
    return left === 1 ? right : left;
  });
}

/** An operator on each element; `write` answers its output. */
function unary(write: (writer: GraphWriter, name: string, stem: string) => string): Operator {
  return (writer, operator) => {
    const [input, output] = [inputOf(writer, operator, 0), outputOf(writer, operator)];
    const layout = writer.layout(input);
    writer.result(output, write(writer, writer.float(input, layout), `${output.name}_${operator.name.toLowerCase()}`), input.shape, layout);
  };
}

export const sigmoid = unary((writer, name, stem) => writer.emit('Sigmoid', [name], stem));
export const tanh = unary((writer, name, stem) => writer.emit('Tanh', [name], stem));

/** x * relu6(x + 3) / 6, in the two operators that operator set 13 has for it. */
export const hardSwish = unary((writer, name, stem) => {
  const gate = writer.emit('HardSigmoid', [name], `${stem}_gate`, { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
  return writer.emit('Mul', [name, gate], stem);
});

/** RELU and its kin, cut as a fused activation of the same number. */
export function cut(activation: number): Operator {
  return (writer, operator) => {
    const [input, output] = [inputOf(writer, operator, 0), outputOf(writer, operator)];
    const layout = writer.layout(input);
    writer.result(output, writer.float(input, layout), input.shape, layout, activation);
  };
}

/** Along the last dimension of the file. */
export const softmax: Operator = (writer, operator) => {
  const [input, output] = [inputOf(writer, operator, 0), outputOf(writer, operator)];
  const beta = option(operator, 'beta');
  const layout = writer.layout(input);
  const values = writer.float(input, layout);
  const scaled = beta === 1 ? values : writer.emit('Mul', [values, writer.number(beta)], `${output.name}_scaled`);
  const axis = axisIn(axisOf(-1, input.shape.length, operator.name), layout);
  writer.result(output, writer.emit('Softmax', [scaled], `${output.name}_softmax`, { axis }), input.shape, layout);
};

/** The mean over some dimensions. */
export const mean: Operator = (writer, operator) => {
  const [input, output] = [inputOf(writer, operator, 0), outputOf(writer, operator)];
  const rank = input.shape.length;
  const axes = new Set(writer.integersOf(inputOf(writer, operator, 1), 'the axes of MEAN').map((axis) => axisOf(axis, rank, 'MEAN')));
  const keep = option(operator, 'keepDims') !== 0;
  // Without the image's dimensions what is left has the same order in both layouts; with some of them it may not.
  const spatial = axes.has(1) && axes.has(2);
  const layout = keep || spatial ? writer.layout(input) : 'channels-last';
  const attributes = { axes: [...axes].map((axis) => axisIn(axis, layout)).sort((a, b) => a - b), keepdims: keep ? 1 : 0 };
  const shape = keep ? input.shape.map((dim, i) => (axes.has(i) ? 1 : dim)) : input.shape.filter((_, i) => !axes.has(i));
  const write = (name: string): string => writer.emit('ReduceMean', [name], `${output.name}_mean`, attributes);
  writer.mean(input, output, shape, [layout, keep ? layout : 'channels-last'], write);
};

/** QUANTIZE, from float or from other bytes. */
export const quantize: Operator = (writer, operator) => {
  const [input, output] = [inputOf(writer, operator, 0), outputOf(writer, operator)];
  const layout = writer.layout(input);
  if (bytesOf(output) === null) throw refused('QUANTIZE to a tensor that is not quantized');
  writer.moved(input, output, input.shape, [layout, layout], (name) => name);
};

/** DEQUANTIZE, also of constants in half precision, which is how models with such weights begin. */
export const dequantize: Operator = (writer, operator) => {
  const [input, output] = [inputOf(writer, operator, 0), outputOf(writer, operator)];
  const layout = writer.layout(input);
  if (input.type === 'FLOAT16' && input.data !== null && !input.sparse) {
    const float = writer.emit('Cast', [writer.halfConstant(input, input.data)], `${output.name}_float`, { to: 1 });
    writer.result(output, float, input.shape, layout);
    return;
  }
  writer.result(output, writer.float(input, layout), input.shape, layout);
};
