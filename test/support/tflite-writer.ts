/** Small TFLite models, written by hand in tests: flatbuffers laid out front to back, each object after the one that points at it. */
import { optionTables } from '../../src/compile/import/tflite/schema.js';

export type Field =
  | { readonly kind: 'byte' | 'int' | 'float'; readonly value: number }
  | { readonly kind: 'ints' | 'floats' | 'longs'; readonly values: readonly number[] }
  | { readonly kind: 'bytes'; readonly values: Uint8Array }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'table'; readonly fields: Fields }
  | { readonly kind: 'tables'; readonly tables: readonly Fields[] };

/** By field id. */
export type Fields = Readonly<Record<number, Field>>;

class Layout {
  bytes = new Uint8Array(1024);
  length = 0;

  /** Zeroes until `at + extra` is a multiple of `to`. */
  align(to: number, extra = 0): void {
    while ((this.length + extra) % to !== 0) this.put(1, () => {});
  }

  put(size: number, write: (view: DataView, at: number) => void): number {
    const at = this.length;
    this.length += size;
    while (this.length > this.bytes.length) {
      const wider = new Uint8Array(this.bytes.length * 2);
      wider.set(this.bytes);
      this.bytes = wider;
    }
    write(new DataView(this.bytes.buffer), at);
    return at;
  }

  point(from: number, to: number): void {
    new DataView(this.bytes.buffer).setUint32(from, to - from, true);
  }

  table(fields: Fields): number {
    const ids = Object.keys(fields).map(Number);
    const count = ids.length === 0 ? 0 : Math.max(...ids) + 1;
    this.align(4, 4 + 2 * count);
    const vtable = this.put(4 + 2 * count, (view, at) => {
      view.setUint16(at, 4 + 2 * count, true);
      view.setUint16(at + 2, 4 + 4 * ids.length, true);
      for (const [i, id] of ids.entries()) view.setUint16(at + 4 + 2 * id, 4 + 4 * i, true);
    });
    const table = this.put(4 + 4 * ids.length, (view, at) => view.setInt32(at, at - vtable, true));
    for (const [i, id] of ids.entries()) this.#field(table + 4 + 4 * i, fields[id]);
    return table;
  }

  #field(at: number, field: Field | undefined): void {
    const view = new DataView(this.bytes.buffer);
    if (field?.kind === 'byte') view.setInt8(at, field.value);
    else if (field?.kind === 'int') view.setInt32(at, field.value, true);
    else if (field?.kind === 'float') view.setFloat32(at, field.value, true);
    else if (field !== undefined) this.point(at, this.#object(field));
  }

  #object(field: Field): number {
    switch (field.kind) {
      case 'table':
        return this.table(field.fields);
      case 'tables': {
        const start = this.#vector(4, field.tables.length, () => {});
        for (const [i, table] of field.tables.entries()) this.point(start + 4 + 4 * i, this.table(table));
        return start;
      }
      case 'text': {
        const text = new TextEncoder().encode(field.value);
        const start = this.#vector(1, text.length, (view, at, i) => view.setUint8(at, text[i] ?? 0));
        this.put(1, () => {});
        return start;
      }
      case 'bytes':
        // The runtime wants constants where vector instructions can read them.
        this.align(16, 4);
        return this.#vector(1, field.values.length, (view, at, i) => view.setUint8(at, field.values[i] ?? 0));
      case 'ints':
        return this.#vector(4, field.values.length, (view, at, i) => view.setInt32(at, field.values[i] ?? 0, true));
      case 'floats':
        return this.#vector(4, field.values.length, (view, at, i) => view.setFloat32(at, field.values[i] ?? 0, true));
      case 'longs':
        return this.#vector(8, field.values.length, (view, at, i) => view.setBigInt64(at, BigInt(field.values[i] ?? 0), true));
      default:
        return 0;
    }
  }

  #vector(width: number, count: number, write: (view: DataView, at: number, i: number) => void): number {
    this.align(Math.max(width, 4), 4);
    return this.put(4 + width * count, (view, at) => {
      view.setUint32(at, count, true);
      for (let i = 0; i < count; i++) write(view, at + 4 + i * width, i);
    });
  }
}

/** A flatbuffer with this root. */
export function flatbuffer(root: Fields, identifier = 'TFL3'): Uint8Array {
  const layout = new Layout();
  layout.put(8, (view, at) => {
    for (const [i, letter] of [...identifier].entries()) view.setUint8(at + 4 + i, letter.charCodeAt(0));
  });
  layout.point(0, layout.table(root));
  return layout.bytes.slice(0, layout.length);
}

export const byte = (value: number): Field => ({ kind: 'byte', value });
export const int = (value: number): Field => ({ kind: 'int', value });
export const ints = (...values: number[]): Field => ({ kind: 'ints', values });
export const text = (value: string): Field => ({ kind: 'text', value });
export const table = (fields: Fields): Field => ({ kind: 'table', fields });
export const tables = (...list: Fields[]): Field => ({ kind: 'tables', tables: list });

/** `enum TensorType`. */
export const types = { float: 0, half: 1, int32: 2, uint8: 3, int64: 4, string: 5, int16: 7, int8: 9 } as const;

export interface TinyTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type?: keyof typeof types;
  readonly scales?: readonly number[];
  readonly zeros?: readonly number[];
  readonly axis?: number;
  readonly data?: ArrayBufferView;
  readonly signature?: readonly number[];
  /** Fields of the tensor beyond those. */
  readonly more?: Fields;
}

export interface TinyOperator {
  readonly code: number;
  /** Of an operator of the model's own. */
  readonly custom?: string;
  /** Names of tensors; '' for one that is not given. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Name in `optionTables` and its fields. */
  readonly options?: readonly [string, Readonly<Record<string, number>>];
}

export interface TinyTflite {
  readonly tensors: readonly TinyTensor[];
  readonly operators: readonly TinyOperator[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Fields of the model beyond those. */
  readonly more?: Fields;
}

function optionFields([name, values]: readonly [string, Readonly<Record<string, number>>]): Fields {
  const known = optionTables[name];
  if (known === undefined) throw new Error(`no options of ${name}`);
  const fields: Record<number, Field> = {};
  for (const [key, value] of Object.entries(values)) {
    const place = known.fields[key];
    if (place === undefined) throw new Error(`${name} has no option ${key}`);
    fields[place[0]] = { kind: place[1], value };
  }
  return { 3: byte(known.kind), 4: table(fields) };
}

/** The fields of the model's root, for tests that damage some of them. */
export function tinyFields({ tensors, operators, inputs, outputs, more = {} }: TinyTflite): Fields {
  const indices = (names: readonly string[]): Field => ints(...names.map((name) => tensors.findIndex((tensor) => tensor.name === name)));
  const constants = tensors.filter(({ data }) => data !== undefined);
  const tensor = (each: TinyTensor): Fields => ({
    0: ints(...each.shape),
    1: byte(types[each.type ?? 'float']),
    2: int(constants.indexOf(each) + 1),
    3: text(each.name),
    ...(each.scales === undefined ? {} : { 4: quantization(each) }),
    ...(each.signature === undefined ? {} : { 7: ints(...each.signature) }),
    ...each.more,
  });
  const operator = (each: TinyOperator, i: number): Fields => ({
    0: int(i),
    1: indices(each.inputs),
    2: indices(each.outputs),
    ...(each.options === undefined ? {} : optionFields(each.options)),
  });
  const buffers = constants.map(({ data }) => {
    const view = data ?? new Uint8Array(0);
    return { 0: { kind: 'bytes', values: new Uint8Array(view.buffer, view.byteOffset, view.byteLength) } } as const;
  });
  return {
    0: int(3),
    1: tables(...operators.map(({ code, custom }) => ({ 0: byte(Math.min(code, 127)), 3: int(code), 2: int(1), ...named(custom) }))),
    2: tables({ 0: tables(...tensors.map(tensor)), 1: indices(inputs), 2: indices(outputs), 3: tables(...operators.map(operator)) }),
    4: tables({}, ...buffers),
    ...more,
  };
}

function named(custom: string | undefined): Fields {
  return custom === undefined ? {} : { 1: text(custom) };
}

function quantization({ scales = [], zeros = scales.map(() => 0), axis = 0 }: TinyTensor): Field {
  return table({ 2: { kind: 'floats', values: scales }, 3: { kind: 'longs', values: zeros }, 6: int(axis) });
}

export function tinyTflite(tiny: TinyTflite): Uint8Array {
  return flatbuffer(tinyFields(tiny));
}
