/** Pieces of a fixed size, one after the other, with nothing between them. Holds one piece in memory. */
import type { Dropped, Framer } from './framer.js';

export class FixedFramer implements Framer {
  readonly lost = false;
  readonly #pieceBytes: number;
  readonly #onDrop: (why: Dropped) => void;
  #piece: Buffer | null = null;
  #filled = 0;

  /** `pieceBytes` from 1 on. */
  constructor(pieceBytes: number, onDrop: (why: Dropped) => void) {
    this.#pieceBytes = pieceBytes;
    this.#onDrop = onDrop;
  }

  push(bytes: Uint8Array): Buffer[] {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      this.#piece ??= Buffer.allocUnsafe(this.#pieceBytes);
      const some = bytes.subarray(at, at + this.#pieceBytes - this.#filled);
      this.#piece.set(some, this.#filled);
      this.#filled += some.length;
      at += some.length;
      if (this.#filled < this.#pieceBytes) break;
      pieces.push(this.#piece);
      this.#piece = null;
      this.#filled = 0;
    }
    return pieces;
  }

  reset(): void {
    if (this.#filled > 0) this.#onDrop('incomplete');
    this.#piece = null;
    this.#filled = 0;
  }
}
