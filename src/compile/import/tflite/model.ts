/** A TFLite model as it was read: subgraph 0, which is the model. */
import type { TensorType } from './schema.js';

/** `value = scale * (stored - zero)`, one pair for all or one for each index of `axis`. */
export interface TfliteQuantization {
  readonly scales: readonly number[];
  /** As many as scales. */
  readonly zeros: readonly number[];
  /** The dimension the pairs belong to, when there are several. */
  readonly axis: number;
}

export interface TfliteTensor {
  readonly index: number;
  /** May be empty, or the name of another tensor too. */
  readonly name: string;
  readonly type: TensorType;
  /** As it is without resizing: a free batch is what the file was saved with, mostly 1. */
  readonly shape: readonly number[];
  /** Whether a dimension other than the first is free. */
  readonly dynamic: boolean;
  readonly sparse: boolean;
  readonly variable: boolean;
  readonly quantization: TfliteQuantization | null;
  /** Row-major, little-endian, a view of the file; null when the tensor is computed or fed. */
  readonly data: Uint8Array | null;
}

export interface TfliteOperator {
  /** As in the schema, such as `CONV_2D`; `custom operator NAME` for one of the model's own, `operator 999` for one newer than the schema. */
  readonly name: string;
  /** Indices of tensors; -1 is an optional one that is not given. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** The numbers of the operator's option table by field name; flags are 0 or 1. Empty for operators whose options are not known here. */
  readonly options: Readonly<Record<string, number>>;
}

export interface TfliteModel {
  readonly tensors: readonly TfliteTensor[];
  readonly operators: readonly TfliteOperator[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}
