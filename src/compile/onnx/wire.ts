/**
 * The protobuf wire format, as much as ONNX needs: fields as slices of the bytes they came in, and new ones.
 *
 * Guarantees: reading costs time and memory in proportion to the bytes and never more than `limits.onnxFieldsMax` fields a file;
 * a varint has at most ten bytes; a field never goes beyond its message. Deliberately without groups (wire types 3 and 4).
 *
 * Source: protobuf.dev, "Encoding".
 */
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';

export interface Field {
  readonly number: number;
  readonly wire: 0 | 1 | 2 | 5;
  /** Of a varint (wire type 0), as an unsigned 64-bit number; else 0. */
  readonly value: bigint;
  /** The payload of wire types 1, 2 and 5; a view of the file. */
  readonly bytes: Uint8Array;
  /** The field as it stands, with its tag; a view of the file. */
  readonly raw: Uint8Array;
}

/** Throws MODEL_INVALID, saying what was found; `what` names the file. */
export function invalid(what: string): ShoalError {
  return new ShoalError('MODEL_INVALID', `not a readable ONNX model: ${what}`);
}

/** Counts what a file makes us hold, so that a small file cannot become a large heap. */
export class Budget {
  #fields = 0;

  spend(fields: number): void {
    this.#fields += fields;
    if (this.#fields > limits.onnxFieldsMax) throw invalid(`it has more than ${limits.onnxFieldsMax} fields and numbers`);
  }
}

const empty = new Uint8Array(0);

export function readFields(message: Uint8Array, budget: Budget): Field[] {
  const fields: Field[] = [];
  const reader = new VarintReader(message);
  while (reader.at < message.length) {
    budget.spend(1);
    const start = reader.at;
    const tag = Number(reader.next());
    const wire = tag & 7;
    const number = Math.floor(tag / 8);
    if (number < 1 || number > 0x1fffffff) throw invalid(`a field with number ${number} at byte ${start} of its message`);
    if (wire !== 0 && wire !== 1 && wire !== 2 && wire !== 5) throw invalid(`wire type ${wire} at byte ${start} of its message`);
    const value = wire === 0 ? reader.next() : 0n;
    const length = wire === 0 ? 0 : wire === 1 ? 8 : wire === 5 ? 4 : Number(reader.next());
    if (length > message.length - reader.at) throw invalid(`a field of ${length} bytes where ${message.length - reader.at} are left`);
    const bytes = wire === 0 ? empty : message.subarray(reader.at, reader.at + length);
    reader.at += length;
    fields.push({ number, wire, value, bytes, raw: message.subarray(start, reader.at) });
  }
  return fields;
}

class VarintReader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  next(): bigint {
    let low = 0;
    let scale = 1;
    // Up to seven bytes fit into a number exactly; only the rest needs big integers.
    for (let i = 0; i < 7; i++, scale *= 128) {
      const byte = this.#byte();
      low += (byte & 127) * scale;
      if (byte < 128) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw invalid('a number of more than ten bytes');
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw invalid('it ends within a number');
    return byte;
  }
}

/** A repeated number, packed or one field each. `budget` pays for every one. */
export function readVarints(fields: readonly Field[], number: number, budget: Budget): bigint[] {
  const values: bigint[] = [];
  for (const field of fields) {
    if (field.number !== number) continue;
    if (field.wire === 0) values.push(BigInt.asIntN(64, field.value));
    else {
      const reader = new VarintReader(field.bytes);
      while (reader.at < field.bytes.length) {
        budget.spend(1);
        values.push(BigInt.asIntN(64, reader.next()));
      }
    }
  }
  return values;
}

/** The bytes of a repeated fixed-width number, packed or one field each, one after the other. */
export function readFixed(fields: readonly Field[], number: number): Uint8Array {
  return concat(fields.filter((field) => field.number === number).map(({ bytes }) => bytes));
}

const decoder = new TextDecoder();

export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** The last field of a number, as protobuf has it for fields that are not repeated. */
export function last(fields: readonly Field[], number: number): Field | undefined {
  return fields.findLast((field) => field.number === number);
}

// ---------------------------------------------------------------- writing

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    if (rest < 128n) return Uint8Array.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

export function varintField(number: number, value: bigint): Uint8Array {
  return concat([varint(BigInt(number) << 3n), varint(value)]);
}

export function floatField(number: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concat([varint((BigInt(number) << 3n) | 5n), bytes]);
}

export function bytesField(number: number, payload: Uint8Array): Uint8Array {
  return concat([varint((BigInt(number) << 3n) | 2n), varint(BigInt(payload.length)), payload]);
}

export function textField(number: number, text: string): Uint8Array {
  return bytesField(number, new TextEncoder().encode(text));
}
