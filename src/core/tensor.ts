/**
 * Tensors as a model declares and receives them.
 *
 * Data is row-major and belongs to whoever created it; a task that returns a tensor gives it away.
 * Non-tensor ONNX types are not supported.
 */
import { ShoalError } from './errors.js';

export type Dtype = 'float32' | 'int64' | 'int32' | 'uint8' | 'int8' | 'bool';

export type TensorData = Float32Array | BigInt64Array | Int32Array | Uint8Array | Int8Array;

export interface Tensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** As a card states it; a string in `shape` names a dimension that is free. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly (number | string)[];
}

const constructors = {
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
} as const;

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(constructors, name);
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Compares a tensor with its spec before it reaches the runtime, whose own message would be prose without names.
 * Throws MODEL_TENSOR.
 */
export function checkTensor(spec: TensorSpec, tensor: Tensor): void {
  const expected = `${spec.dtype}[${spec.shape.join(',')}]`;
  const found = `${tensor.dtype}[${tensor.shape.join(',')}]`;
  const mismatch =
    tensor.dtype !== spec.dtype ||
    tensor.shape.length !== spec.shape.length ||
    spec.shape.some((size, axis) => typeof size === 'number' && size !== tensor.shape[axis]) ||
    !(tensor.data instanceof constructors[tensor.dtype]) ||
    tensor.data.length !== elements(tensor.shape);
  if (mismatch) {
    throw new ShoalError('MODEL_TENSOR', `tensor "${spec.name}": got ${found} with ${tensor.data.length} elements, expected ${expected}`);
  }
}

/** The float data of a named output; throws MODEL_TENSOR when it is missing or of another type. */
export function floats(tensors: Tensors, name: string): Float32Array {
  const tensor = tensors[name];
  if (tensor?.data instanceof Float32Array) return tensor.data;
  const found = tensor === undefined ? 'nothing' : tensor.dtype;
  throw new ShoalError(
    'MODEL_TENSOR',
    `output "${name}": got ${found}, expected float32; the outputs are ${Object.keys(tensors).join(', ')}`,
  );
}
