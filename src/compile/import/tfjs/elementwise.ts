/** What is done to each element alone, or to two at the same place: arithmetic, comparisons, activations. */
import { limits } from '../../../core/limits.js';
import type { Builder } from './builder.js';
import { castTo } from './builder.js';
import { Unsuited } from './unsuited.js';
import { broadcast, constantOf, count, type ElementType, integers, type Layout, toNchw, transposed, type Value } from './value.js';

/** An ONNX operator of one input that keeps shape and type. `more` are inputs besides. */
export function unary(
  builder: Builder,
  op: string,
  value: Value,
  attributes: Parameters<Builder['emit']>[2] = {},
  more: readonly string[] = [],
): Value {
  const layout = builder.layoutOf(value);
  return builder.value(value.shape, value.type, layout, builder.emit(op, [builder.tensor(value, layout), ...more], attributes));
}

/** An ONNX operator of two inputs with broadcasting; `type` is that of what comes out. */
export function binary(builder: Builder, op: string, a: Value, b: Value, type: ElementType = a.type): Value {
  if (a.type !== b.type) throw new Unsuited(`it combines ${a.type} with ${b.type}`);
  const shape = broadcast(a.shape, b.shape);
  const folded = fold(op, a, b, shape);
  if (folded !== null) return folded;
  const layout = commonLayout(builder, shape, [a, b]);
  return builder.value(shape, type, layout, builder.emit(op, [operand(builder, a, layout, b), operand(builder, b, layout, a)]));
}

/** NCHW where one of them is there already and the others can come along: constants, and tensors of four dimensions. */
export function commonLayout(builder: Builder, shape: readonly number[], values: readonly Value[]): Layout {
  const moves = (value: Value): boolean => value.shape.length === 4 || value.data !== undefined;
  const nchw = shape.length === 4 && values.some((value) => builder.layoutOf(value) === 'nchw') && values.every(moves);
  return nchw ? 'nchw' : 'nhwc';
}

/** The ONNX tensor of a value that is combined with `partner` in `layout`. */
function operand(builder: Builder, value: Value, layout: Layout, partner: Value): string {
  const { data, shape, type } = value;
  // Rank 0 instead of [1]: the passes know it as one number.
  if (data?.length === 1 && type === 'float32' && shape.length <= partner.shape.length) return builder.number(data[0] ?? 0);
  if (layout === 'nhwc' || shape.length === 4 || data === undefined) return builder.tensor(value, layout);
  const known = value.names.get('nchw');
  if (known !== undefined) return known;
  const moved = transposed(data, [...Array<number>(4 - shape.length).fill(1), ...shape], toNchw);
  const name = builder.constant(moved.data, moved.shape);
  value.names.set('nchw', name);
  return name;
}

const integerFolds: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Max: Math.max,
  Min: Math.min,
};

/** Shapes are computed from shapes: with whole numbers that are known, here and now. */
function fold(op: string, a: Value, b: Value, shape: readonly number[]): Value | null {
  const combine = Object.hasOwn(integerFolds, op) ? integerFolds[op] : undefined;
  if (combine === undefined || a.type !== 'int32' || a.data === undefined || b.data === undefined) return null;
  const [x, y, length] = [a.data, b.data, count(shape)];
  const fits = (data: ArrayLike<number>): boolean => data.length === 1 || data.length === length;
  if (length > limits.importPartsMax || !fits(x) || !fits(y)) return null;
  const at = (data: ArrayLike<number>, i: number): number => data[data.length === 1 ? 0 : i] ?? 0;
  return integers(
    Array.from({ length }, (_, i) => combine(at(x, i), at(y, i))),
    shape,
  );
}

/** Rounds to minus infinity, whatever the signs. */
export function floorDivide(builder: Builder, a: Value, b: Value): Value {
  if (a.type === 'float32') return unary(builder, 'Floor', binary(builder, 'Div', a, b));
  // ONNX divides whole numbers towards zero, and its Mod has the sign of the divisor.
  return binary(builder, 'Div', binary(builder, 'Sub', a, binary(builder, 'Mod', a, b)), b);
}

/** The remainder with the sign of the divisor. */
export function floorModulo(builder: Builder, a: Value, b: Value): Value {
  if (a.type !== 'float32') return binary(builder, 'Mod', a, b);
  return binary(builder, 'Sub', a, binary(builder, 'Mul', floorDivide(builder, a, b), b));
}

export function clip(builder: Builder, value: Value, low: number | null, high: number | null): Value {
  if (value.type !== 'float32') throw new Unsuited(`it clips ${value.type}`);
  return unary(builder, 'Clip', value, {}, [low === null ? '' : builder.number(low), ...(high === null ? [] : [builder.number(high)])]);
}

/** `slope` broadcasts to the value, as alpha of Keras and of TensorFlow.js does. */
export function prelu(builder: Builder, value: Value, slope: Value | undefined): Value {
  if (slope === undefined) throw new Unsuited('a Prelu without a slope');
  if (broadcast(value.shape, slope.shape).join() !== value.shape.join()) {
    throw new Unsuited(`a Prelu slope of shape [${slope.shape.join(', ')}] on [${value.shape.join(', ')}]`);
  }
  const layout = commonLayout(builder, value.shape, [value, slope]);
  return builder.value(
    value.shape,
    value.type,
    layout,
    builder.emit('PRelu', [builder.tensor(value, layout), slopeTensor(builder, slope, layout, value)]),
  );
}

/** A slope a channel as [C, 1, 1]: the runtime is quick with that alone. */
function slopeTensor(builder: Builder, slope: Value, layout: Layout, value: Value): string {
  const { data, shape } = slope;
  const channels = shape.at(-1) ?? 1;
  if (layout === 'nchw' && data instanceof Float32Array && data.length === channels) return builder.constant(data, [channels, 1, 1]);
  return operand(builder, slope, layout, value);
}

/** An activation as a layer or a fused operator names it, in lower case. Null, undefined and `linear` change nothing. */
export function activate(
  builder: Builder,
  value: Value,
  name: string | null | undefined,
  more: { alpha?: number; slope?: Value | undefined } = {},
): Value {
  switch (name) {
    case null:
    case undefined:
    case 'linear':
      return value;
    case 'relu6':
      return clip(builder, value, 0, 6);
    case 'leakyrelu':
      return unary(builder, 'LeakyRelu', value, { alpha: { float: more.alpha ?? 0.2 } });
    case 'prelu':
      return prelu(builder, value, more.slope);
    case 'softmax':
      return softmax(builder, value, 'Softmax');
    case 'swish':
    case 'silu':
      return binary(builder, 'Mul', value, unary(builder, 'Sigmoid', value));
    case 'hardsigmoid':
    case 'hard_sigmoid':
      return unary(builder, 'HardSigmoid', value, { alpha: { float: 0.2 }, beta: { float: 0.5 } });
  }
  const op = Object.hasOwn(plainActivations, name) ? plainActivations[name] : undefined;
  if (op === undefined) throw new Unsuited(`the activation "${name}" is not known`);
  return unary(builder, op, value);
}

const plainActivations: Readonly<Record<string, string>> = {
  relu: 'Relu',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  elu: 'Elu',
  selu: 'Selu',
  softplus: 'Softplus',
  softsign: 'Softsign',
};

/** Softmax or LogSoftmax over the last axis. */
export function softmax(builder: Builder, value: Value, op: 'Softmax' | 'LogSoftmax'): Value {
  return builder.value(value.shape, value.type, 'nhwc', builder.emit(op, [builder.tensor(value)], { axis: -1 }));
}

/** `condition ? a : b`, element by element. */
export function select(builder: Builder, condition: Value, a: Value, b: Value): Value {
  const shape = broadcast(broadcast(a.shape, b.shape), condition.shape);
  const inputs = [castTo(builder, condition, 'bool'), a, b].map((value) => builder.tensor(value));
  return builder.value(shape, a.type, 'nhwc', builder.emit('Where', inputs));
}

/** Keeps a constant's numbers under another shape. */
export function reshapedConstant(value: Value, shape: readonly number[]): Value | null {
  return value.data === undefined ? null : constantOf(value.data, shape);
}
