/** The element types of ONNX by number: a name for people, bits for sums, and which of them quantized weights come in. */
interface ElementType {
  readonly name: string;
  /** Of one element; 0 where elements differ in length. */
  readonly bits: number;
  /** What a weight may be: `float` is one nobody quantized, `small` one somebody did; the rest are shapes, indices and biases. */
  readonly weight: 'float' | 'small' | 'none';
}

const type = (name: string, bits: number, weight: ElementType['weight']): ElementType => ({ name, bits, weight });

/** Source: TensorProto.DataType in onnx.proto of ONNX 1.19. */
const elementTypes: Readonly<Record<number, ElementType>> = {
  1: type('float32', 32, 'float'),
  2: type('uint8', 8, 'small'),
  3: type('int8', 8, 'small'),
  4: type('uint16', 16, 'small'),
  5: type('int16', 16, 'small'),
  6: type('int32', 32, 'none'),
  7: type('int64', 64, 'none'),
  8: type('string', 0, 'none'),
  9: type('bool', 8, 'none'),
  10: type('float16', 16, 'float'),
  11: type('float64', 64, 'float'),
  12: type('uint32', 32, 'none'),
  13: type('uint64', 64, 'none'),
  14: type('complex64', 64, 'none'),
  15: type('complex128', 128, 'none'),
  16: type('bfloat16', 16, 'float'),
  17: type('float8e4m3fn', 8, 'small'),
  18: type('float8e4m3fnuz', 8, 'small'),
  19: type('float8e5m2', 8, 'small'),
  20: type('float8e5m2fnuz', 8, 'small'),
  21: type('uint4', 4, 'small'),
  22: type('int4', 4, 'small'),
  23: type('float4e2m1', 4, 'small'),
  24: type('float8e8m0', 8, 'none'),
};

export function elementType(number: number): ElementType {
  return elementTypes[number] ?? type(number === 0 ? 'unknown' : `type ${number}`, 0, 'none');
}
