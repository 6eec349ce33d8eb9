/** What makes one number of many, and what picks some of many: sums and means, the largest, products of matrices. */
import type { Builder } from './builder.js';
import { Unsuited } from './unsuited.js';
import { axisOf, broadcast, toNchw, type Value } from './value.js';

const nchw: readonly number[] = toNchw;

export type Reduction = 'ReduceMean' | 'ReduceSum' | 'ReduceMax' | 'ReduceMin' | 'ReduceProd';

/** Over `axes`; no axes means all. */
export function reduce(builder: Builder, op: Reduction, value: Value, given: readonly number[], keep: boolean): Value {
  const rank = value.shape.length;
  if (value.type === 'bool' || (op === 'ReduceMean' && value.type !== 'float32')) throw new Unsuited(`it reduces ${value.type}`);
  const axes = (given.length === 0 ? value.shape.map((_, i) => i) : [...new Set(given.map((axis) => axisOf(axis, rank)))]).sort(
    (a, b) => a - b,
  );
  const shape = keep ? value.shape.map((dim, i) => (axes.includes(i) ? 1 : dim)) : value.shape.filter((_, i) => !axes.includes(i));
  if (rank === 4 && op === 'ReduceMean' && axes.join() === '1,2') return averageImage(builder, value, shape, keep);
  const layout = keep ? builder.layoutOf(value) : 'nhwc';
  const onnxAxes = layout === 'nchw' ? axes.map((axis) => nchw.indexOf(axis)) : axes;
  const input = builder.tensor(value, layout);
  const keepdims = Number(keep);
  const output =
    op === 'ReduceSum'
      ? builder.emit(op, [input, builder.integers(onnxAxes)], { keepdims })
      : builder.emit(op, [input], { axes: onnxAxes, keepdims });
  return builder.value(shape, value.type, layout, output);
}

function averageImage(builder: Builder, value: Value, shape: readonly number[], keep: boolean): Value {
  const pooled = builder.emit('GlobalAveragePool', [builder.tensor(value, 'nchw')]);
  if (keep) return builder.value(shape, value.type, 'nchw', pooled);
  return builder.value(shape, value.type, 'nhwc', builder.emit('Reshape', [pooled, builder.integers(shape)]));
}

/** The place of the largest, or smallest, along an axis. */
export function argument(builder: Builder, op: 'ArgMax' | 'ArgMin', value: Value, axis: number): Value {
  const at = axisOf(axis, value.shape.length);
  const output = builder.emit(op, [builder.tensor(value)], { axis: at, keepdims: 0 });
  return builder.value(value.shape.toSpliced(at, 1), 'int32', 'nhwc', output);
}

/** The k largest along the last axis, largest first, and their places. */
export function topK(builder: Builder, value: Value, k: number): [Value, Value] {
  const last = value.shape.at(-1) ?? 0;
  if (!Number.isInteger(k) || k < 1 || k > last) throw new Unsuited(`it wants the ${k} largest of ${last}`);
  const shape = value.shape.with(-1, k);
  const [values = '', places = ''] = builder.emitMany(
    'TopK',
    [builder.tensor(value), builder.integers([k])],
    { axis: -1, largest: 1, sorted: 1 },
    2,
  );
  return [builder.value(shape, value.type, 'nhwc', values), builder.value(shape, 'int32', 'nhwc', places)];
}

export function gather(builder: Builder, value: Value, places: Value, axis: number): Value {
  const at = axisOf(axis, value.shape.length);
  const shape = [...value.shape.slice(0, at), ...places.shape, ...value.shape.slice(at + 1)];
  return builder.value(shape, value.type, 'nhwc', builder.emit('Gather', [builder.tensor(value), builder.tensor(places)], { axis: at }));
}

/** The last dimension of `places` is a place in the first dimensions of `value`. */
export function gatherMany(builder: Builder, value: Value, places: Value): Value {
  const depth = places.shape.at(-1) ?? 0;
  if (depth < 1 || depth > value.shape.length) throw new Unsuited(`places of ${depth} numbers in ${value.shape.length} dimensions`);
  const shape = [...places.shape.slice(0, -1), ...value.shape.slice(depth)];
  return builder.value(shape, value.type, 'nhwc', builder.emit('GatherND', [builder.tensor(value), builder.tensor(places)]));
}

/** Of two matrices, with a bias a column. */
export function multiply(builder: Builder, a: Value, b: Value, bias: Value | undefined, transposeA: boolean, transposeB: boolean): Value {
  const [rows, inner] = transposeA ? [a.shape[1], a.shape[0]] : a.shape;
  const [innerB, columns] = transposeB ? [b.shape[1], b.shape[0]] : b.shape;
  if (a.shape.length !== 2 || b.shape.length !== 2 || inner !== innerB || a.type !== 'float32' || b.type !== 'float32') {
    throw new Unsuited(`it multiplies ${a.type}[${a.shape.join(', ')}] by ${b.type}[${b.shape.join(', ')}]`);
  }
  const shape = [rows ?? 0, columns ?? 0];
  if (bias !== undefined && broadcast(shape, bias.shape).join() !== shape.join())
    throw new Unsuited(`its bias has the shape [${bias.shape.join(', ')}]`);
  const inputs = [a, b, ...(bias === undefined ? [] : [bias])].map((value) => builder.tensor(value));
  return builder.value(shape, 'float32', 'nhwc', builder.emit('Gemm', inputs, { transA: Number(transposeA), transB: Number(transposeB) }));
}

/** Of the matrices in the last two dimensions. */
export function multiplyMany(builder: Builder, a: Value, b: Value, transposeA: boolean, transposeB: boolean): Value {
  if (a.shape.length < 2 || b.shape.length < 2 || a.type !== 'float32' || b.type !== 'float32')
    throw new Unsuited(`it multiplies tensors of ${a.shape.length} and ${b.shape.length} dimensions`);
  const [x, y] = [turned(builder, a, transposeA), turned(builder, b, transposeB)];
  if (x.shape.at(-1) !== y.shape.at(-2)) throw new Unsuited(`it multiplies [${x.shape.join(', ')}] by [${y.shape.join(', ')}]`);
  const shape = [...broadcast(x.shape.slice(0, -2), y.shape.slice(0, -2)), x.shape.at(-2) ?? 0, y.shape.at(-1) ?? 0];
  return builder.value(shape, 'float32', 'nhwc', builder.emit('MatMul', [builder.tensor(x), builder.tensor(y)]));
}

function turned(builder: Builder, value: Value, yes: boolean): Value {
  if (!yes) return value;
  const rank = value.shape.length;
  const order = Array.from({ length: rank }, (_, i) => (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i));
  const shape = order.map((axis) => value.shape[axis] ?? 0);
  return builder.value(shape, value.type, 'nhwc', builder.emit('Transpose', [builder.tensor(value)], { perm: order }));
}
