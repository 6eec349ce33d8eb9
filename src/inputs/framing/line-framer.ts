/**
 * Lines: pieces that end with LF or CR LF, which are taken off.
 *
 * Guarantees: a line above `maxBytes` is dropped to its end, and told once; empty lines are no pieces.
 */
import type { Dropped, Framer } from './framer.js';

export interface LineOptions {
  readonly maxBytes: number;
  /** The source was opened in the middle of what it says: its first line counts from the first end of a line on. */
  readonly midway?: boolean;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

export class LineFramer implements Framer {
  readonly lost = false;
  readonly #options: LineOptions;
  readonly #onDrop: (why: Dropped) => void;
  #begun: Buffer[] = [];
  #bytes = 0;
  /** Until the next end of a line. */
  #skipping: boolean;

  constructor(options: LineOptions, onDrop: (why: Dropped) => void) {
    this.#options = options;
    this.#onDrop = onDrop;
    this.#skipping = options.midway ?? false;
  }

  push(bytes: Uint8Array): Buffer[] {
    const lines: Buffer[] = [];
    let from = 0;
    for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, from)) {
      this.#take(bytes.subarray(from, at));
      from = at + 1;
      const line = this.#end();
      if (line !== null) lines.push(line);
    }
    this.#take(bytes.subarray(from));
    return lines;
  }

  reset(): void {
    if (this.#bytes > 0) this.#onDrop('incomplete');
    this.#forget();
    this.#skipping = this.#options.midway ?? false;
  }

  #take(bytes: Uint8Array): void {
    if (this.#skipping || bytes.length === 0) return;
    // One more for a CR that belongs to the end.
    if (this.#bytes + bytes.length > this.#options.maxBytes + 1) this.#drop();
    else {
      this.#begun.push(Buffer.from(bytes));
      this.#bytes += bytes.length;
    }
  }

  #end(): Buffer | null {
    const skipped = this.#skipping;
    const [first] = this.#begun;
    const whole = this.#begun.length === 1 && first !== undefined ? first : Buffer.concat(this.#begun);
    this.#forget();
    this.#skipping = false;
    if (skipped) return null;
    const line = whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole;
    if (line.length > this.#options.maxBytes) {
      this.#onDrop('too_long');
      return null;
    }
    return line.length === 0 ? null : line;
  }

  #drop(): void {
    this.#onDrop('too_long');
    this.#forget();
    this.#skipping = true;
  }

  #forget(): void {
    this.#begun = [];
    this.#bytes = 0;
  }
}
