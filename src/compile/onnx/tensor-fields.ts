/**
 * The many ways a TensorProto states its data, brought to one: row-major little-endian bytes.
 *
 * Guarantees: as many elements as the dimensions say, or MODEL_INVALID; never more bytes than eight times those of the file.
 */
import { dataType, type OnnxTensor } from './model.js';
import { type Field, invalid, last, readElements, readFixed } from './wire.js';

/** Bytes of an element; 0 where an element is no whole number of bytes, or none is known. */
export const elementBytes: Readonly<Record<number, number>> = {
  [dataType.float32]: 4,
  [dataType.uint8]: 1,
  [dataType.int8]: 1,
  [dataType.uint16]: 2,
  [dataType.int16]: 2,
  [dataType.int32]: 4,
  [dataType.int64]: 8,
  [dataType.bool]: 1,
  [dataType.float16]: 2,
  [dataType.float64]: 8,
  [dataType.uint32]: 4,
  [dataType.uint64]: 8,
  [dataType.bfloat16]: 2,
};

/** Fields of a TensorProto that hold its values. */
const dims = 1;
const type = 2;
const floatData = 4;
const int32Data = 5;
const int64Data = 7;
const name = 8;
const rawData = 9;
const doubleData = 10;
const uint64Data = 11;
const dataLocation = 14;

type Data = Pick<OnnxTensor, 'type' | 'data' | 'external' | 'rest'>;

export function readTensorData(fields: readonly Field[], elementType: number, shape: readonly number[]): Data {
  const external = last(fields, dataLocation)?.value === 1n;
  const size = elementBytes[elementType] ?? 0;
  if (external || size === 0) return { type: elementType, data: new Uint8Array(0), external, rest: others(fields, [dims, type, name]) };
  const count = shape.reduce((product, dim) => product * dim, 1);
  const data = readBytes(fields, elementType, size);
  if (data.length !== count * size) {
    throw invalid(`a tensor of shape [${shape.join(', ')}] with ${data.length} bytes, expected ${count * size}`);
  }
  return {
    type: elementType,
    data,
    external,
    rest: others(fields, [dims, type, name, floatData, int32Data, int64Data, rawData, doubleData, uint64Data, dataLocation]),
  };
}

/** The bytes of a tensor whose elements have `size` bytes: raw, or in the field of its type. */
function readBytes(fields: readonly Field[], elementType: number, size: number): Uint8Array {
  const raw = last(fields, rawData);
  if (raw !== undefined) return raw.bytes;
  switch (elementType) {
    case dataType.float32:
      return readFixed(fields, floatData);
    case dataType.float64:
      return readFixed(fields, doubleData);
    case dataType.int64:
      return readElements(fields, int64Data, size);
    case dataType.uint32:
    case dataType.uint64:
      return readElements(fields, uint64Data, size);
    default:
      return readElements(fields, int32Data, size);
  }
}

function others(fields: readonly Field[], known: readonly number[]): Uint8Array[] {
  return fields.filter(({ number }) => !known.includes(number)).map(({ raw }) => raw);
}
