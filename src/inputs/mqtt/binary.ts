/**
 * Binary payloads: numbers of one type, as a converter or a data logger sends them.
 */
import { Malformed, type PayloadReader, SampleBuffer, type Samples, tooMany } from './samples.js';

type Read = (bytes: Buffer, at: number) => number;

/** Bytes of one number, and how it is read. */
const dtypes = {
  int8: [1, (bytes, at) => bytes.readInt8(at)],
  uint8: [1, (bytes, at) => bytes.readUInt8(at)],
  int16le: [2, (bytes, at) => bytes.readInt16LE(at)],
  int16be: [2, (bytes, at) => bytes.readInt16BE(at)],
  uint16le: [2, (bytes, at) => bytes.readUInt16LE(at)],
  uint16be: [2, (bytes, at) => bytes.readUInt16BE(at)],
  int32le: [4, (bytes, at) => bytes.readInt32LE(at)],
  int32be: [4, (bytes, at) => bytes.readInt32BE(at)],
  uint32le: [4, (bytes, at) => bytes.readUInt32LE(at)],
  uint32be: [4, (bytes, at) => bytes.readUInt32BE(at)],
  float32le: [4, (bytes, at) => bytes.readFloatLE(at)],
  float32be: [4, (bytes, at) => bytes.readFloatBE(at)],
  float64le: [8, (bytes, at) => bytes.readDoubleLE(at)],
  float64be: [8, (bytes, at) => bytes.readDoubleBE(at)],
} as const satisfies Readonly<Record<string, readonly [number, Read]>>;

export type Dtype = keyof typeof dtypes;

export const dtypeNames = Object.keys(dtypes) as [Dtype, ...Dtype[]];

/** `interleaved`: sample after sample, as a converter scans its channels; `planar`: all of the first channel, then all of the next. */
export type Layout = 'interleaved' | 'planar';

export class BinaryReader implements PayloadReader {
  readonly #bytes: number;
  readonly #read: Read;
  readonly #planar: boolean;
  readonly #samples: SampleBuffer;
  readonly #expected: Malformed;

  constructor(channels: readonly string[], dtype: Dtype, layout: Layout) {
    [this.#bytes, this.#read] = dtypes[dtype];
    this.#planar = layout === 'planar';
    this.#samples = new SampleBuffer(channels, false);
    this.#expected = new Malformed(
      'wrong_length',
      `expected ${channels.length} x ${dtype}: a multiple of ${channels.length * this.#bytes} bytes`,
    );
  }

  read(payload: Buffer): Samples | Malformed {
    const samples = this.#samples;
    const width = samples.channels.length;
    const count = payload.length / (this.#bytes * width);
    if (count === 0 || !Number.isInteger(count)) return this.#expected;
    if (!samples.room(count)) return tooMany;
    const { values } = samples;
    const read = this.#read;
    for (let i = 0, at = 0; i < count * width; i++, at += this.#bytes) {
      values[this.#planar ? (i % count) * width + Math.floor(i / count) : i] = read(payload, at);
    }
    return samples;
  }
}
