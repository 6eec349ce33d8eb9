/**
 * The little of the protobuf wire format that editing an ONNX file takes: fields as slices of the bytes they came in, and new ones.
 *
 * Throws RangeError on bytes that are no protobuf message.
 */
import { Buffer } from 'node:buffer';

export interface Field {
  readonly number: number;
  /** Of a number (wire type 0), else 0. */
  readonly value: number;
  /** Of a message, a text or packed numbers (wire type 2), or the four or eight bytes of a fixed number. */
  readonly bytes: Buffer;
  /** The field as it stands, with its tag. */
  readonly raw: Buffer;
}

export function readFields(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message.readUInt8(at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const start = at;
    const tag = varint();
    const type = tag & 7;
    let value = 0;
    let length = 0;
    if (type === 0) value = varint();
    else if (type === 2) length = varint();
    else if (type === 5) length = 4;
    else if (type === 1) length = 8;
    else throw new RangeError(`wire type ${type}`);
    if (at + length > message.length) throw new RangeError('a field goes beyond its message');
    const bytes = message.subarray(at, at + length);
    at += length;
    fields.push({ number: tag >>> 3, value, bytes, raw: message.subarray(start, at) });
  }
  return fields;
}

function varintOf(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

export function numberField(number: number, value: number): Buffer {
  return Buffer.concat([varintOf(number << 3), varintOf(value)]);
}

export function floatField(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varintOf((number << 3) | 5), bytes]);
}

/** A text, or a message of the given fields. */
export function bytesField(number: number, payload: string | readonly Buffer[]): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : Buffer.concat(payload);
  return Buffer.concat([varintOf((number << 3) | 2), varintOf(bytes.length), bytes]);
}
