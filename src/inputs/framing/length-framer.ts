/**
 * Length before bytes: an unsigned integer that says how many bytes the piece after it has.
 *
 * Guarantees: a length above `maxBytes` is believed by nobody: the stream is out of step then, `lost`, and only its beginning anew can be trusted.
 * An empty piece is none.
 */
import type { Dropped, Framer } from './framer.js';

export const lengthPrefixes = ['u8', 'u16le', 'u16be', 'u32le', 'u32be'] as const;
export type LengthPrefix = (typeof lengthPrefixes)[number];

const prefixBytes: Readonly<Record<LengthPrefix, number>> = { u8: 1, u16le: 2, u16be: 2, u32le: 4, u32be: 4 };

function readLength(bytes: Buffer, prefix: LengthPrefix): number {
  return prefix.endsWith('be') ? bytes.readUIntBE(0, prefixBytes[prefix]) : bytes.readUIntLE(0, prefixBytes[prefix]);
}

export class LengthFramer implements Framer {
  readonly #prefix: LengthPrefix;
  readonly #maxBytes: number;
  readonly #onDrop: (why: Dropped) => void;
  readonly #head: Buffer;
  /** The piece that is filled; null while its length comes. */
  #piece: Buffer | null = null;
  #filled = 0;
  #lost = false;

  constructor(options: { readonly prefix: LengthPrefix; readonly maxBytes: number }, onDrop: (why: Dropped) => void) {
    this.#prefix = options.prefix;
    this.#maxBytes = options.maxBytes;
    this.#onDrop = onDrop;
    this.#head = Buffer.alloc(prefixBytes[options.prefix]);
  }

  get lost(): boolean {
    return this.#lost;
  }

  push(bytes: Uint8Array): Buffer[] {
    const pieces: Buffer[] = [];
    let at = 0;
    while (at < bytes.length && !this.#lost) {
      const target = this.#piece ?? this.#head;
      const some = bytes.subarray(at, at + target.length - this.#filled);
      target.set(some, this.#filled);
      this.#filled += some.length;
      at += some.length;
      if (this.#filled < target.length) break;
      this.#filled = 0;
      if (this.#piece === null) this.#begin(readLength(this.#head, this.#prefix));
      else {
        pieces.push(this.#piece);
        this.#piece = null;
      }
    }
    return pieces;
  }

  reset(): void {
    if (this.#piece !== null || this.#filled > 0) this.#onDrop('incomplete');
    this.#piece = null;
    this.#filled = 0;
    this.#lost = false;
  }

  #begin(length: number): void {
    if (length > this.#maxBytes) {
      this.#onDrop('too_long');
      this.#lost = true;
    } else if (length > 0) this.#piece = Buffer.allocUnsafe(length);
  }
}
