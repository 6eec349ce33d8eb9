/**
 * The protobuf wire format, as much as ONNX needs: fields as slices of the bytes they came in, and new ones.
 *
 * Guarantees: reading costs time in proportion to the bytes, and memory that a `Budget` bounds; a varint has at most ten bytes; a field
 * never goes beyond its message; text is UTF-8. Deliberately without groups (wire types 3 and 4).
 *
 * Source: protobuf.dev, "Encoding".
 */
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';

/** Throws MODEL_INVALID, saying what was found; `what` names the file. */
export function invalid(what: string): ShoalError {
  return new ShoalError('MODEL_INVALID', `not a readable ONNX model: ${what}`);
}

/** Counts what a file makes us hold, in fields, so that a small file cannot become a large heap. */
export class Budget {
  #left: number = limits.onnxFieldsMax;

  spend(fields: number): void {
    this.#left -= fields;
    if (this.#left < 0) throw invalid(`it has more parts than ${limits.onnxFieldsMax} fields and numbers`);
  }
}

/** A field in its message. What it holds is read when asked for: most fields of a hostile file never are. */
export class Field {
  readonly number: number;
  readonly wire: number;
  readonly #message: Uint8Array;
  readonly #start: number;
  readonly #payload: number;
  readonly #end: number;

  constructor(number: number, wire: number, message: Uint8Array, start: number, payload: number, end: number) {
    this.number = number;
    this.wire = wire;
    this.#message = message;
    this.#start = start;
    this.#payload = payload;
    this.#end = end;
  }

  /** Of a varint (wire type 0), as an unsigned 64-bit number; else 0. */
  get value(): bigint {
    return this.wire === 0 ? new VarintReader(this.#message, this.#payload).next().bigint() : 0n;
  }

  /** The payload of wire types 1, 2 and 5; a view of the file. Empty for a varint. */
  get bytes(): Uint8Array {
    return this.#message.subarray(this.wire === 0 ? this.#end : this.#payload, this.#end);
  }

  /** The field as it stands, with its tag; a view of the file. */
  get raw(): Uint8Array {
    return this.#message.subarray(this.#start, this.#end);
  }
}

export function readFields(message: Uint8Array, budget: Budget): Field[] {
  const fields: Field[] = [];
  const reader = new VarintReader(message, 0);
  while (reader.at < message.length) {
    budget.spend(1);
    const start = reader.at;
    const tag = reader.next().number();
    const wire = tag & 7;
    const number = Math.floor(tag / 8);
    if (number < 1 || number > 0x1fffffff) throw invalid(`a field with number ${number} at byte ${start} of its message`);
    const payload = skip(reader, wire, start);
    fields.push(new Field(number, wire, message, start, payload, reader.at));
  }
  return fields;
}

/** Goes over a field's value and answers where its payload begins. */
function skip(reader: VarintReader, wire: number, start: number): number {
  if (wire === 0) {
    const payload = reader.at;
    reader.next();
    return payload;
  }
  if (wire !== 1 && wire !== 2 && wire !== 5) throw invalid(`wire type ${wire} at byte ${start} of its message`);
  const length = wire === 1 ? 8 : wire === 5 ? 4 : reader.next().number();
  const payload = reader.at;
  if (length > reader.left) throw invalid(`a field of ${length} bytes where ${reader.left} are left`);
  reader.at += length;
  return payload;
}

/** Reads a varint into two halves: a big integer each would cost more than all the rest. */
class VarintReader {
  at: number;
  low = 0;
  high = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  next(): this {
    this.low = 0;
    this.high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) throw invalid('it ends within a number');
      const bits = byte & 127;
      if (shift < 28) this.low |= bits << shift;
      else if (shift > 28) this.high |= bits << (shift - 32);
      else {
        this.low |= bits << 28;
        this.high = bits >> 4;
      }
      if (byte < 128) return this;
    }
    throw invalid('a number of more than ten bytes');
  }

  /** Exact up to 2 ** 53. */
  number(): number {
    return (this.high >>> 0) * 2 ** 32 + (this.low >>> 0);
  }

  bigint(): bigint {
    return (BigInt(this.high >>> 0) << 32n) | BigInt(this.low >>> 0);
  }
}

/** A repeated number, packed or one field each, as signed 64-bit numbers. `budget` pays for every one. */
export function readVarints(fields: readonly Field[], number: number, budget: Budget): bigint[] {
  const values: bigint[] = [];
  for (const { wire, value, bytes } of fields.filter((field) => field.number === number)) {
    if (wire === 0) values.push(BigInt.asIntN(64, value));
    const reader = new VarintReader(bytes, 0);
    while (reader.left > 0) {
      budget.spend(1);
      values.push(BigInt.asIntN(64, reader.next().bigint()));
    }
  }
  return values;
}

/**
 * A repeated number as little-endian elements of `size` bytes, at most 8: what does not fit is cut off, as C++ does.
 * Answers at most eight times the bytes it was in.
 */
export function readElements(fields: readonly Field[], number: number, size: number): Uint8Array {
  const own = fields.filter((field) => field.number === number);
  const count = own.reduce((sum, { wire, bytes }) => sum + (wire === 0 ? 1 : ends(bytes)), 0);
  if (count * size > limits.onnxBytesMax) throw invalid('a tensor larger than a model may be');
  const elements = new Uint8Array(count * size);
  let at = 0;
  const put = ({ low, high }: VarintReader): void => {
    for (let i = 0; i < size; i++) elements[at++] = i < 4 ? low >>> (i * 8) : high >>> (i * 8 - 32);
  };
  for (const { wire, raw, bytes } of own) {
    const reader = new VarintReader(wire === 0 ? raw : bytes, 0);
    // The tag of a field that stands by itself.
    if (wire === 0) reader.next();
    while (reader.left > 0) put(reader.next());
  }
  return elements;
}

/** How many varints end in these bytes. */
function ends(bytes: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) if ((bytes[i] ?? 128) < 128) count++;
  return count;
}

/** The bytes of a repeated fixed-width number, packed or one field each, one after the other. */
export function readFixed(fields: readonly Field[], number: number): Uint8Array {
  return concat(fields.filter((field) => field.number === number).map(({ bytes }) => bytes));
}

// A byte order mark is a character of the name: names are compared, not shown.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws MODEL_INVALID for bytes that are no UTF-8: two names that differ there would become one. */
export function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalid('a name that is not UTF-8');
  }
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
