/**
 * An ONNX model as the compiler edits it.
 *
 * What a message holds beyond the fields named here stays in its `rest`, byte for byte, and is written back; only an operator set id,
 * which has been a domain and a version since ONNX began, keeps nothing else. Nodes, tensors and
 * attributes are plain mutable objects owned by their graph; tensor bytes may be views of the file, so replace them, never write into them.
 *
 * Source: onnx.proto of ONNX 1.19 (IR version 12); field numbers in read.ts and write.ts.
 */

/** TensorProto.DataType. */
export const dataType = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

export interface OnnxTensor {
  name: string;
  /** One of `dataType`, or a newer one. */
  type: number;
  dims: number[];
  /** Row-major, little-endian, as `raw_data` has it; empty for strings, external data and types of less than a byte. */
  data: Uint8Array;
  /** Where the data is when it is in another file; such a tensor is never read. */
  external: boolean;
  rest: Uint8Array[];
}

export type AttributeValue =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'string'; readonly value: Uint8Array }
  | { readonly kind: 'tensor'; readonly value: OnnxTensor }
  | { readonly kind: 'graph'; readonly value: OnnxGraph }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'strings'; readonly value: readonly Uint8Array[] }
  | { readonly kind: 'graphs'; readonly value: readonly OnnxGraph[] }
  /** Tensors, sparse tensors, types and references to attributes of a function: kept as they are. */
  | { readonly kind: 'other'; readonly type: number; readonly fields: readonly Uint8Array[] };

export type OnnxAttribute = AttributeValue & { rest: Uint8Array[] };

export interface OnnxNode {
  name: string;
  op: string;
  /** Empty for the operators of ONNX itself. */
  domain: string;
  /** An empty name is an optional input that is not given. */
  inputs: string[];
  outputs: string[];
  attributes: Map<string, OnnxAttribute>;
  rest: Uint8Array[];
}

/** A tensor that crosses the graph's border, or one whose shape is stated. */
export interface OnnxValue {
  name: string;
  /** Of its elements; 0 when it is no tensor or says nothing. */
  type: number;
  /** A string names a free dimension, '' an unnamed one; null when the rank is unknown. */
  shape: (number | string)[] | null;
  /**
   * The type as it stands, when it is no tensor (`type` is 0 then) or says more than `type` and `shape` can. Written back instead of them:
   * whoever changes those sets it to null.
   */
  otherType: Uint8Array | null;
  rest: Uint8Array[];
}

export interface OnnxGraph {
  name: string;
  nodes: OnnxNode[];
  initializers: OnnxTensor[];
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  values: OnnxValue[];
  rest: Uint8Array[];
}

export interface OnnxModel {
  irVersion: number;
  /** Version by domain; '' is ONNX itself. */
  opsets: Map<string, number>;
  graph: OnnxGraph;
  /** How many functions the model brings along (field 25); they are kept in `rest`. */
  readonly functions: number;
  rest: Uint8Array[];
}
