/**
 * Operators on constants, as far as the passes need them.
 *
 * Guarantees: what ONNX says they give, or null where this does not know. Arithmetic is on whole numbers that a double holds exactly, or on
 * float32 rounded after each operation as IEEE 754 has it, so the same on every machine.
 */
import { dataType, type OnnxNode, type OnnxTensor } from '../onnx/model.js';
import { elementBytes } from '../onnx/tensor-fields.js';
import { floatsOf, integersOf, intOf, intsOf, tensorOf } from '../onnx/values.js';

type Operator = (inputs: readonly OnnxTensor[], node: OnnxNode) => OnnxTensor | null;

export const operators: Readonly<Record<string, Operator>> = {
  Identity: ([x]) => x ?? null,
  Cast: ([x], node) => (x === undefined ? null : cast(x, intOf(node, 'to', 0))),
  Reshape: ([x, shape]) => (x === undefined ? null : reshape(x, integersOf(shape))),
  Squeeze: ([x, axes], node) => (x === undefined ? null : squeeze(x, axes === undefined ? intsOf(node, 'axes') : integersOf(axes))),
  Unsqueeze: ([x, axes], node) => (x === undefined ? null : unsqueeze(x, axes === undefined ? intsOf(node, 'axes') : integersOf(axes))),
  Concat: (inputs, node) => concat(inputs, intOf(node, 'axis', 0)),
  Gather: ([x, indices], node) => (x === undefined || intOf(node, 'axis', 0) !== 0 ? null : gather(x, indices)),
  Add: ([a, b]) => arithmetic(a, b, (x, y) => x + y),
  Sub: ([a, b]) => arithmetic(a, b, (x, y) => x - y),
  Mul: ([a, b]) => arithmetic(a, b, (x, y) => x * y),
  Div: ([a, b]) => (a?.type === dataType.float32 ? arithmetic(a, b, (x, y) => x / y) : null),
};

function cast(x: OnnxTensor, to: number): OnnxTensor | null {
  if (x.type === to) return x;
  const values = integersOf(x) ?? floatsOf(x);
  if (values === null) return null;
  if (to === dataType.float32) return tensorOf('', Float32Array.from(values), x.dims);
  const whole = Array.from(values, Math.trunc);
  if (to === dataType.int64 && whole.every(Number.isSafeInteger)) return tensorOf('', BigInt64Array.from(whole, BigInt), x.dims);
  if (to === dataType.int32 && whole.every((value) => (value | 0) === value)) return tensorOf('', Int32Array.from(whole), x.dims);
  return null;
}

function reshape(x: OnnxTensor, shape: readonly number[] | null): OnnxTensor | null {
  // Zero copies a dimension of the input, minus one is what is left over.
  const dims = shape?.map((dim, i) => (dim === 0 ? (x.dims[i] ?? 0) : dim)) ?? null;
  if (dims === null) return null;
  const rest = dims.indexOf(-1);
  if (rest !== -1) dims[rest] = count(x.dims) / count(dims.filter((_, i) => i !== rest));
  return dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0) && count(dims) === count(x.dims) ? { ...x, dims } : null;
}

function squeeze(x: OnnxTensor, axes: readonly number[] | null): OnnxTensor | null {
  const gone = axes?.map((axis) => (axis < 0 ? axis + x.dims.length : axis)) ?? x.dims.flatMap((dim, i) => (dim === 1 ? [i] : []));
  if (gone.some((axis) => x.dims[axis] !== 1)) return null;
  return { ...x, dims: x.dims.filter((_, i) => !gone.includes(i)) };
}

function unsqueeze(x: OnnxTensor, axes: readonly number[] | null): OnnxTensor | null {
  if (axes === null) return null;
  const rank = x.dims.length + axes.length;
  const added = axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  if (new Set(added).size !== added.length || added.some((axis) => axis < 0 || axis >= rank)) return null;
  const dims = [...x.dims];
  for (const axis of added) dims.splice(axis, 0, 1);
  return { ...x, dims };
}

/** Of vectors only. */
function concat(inputs: readonly OnnxTensor[], axis: number): OnnxTensor | null {
  const [first] = inputs;
  if (first === undefined || inputs.some(({ dims, type }) => dims.length !== 1 || type !== first.type)) return null;
  if ((axis !== 0 && axis !== -1) || elementBytes[first.type] === undefined) return null;
  const data = new Uint8Array(inputs.reduce((sum, input) => sum + input.data.length, 0));
  let at = 0;
  for (const input of inputs) {
    data.set(input.data, at);
    at += input.data.length;
  }
  return { ...first, dims: [inputs.reduce((sum, { dims }) => sum + (dims[0] ?? 0), 0)], data };
}

/** Along the first axis, by one index or a vector of them. */
function gather(x: OnnxTensor, indices: OnnxTensor | undefined): OnnxTensor | null {
  const wanted = integersOf(indices);
  const [rows = 0, ...inner] = x.dims;
  if (indices === undefined || wanted === null || x.dims.length === 0 || elementBytes[x.type] === undefined) return null;
  const at = wanted.map((index) => (index < 0 ? index + rows : index));
  if (at.some((index) => index < 0 || index >= rows)) return null;
  const size = x.data.length / rows;
  const data = new Uint8Array(size * at.length);
  for (const [i, index] of at.entries()) data.set(x.data.subarray(index * size, (index + 1) * size), i * size);
  return { ...x, dims: [...indices.dims, ...inner], data };
}

/** Of two tensors of one shape, or of one and a scalar. */
function arithmetic(a: OnnxTensor | undefined, b: OnnxTensor | undefined, apply: (x: number, y: number) => number): OnnxTensor | null {
  if (a === undefined || b === undefined || a.type !== b.type) return null;
  const dims = b.dims.length === 0 ? a.dims : b.dims;
  if (a.dims.length > 0 && b.dims.length > 0 && (a.dims.length !== b.dims.length || a.dims.some((dim, i) => dim !== b.dims[i])))
    return null;
  const [x, y] = [floatsOf(a) ?? integersOf(a), floatsOf(b) ?? integersOf(b)];
  if (x === null || y === null) return null;
  const values = Array.from({ length: count(dims) }, (_, i) => apply(x[x.length === 1 ? 0 : i] ?? 0, y[y.length === 1 ? 0 : i] ?? 0));
  if (a.type === dataType.float32) return tensorOf('', Float32Array.from(values), dims);
  return a.type === dataType.int64 && values.every(Number.isSafeInteger) ? tensorOf('', BigInt64Array.from(values, BigInt), dims) : null;
}

function count(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
