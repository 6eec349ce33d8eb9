/**
 * Names and numbers of the TFLite schema.
 *
 * Source: tensorflow/lite/schema/schema.fbs, version 3c, as in tensorflow/tflite-micro at commit 6cdf0d78. A field's id is its place in its table,
 * from 0; a union takes two ids, its kind and its value.
 */

/** `enum TensorType`, in order. */
const tensorTypes = [
  'FLOAT32',
  'FLOAT16',
  'INT32',
  'UINT8',
  'INT64',
  'STRING',
  'BOOL',
  'INT16',
  'COMPLEX64',
  'INT8',
  'FLOAT64',
  'COMPLEX128',
  'UINT64',
  'RESOURCE',
  'VARIANT',
  'UINT32',
  'UINT16',
  'INT4',
] as const;
export type TensorType = (typeof tensorTypes)[number] | 'UNKNOWN';

export function tensorTypeOf(number: number): TensorType {
  return tensorTypes[number] ?? 'UNKNOWN';
}

/** Bytes of an element, for types of whole bytes and one size. */
export const elementBytes: Readonly<Partial<Record<TensorType, number>>> = {
  FLOAT32: 4,
  FLOAT16: 2,
  INT32: 4,
  UINT8: 1,
  INT64: 8,
  BOOL: 1,
  INT16: 2,
  COMPLEX64: 8,
  INT8: 1,
  FLOAT64: 8,
  COMPLEX128: 16,
  UINT64: 8,
  UINT32: 4,
  UINT16: 2,
};

/** `enum BuiltinOperator`, 0 to 161 in order; above are names with which nothing runs. */
const operatorNames = `ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU
RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM
EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE
UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST
PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS
EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK
REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS
SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF
WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES
CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU
DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST
BITWISE_XOR RIGHT_SHIFT`.split(/\s+/);

export const customOperator = operatorNames.indexOf('CUSTOM');

export function operatorName(code: number): string {
  return operatorNames[code] ?? `operator ${code}`;
}

export interface OptionTable {
  /** Of `union BuiltinOptions`, from 1. */
  readonly kind: number;
  /** Id, type and, where it is not 0, default of a field. */
  readonly fields: Readonly<Record<string, readonly [number, 'byte' | 'int' | 'float', number?]>>;
}

/** The option tables that matter to the operators known here. `ActivationFunctionType` is a number here too (activation.ts). */
export const optionTables: Readonly<Record<string, OptionTable>> = {
  CONV_2D: {
    kind: 1,
    fields: {
      padding: [0, 'byte'],
      strideX: [1, 'int'],
      strideY: [2, 'int'],
      activation: [3, 'byte'],
      dilationX: [4, 'int', 1],
      dilationY: [5, 'int', 1],
    },
  },
  DEPTHWISE_CONV_2D: {
    kind: 2,
    fields: {
      padding: [0, 'byte'],
      strideX: [1, 'int'],
      strideY: [2, 'int'],
      activation: [4, 'byte'],
      dilationX: [5, 'int', 1],
      dilationY: [6, 'int', 1],
    },
  },
  AVERAGE_POOL_2D: pool(),
  MAX_POOL_2D: pool(),
  FULLY_CONNECTED: { kind: 8, fields: { activation: [0, 'byte'], weightsFormat: [1, 'byte'], keepNumDims: [2, 'byte'] } },
  SOFTMAX: { kind: 9, fields: { beta: [0, 'float'] } },
  CONCATENATION: { kind: 10, fields: { axis: [0, 'int'], activation: [1, 'byte'] } },
  ADD: { kind: 11, fields: { activation: [0, 'byte'] } },
  MUL: { kind: 21, fields: { activation: [0, 'byte'] } },
  MEAN: { kind: 27, fields: { keepDims: [0, 'byte'] } },
  SUB: { kind: 28, fields: { activation: [0, 'byte'] } },
  STRIDED_SLICE: {
    kind: 32,
    fields: {
      beginMask: [0, 'int'],
      endMask: [1, 'int'],
      ellipsisMask: [2, 'int'],
      newAxisMask: [3, 'int'],
      shrinkAxisMask: [4, 'int'],
      offset: [5, 'byte'],
    },
  },
};

function pool(): OptionTable {
  return {
    kind: 5,
    fields: {
      padding: [0, 'byte'],
      strideX: [1, 'int'],
      strideY: [2, 'int'],
      filterX: [3, 'int'],
      filterY: [4, 'int'],
      activation: [5, 'byte'],
    },
  };
}
