/**
 * The protobuf message of Sparkplug B, as far as numbers go (Sparkplug 3.0 specification, section 6.4: Payload and Metric; field numbers are fixed there).
 *
 * Guarantees: reads nothing beyond the bytes and never loops; what it does not know (data sets, templates, properties, text) is passed over.
 * Deliberately no protobuf library: two messages with a dozen scalar fields, read straight from the bytes.
 */

export interface Metric {
  /** Empty where only the alias is sent. */
  name: string;
  alias: number | null;
  /** Ms since 1970; null where only the payload's holds. */
  timestampMs: number | null;
  /** Data type of the specification (6.4.16); null where it is that of the birth. */
  datatype: number | null;
  historical: boolean;
  isNull: boolean;
  /** The value as it was sent, before its type is known: two words of an integer, or a number. Null where it is none. */
  words: readonly [high: number, low: number] | null;
  number: number | null;
}

export interface SparkplugPayload {
  readonly timestampMs: number | null;
  readonly seq: number | null;
  readonly metrics: readonly Metric[];
}

/** Int8 .. Boolean: the types that are numbers. */
export function isNumeric(datatype: number | null): boolean {
  return datatype !== null && datatype >= 1 && datatype <= 11;
}

/** The value of a metric of this type; NaN for none. Integers beyond 2^53 lose their last digits. */
export function metricValue({ isNull, words, number }: Metric, datatype: number): number {
  if (isNull) return Number.NaN;
  if (number !== null) return number;
  if (words === null) return Number.NaN;
  const [high, low] = words;
  // Signed ones travel as unsigned: in their two's complement.
  if (datatype === 1) return (low << 24) >> 24;
  if (datatype === 2) return (low << 16) >> 16;
  if (datatype === 3) return low | 0;
  if (datatype === 4) return (high | 0) * 2 ** 32 + (low >>> 0);
  return unsigned(words);
}

/** Null for what is no such message. */
export function readSparkplug(bytes: Buffer, metricsMax: number): SparkplugPayload | null {
  const cursor = new Cursor(bytes, 0, bytes.length);
  const metrics: Metric[] = [];
  let timestampMs: number | null = null;
  let seq: number | null = null;
  while (cursor.next()) {
    if (cursor.is(1, varint)) timestampMs = unsigned(cursor.words());
    else if (cursor.is(3, varint)) seq = unsigned(cursor.words());
    else if (cursor.is(2, lengthDelimited)) {
      const metric = readMetric(bytes, cursor);
      if (metric === null || metrics.length >= metricsMax) return null;
      metrics.push(metric);
    } else cursor.skip();
  }
  return cursor.broken ? null : { timestampMs, seq, metrics };
}

function readMetric(bytes: Buffer, outer: Cursor): Metric | null {
  const [from, to] = outer.piece();
  const cursor = new Cursor(bytes, from, to);
  const metric: Metric = {
    name: '',
    alias: null,
    timestampMs: null,
    datatype: null,
    historical: false,
    isNull: false,
    words: null,
    number: null,
  };
  while (cursor.next()) {
    if (cursor.is(1, lengthDelimited)) metric.name = bytes.toString('utf8', ...cursor.piece());
    else if (cursor.is(2, varint)) metric.alias = unsigned(cursor.words());
    else if (cursor.is(3, varint)) metric.timestampMs = unsigned(cursor.words());
    else if (cursor.is(4, varint)) metric.datatype = unsigned(cursor.words());
    else if (cursor.is(5, varint)) metric.historical = cursor.words()[1] !== 0;
    else if (cursor.is(7, varint)) metric.isNull = cursor.words()[1] !== 0;
    else if (cursor.is(10, varint) || cursor.is(11, varint)) metric.words = cursor.words();
    else if (cursor.is(12, fixed32)) metric.number = cursor.float();
    else if (cursor.is(13, fixed64)) metric.number = cursor.double();
    else if (cursor.is(14, varint)) metric.number = cursor.words()[1] === 0 ? 0 : 1;
    else cursor.skip();
  }
  return cursor.broken ? null : metric;
}

/** The command that asks a node for its birth messages (section 6.4.23): Node Control/Rebirth = true. */
export function rebirthCommand(nowMs: number): Uint8Array {
  const name = Buffer.from('Node Control/Rebirth');
  const time = varintBytes(nowMs);
  const metric = Buffer.concat([
    tag(1, 2),
    Buffer.from([name.length]),
    name,
    tag(3, 0),
    time,
    tag(4, 0),
    Buffer.from([11]),
    tag(14, 0),
    Buffer.from([1]),
  ]);
  return Buffer.concat([tag(1, 0), time, tag(2, 2), Buffer.from([metric.length]), metric]);
}

function tag(field: number, wire: number): Buffer {
  return Buffer.from([(field << 3) | wire]);
}

function varintBytes(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const fixed32 = 5;

function unsigned([high, low]: readonly [number, number]): number {
  return (high >>> 0) * 2 ** 32 + (low >>> 0);
}

/** One message, field after field (protobuf.dev/programming-guides/encoding). Once broken it has no next field. */
class Cursor {
  broken = false;
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #field = 0;
  #wire = 0;

  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  /** Goes to the next field, whose value must then be taken or skipped. */
  next(): boolean {
    if (this.broken || this.#at >= this.#end) return false;
    const key = this.words()[1] >>> 0;
    this.#field = key >>> 3;
    this.#wire = key & 7;
    if (this.#field === 0) this.broken = true;
    return !this.broken;
  }

  is(field: number, wire: number): boolean {
    return this.#field === field && this.#wire === wire;
  }

  words(): [number, number] {
    let high = 0;
    let low = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) break;
      const byte = this.#bytes[this.#at++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) return [high, low];
    }
    this.broken = true;
    return [0, 0];
  }

  piece(): [number, number] {
    const length = unsigned(this.words());
    const from = this.#at;
    this.#move(length);
    return this.broken ? [from, from] : [from, this.#at];
  }

  float(): number {
    const from = this.#at;
    this.#move(4);
    return this.broken ? 0 : this.#bytes.readFloatLE(from);
  }

  double(): number {
    const from = this.#at;
    this.#move(8);
    return this.broken ? 0 : this.#bytes.readDoubleLE(from);
  }

  skip(): void {
    if (this.#wire === varint) this.words();
    else if (this.#wire === fixed64) this.#move(8);
    else if (this.#wire === lengthDelimited) this.piece();
    else if (this.#wire === fixed32) this.#move(4);
    else this.broken = true;
  }

  #move(bytes: number): void {
    if (bytes > this.#end - this.#at) this.broken = true;
    else this.#at += bytes;
  }
}
