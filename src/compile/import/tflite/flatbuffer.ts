/**
 * The flatbuffers wire format, as much as TFLite needs: tables, vectors, text and scalars at checked places.
 *
 * Guarantees: nothing outside the file is read and nothing is allocated by a length the file claims before it was seen to fit; since offsets
 * may point many times at one place, every table, number and character read is paid for from one budget. Offsets that go round in circles
 * lead nowhere: callers descend by a fixed schema. Deliberately ignores alignment, which only speed needs.
 *
 * Source: flatbuffers.dev, "FlatBuffer Internals" (little-endian; a table begins with the signed distance back to its vtable; a vtable is
 * its own size, the table's size and an offset a field, all of 16 bits; vectors and text begin with a 32-bit count).
 */
import { ShoalError } from '../../../core/errors.js';
import { limits } from '../../../core/limits.js';

/** Throws MODEL_INVALID, saying what was found. */
export function invalid(what: string): ShoalError {
  return new ShoalError('MODEL_INVALID', `not a readable TFLite model: ${what}`);
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class File {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  #left: number = limits.tflitePartsMax;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  spend(parts: number): void {
    this.#left -= parts;
    if (this.#left < 0) throw invalid(`it has more parts than ${limits.tflitePartsMax} tables, numbers and characters`);
  }

  /** Answers `at` when `length` bytes from there are in the file. */
  within(at: number, length: number): number {
    const end = this.bytes.length;
    if (at < 0 || at + length > end) throw invalid(`${length} bytes at ${at} of a file of ${end} bytes`);
    return at;
  }

  uint16(at: number): number {
    return this.view.getUint16(this.within(at, 2), true);
  }

  uint32(at: number): number {
    return this.view.getUint32(this.within(at, 4), true);
  }

  int32(at: number): number {
    return this.view.getInt32(this.within(at, 4), true);
  }
}

/** What a table costs beside what is read of it: the objects it becomes. */
const tableCost = 4;

/** The root table of a file with the identifier `identifier` (4 characters). The file must not change while tables are read. */
export function rootTable(bytes: Uint8Array, identifier: string): Table {
  const file = new File(bytes);
  const found = String.fromCharCode(...bytes.subarray(4, 8));
  if (found !== identifier) throw invalid(`bytes 4 to 8 are ${JSON.stringify(found)}, expected "${identifier}"`);
  return new Table(file, file.uint32(0));
}

export class Table {
  readonly #file: File;
  readonly #at: number;
  readonly #size: number;
  readonly #vtable: number;
  readonly #fields: number;

  constructor(file: File, at: number) {
    file.spend(tableCost);
    this.#file = file;
    this.#at = at;
    this.#vtable = at - file.int32(at);
    const vtableSize = file.uint16(this.#vtable);
    file.within(this.#vtable, Math.max(vtableSize, 4));
    if (vtableSize < 4) throw invalid(`a vtable of ${vtableSize} bytes at ${this.#vtable}`);
    this.#fields = (vtableSize - 4) >> 1;
    this.#size = file.uint16(this.#vtable + 2);
    file.within(at, this.#size);
  }

  /** Where a field of `width` bytes stands; undefined when the table does not have it. */
  #place(field: number, width: number): number | undefined {
    if (field >= this.#fields) return undefined;
    const offset = this.#file.uint16(this.#vtable + 4 + 2 * field);
    if (offset === 0) return undefined;
    if (offset < 4 || offset + width > this.#size) throw invalid(`field ${field} at byte ${offset} of a table of ${this.#size} bytes`);
    return this.#at + offset;
  }

  byte(field: number, otherwise = 0): number {
    const at = this.#place(field, 1);
    return at === undefined ? otherwise : this.#file.view.getInt8(at);
  }

  ubyte(field: number, otherwise = 0): number {
    return this.byte(field, otherwise) & 255;
  }

  int(field: number, otherwise = 0): number {
    const at = this.#place(field, 4);
    return at === undefined ? otherwise : this.#file.int32(at);
  }

  uint(field: number): number {
    return this.int(field) >>> 0;
  }

  float(field: number): number {
    const at = this.#place(field, 4);
    return at === undefined ? 0 : this.#file.view.getFloat32(at, true);
  }

  /** Whether a field is there at all, whatever it is. */
  has(field: number): boolean {
    return this.#place(field, 1) !== undefined;
  }

  /** The place an offset field points at. */
  #target(field: number): number | undefined {
    const at = this.#place(field, 4);
    return at === undefined ? undefined : at + this.#file.uint32(at);
  }

  table(field: number): Table | undefined {
    const at = this.#target(field);
    return at === undefined ? undefined : new Table(this.#file, at);
  }

  /** First element and count of a vector whose elements take `width` bytes, all of which are in the file. */
  #vector(field: number, width: number): readonly [number, number] {
    const at = this.#target(field);
    if (at === undefined) return [0, 0];
    const count = this.#file.uint32(at);
    this.#file.within(at + 4, count * width);
    return [at + 4, count];
  }

  #numbers<Value>(field: number, width: number, read: (at: number) => Value): Value[] {
    const [start, count] = this.#vector(field, width);
    this.#file.spend(count);
    return Array.from({ length: count }, (_, i) => read(start + i * width));
  }

  ints(field: number): number[] {
    return this.#numbers(field, 4, (at) => this.#file.int32(at));
  }

  floats(field: number): number[] {
    return this.#numbers(field, 4, (at) => this.#file.view.getFloat32(at, true));
  }

  /** 64-bit numbers; those beyond 2 ** 53 lose their last digits. */
  longs(field: number): number[] {
    return this.#numbers(field, 8, (at) => Number(this.#file.view.getBigInt64(at, true)));
  }

  /** Empty when the table does not have the field. */
  tables(field: number): Table[] {
    return this.#numbers(field, 4, (at) => new Table(this.#file, at + this.#file.uint32(at)));
  }

  /** A view of the file. */
  bytes(field: number): Uint8Array {
    const [start, count] = this.#vector(field, 1);
    return this.#file.bytes.subarray(start, start + count);
  }

  text(field: number): string {
    const bytes = this.bytes(field);
    if (bytes.length > limits.tfliteNameBytesMax)
      throw invalid(`a name of ${bytes.length} bytes, the limit is ${limits.tfliteNameBytesMax}`);
    this.#file.spend(bytes.length >> 2);
    try {
      return decoder.decode(bytes);
    } catch {
      throw invalid('a name that is not UTF-8');
    }
  }
}
