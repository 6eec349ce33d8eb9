/** What moves elements about without changing them: reshaping, joining, cutting, padding. */
import { limits } from '../../../core/limits.js';
import type { Builder } from './builder.js';
import { commonLayout, reshapedConstant } from './elementwise.js';
import { Unsuited } from './unsuited.js';
import { axisOf, count, integers, type Layout, numbersOf, toNchw, type Value } from './value.js';

/** The order of the dimensions in a layout. */
function orderOf(layout: Layout, rank: number): readonly number[] {
  return layout === 'nchw' ? toNchw : Array.from({ length: rank }, (_, i) => i);
}

/** One dimension may be -1: whatever is left. */
export function reshape(builder: Builder, value: Value, wanted: readonly number[]): Value {
  const rest = wanted.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const shape = wanted.map((dim) => (dim === -1 ? count(value.shape) / rest : dim));
  if (wanted.filter((dim) => dim === -1).length > 1 || count(shape) !== count(value.shape)) {
    throw new Unsuited(`it makes [${wanted.join(', ')}] of [${value.shape.join(', ')}]`);
  }
  const constant = reshapedConstant(value, shape);
  if (constant !== null) return constant;
  const [, h = 1, w = 1, c = 1] = value.shape;
  // One pixel or one channel: no Transpose is needed to have the elements in order.
  const asIs = value.shape.length === 4 && !value.names.has('nhwc') && (h * w === 1 || c === 1);
  const source = builder.tensor(value, asIs ? 'nchw' : 'nhwc');
  return builder.value(shape, value.type, 'nhwc', builder.emit('Reshape', [source, builder.integers(shape)]));
}

/** Without the dimensions of one named by `axes`; all of them where none is named. */
export function squeeze(builder: Builder, value: Value, axes: readonly number[]): Value {
  const gone = axes.map((axis) => axisOf(axis, value.shape.length));
  if (gone.some((axis) => value.shape[axis] !== 1))
    throw new Unsuited(`it squeezes the dimensions ${axes.join(', ')} of [${value.shape.join(', ')}]`);
  return reshape(
    builder,
    value,
    value.shape.filter((dim, i) => (gone.length > 0 ? !gone.includes(i) : dim !== 1)),
  );
}

export function expand(builder: Builder, value: Value, axis: number): Value {
  const at = axisOf(axis, value.shape.length + 1);
  return reshape(builder, value, value.shape.toSpliced(at, 0, 1));
}

export function concatenate(builder: Builder, values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (first === undefined) throw new Unsuited('it joins nothing');
  const at = axisOf(axis, first.shape.length);
  for (const { shape, type } of values) {
    const fits = type === first.type && shape.length === first.shape.length && shape.every((dim, i) => i === at || dim === first.shape[i]);
    if (!fits)
      throw new Unsuited(`it joins ${first.type}[${first.shape.join(', ')}] with ${type}[${shape.join(', ')}] along dimension ${at}`);
  }
  const shape = first.shape.with(
    at,
    values.reduce((sum, value) => sum + (value.shape[at] ?? 0), 0),
  );
  const parts = values.map(({ data }) => data);
  if (first.type === 'int32' && shape.length === 1 && count(shape) <= limits.importPartsMax && parts.every((part) => part !== undefined)) {
    return integers(parts.flatMap((part) => [...part]));
  }
  const layout = commonLayout(builder, shape, values);
  const inputs = values.map((value) => builder.tensor(value, layout));
  return builder.value(shape, first.type, layout, builder.emit('Concat', inputs, { axis: orderOf(layout, shape.length).indexOf(at) }));
}

/** Joins along a new axis. */
export function stack(builder: Builder, values: readonly Value[], axis: number): Value {
  return concatenate(
    builder,
    values.map((value) => expand(builder, value, axis)),
    axis,
  );
}

/** Every slice along an axis, without that axis. */
export function unstack(builder: Builder, value: Value, axis: number): Value[] {
  const at = axisOf(axis, value.shape.length);
  const parts = value.shape[at] ?? 0;
  if (parts > limits.importPartsMax) throw new Unsuited(`it makes ${parts} tensors, at most ${limits.importPartsMax} are handled`);
  if (value.shape.length === 1 && value.type === 'int32' && value.data !== undefined)
    return [...value.data].map((number) => integers([number], []));
  const shape = value.shape.toSpliced(at, 1);
  if (parts === 1) return [reshape(builder, value, shape)];
  return Array.from({ length: parts }, (_, i) =>
    builder.value(shape, value.type, 'nhwc', builder.emit('Gather', [builder.tensor(value), builder.integers([i], [])], { axis: at })),
  );
}

/** Cuts an axis into parts of the sizes given. */
export function split(builder: Builder, value: Value, axis: number, sizes: readonly number[]): Value[] {
  const at = axisOf(axis, value.shape.length);
  const whole = value.shape[at] ?? 0;
  const known = sizes.reduce((sum, size) => sum + Math.max(size, 0), 0);
  const full = sizes.map((size) => (size === -1 ? whole - known : size));
  if (full.some((size) => !Number.isInteger(size) || size < 1) || full.reduce((sum, size) => sum + size, 0) !== whole) {
    throw new Unsuited(`it cuts ${whole} into parts of ${sizes.slice(0, 8).join(', ')}`);
  }
  const layout = builder.layoutOf(value);
  const attributes = { axis: orderOf(layout, value.shape.length).indexOf(at) };
  const names = builder.emitMany('Split', [builder.tensor(value, layout), builder.integers(full)], attributes, full.length);
  return names.map((name, i) => builder.value(value.shape.with(at, full[i] ?? 0), value.type, layout, name));
}

export function transpose(builder: Builder, value: Value, order: readonly number[]): Value {
  const rank = value.shape.length;
  if (order.length !== rank || new Set(order.map((axis) => axisOf(axis, rank))).size !== rank)
    throw new Unsuited(`it transposes ${rank} dimensions by ${order.join(', ')}`);
  const axes = order.map((axis) => axisOf(axis, rank));
  const shape = axes.map((axis) => value.shape[axis] ?? 0);
  return builder.value(shape, value.type, 'nhwc', builder.emit('Transpose', [builder.tensor(value)], { perm: axes }));
}

/** `pads` is [before, after] a dimension; without `mode` reflect the new elements are `fill`. */
export function pad(
  builder: Builder,
  value: Value,
  pads: readonly (readonly [number, number])[],
  mode: 'constant' | 'reflect',
  fill: number,
): Value {
  if (value.type !== 'float32' || pads.length !== value.shape.length || pads.flat().some((size) => !Number.isInteger(size) || size < 0)) {
    throw new Unsuited(`it pads ${value.type}[${value.shape.join(', ')}] by ${JSON.stringify(pads).slice(0, 100)}`);
  }
  const layout = builder.layoutOf(value);
  const order = orderOf(layout, value.shape.length);
  const sizes = [0, 1].flatMap((side) => order.map((axis) => pads[axis]?.[side] ?? 0));
  const inputs = [builder.tensor(value, layout), builder.integers(sizes), ...(mode === 'constant' ? [builder.number(fill)] : [])];
  const shape = value.shape.map((dim, i) => dim + (pads[i]?.[0] ?? 0) + (pads[i]?.[1] ?? 0));
  return builder.value(shape, value.type, layout, builder.emit('Pad', inputs, { mode }));
}

/** The pairs of a TensorFlow paddings tensor [rank, 2]. */
export function paddingPairs(paddings: Value | undefined): [number, number][] {
  const numbers = numbersOf(paddings, 'padding');
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i] ?? 0, numbers[2 * i + 1] ?? 0]);
}

/** `slices` is [begin, end, step] a dimension, within its bounds, the step positive. */
export function slice(builder: Builder, value: Value, slices: readonly (readonly [number, number, number])[]): Value {
  const shape = slices.map(([begin, end, step]) => Math.max(0, Math.ceil((end - begin) / step)));
  if (value.shape.length === 1 && value.type === 'int32' && value.data !== undefined) {
    const [begin = 0, end = 0, step = 1] = slices[0] ?? [];
    return integers([...value.data].filter((_, i) => i >= begin && i < end && (i - begin) % step === 0));
  }
  const layout = builder.layoutOf(value);
  const order = orderOf(layout, value.shape.length);
  const part = (index: 0 | 1 | 2): string => builder.integers(order.map((axis) => slices[axis]?.[index] ?? 0));
  const inputs = [builder.tensor(value, layout), part(0), part(1), builder.integers(order.map((_, i) => i)), part(2)];
  return builder.value(shape, value.type, layout, builder.emit('Slice', inputs));
}

export function tile(builder: Builder, value: Value, times: readonly number[]): Value {
  if (times.length !== value.shape.length || times.some((time) => time < 1))
    throw new Unsuited(`it repeats [${value.shape.join(', ')}] by ${times.join(', ')}`);
  const shape = value.shape.map((dim, i) => dim * (times[i] ?? 1));
  return builder.value(shape, value.type, 'nhwc', builder.emit('Tile', [builder.tensor(value), builder.integers(times)]));
}
