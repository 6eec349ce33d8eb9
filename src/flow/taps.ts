/**
 * Taps: what an input offers to the corridor, shown to whoever watches it.
 *
 * Guarantees: the corridor waits for no watcher and notices none: an offer costs one look at a map when nobody watches. A watcher that is slow
 * misses captures and is told how many; what waits for it is bounded in number and bytes. It sees captures in the order in which they were
 * offered, with the content as it was then, or, where that was gone before it could be read, the header alone. Deliberately shows nothing
 * that was before, and remembers nothing.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Offer } from '../core/contracts.js';
import { limits } from '../core/limits.js';
import type { Offered, TapEnd, TapHead, TapPort, TapReader } from '../core/tap.js';

export class Taps implements TapPort {
  readonly names: readonly string[];
  readonly hidden: ReadonlySet<string>;
  readonly #taps = new Map<string, Set<Tap>>();
  #stopped = false;

  /** By name, as configured. */
  constructor(inputs: Readonly<Record<string, { readonly redact?: unknown }>>) {
    this.names = Object.keys(inputs);
    this.hidden = new Set(this.names.filter((name) => inputs[name]?.redact !== undefined));
  }

  /** How many watch. */
  get count(): number {
    return [...this.#taps.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** The same offer, seen by those who watch. */
  over(offer: Offer): Offer {
    return (capture, receipt) => {
      const watchers = this.#taps.get(capture.header.input);
      if (watchers !== undefined) for (const tap of watchers) tap.see(capture);
      return offer(capture, receipt);
    };
  }

  open(input: string, seconds: number, reader: TapReader): (() => void) | null {
    if (this.#stopped || this.count >= limits.tapsMax) return null;
    const tap = new Tap(reader, seconds, () => this.#forget(input, tap));
    this.#taps.set(input, (this.#taps.get(input) ?? new Set()).add(tap));
    return () => tap.drop();
  }

  /** Tells those who watch that it is over. */
  stop(): void {
    this.#stopped = true;
    for (const tap of [...this.#taps.values()].flatMap((each) => [...each])) tap.end('stopping');
  }

  #forget(input: string, tap: Tap): void {
    const watchers = this.#taps.get(input);
    watchers?.delete(tap);
    if (watchers?.size === 0) this.#taps.delete(input);
  }
}

interface Waiting {
  readonly header: Offered['header'];
  /** Being read since it was offered; null when it was gone. */
  readonly content: Promise<Uint8Array | null>;
  readonly bytes: number;
}

class Tap {
  readonly #reader: TapReader;
  readonly #onOver: () => void;
  readonly #waiting: Waiting[] = [];
  readonly #time: NodeJS.Timeout;
  readonly #alive: NodeJS.Timeout;
  #bytes = 0;
  #missed = 0;
  #writing = false;
  #ending: TapEnd | null = null;
  #over = false;

  constructor(reader: TapReader, seconds: number, onOver: () => void) {
    this.#reader = reader;
    this.#onOver = onOver;
    this.#time = setTimeout(() => this.end('time'), seconds * 1000);
    this.#alive = setInterval(() => void this.#write(), limits.tapAliveMs);
    void this.#write();
  }

  see(capture: Offered): void {
    if (this.#ending !== null) return;
    const { header } = capture;
    const bytes = header.bytes > limits.tapContentBytesMax ? 0 : header.bytes;
    if (this.#waiting.length >= limits.tapWaitingMax || this.#bytes + bytes > limits.tapWaitingBytesMax) {
      this.#missed += 1;
      return;
    }
    this.#bytes += bytes;
    const content = header.bytes > limits.tapContentBytesMax ? Promise.resolve(null) : contentOf(capture);
    this.#waiting.push({ header, content, bytes });
    if (!this.#writing) void this.#write();
  }

  /** What waits is still shown. */
  end(reason: TapEnd): void {
    if (this.#ending !== null) return;
    this.#ending = reason;
    if (!this.#writing) void this.#write();
  }

  /** The reader is gone. */
  drop(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#time);
    clearInterval(this.#alive);
    this.#waiting.length = 0;
    this.#onOver();
  }

  /** All that waits, or that there is nothing. One at a time. */
  async #write(): Promise<void> {
    if (this.#writing || this.#over) return;
    this.#writing = true;
    try {
      if (this.#waiting.length === 0 && this.#ending === null) await this.#tell({ kind: 'alive', missed: this.#missed });
      for (let next = this.#waiting.shift(); next !== undefined && !this.#over; next = this.#waiting.shift()) await this.#show(next);
      this.#writing = false;
      if (this.#ending !== null && !this.#over) {
        void this.#tell({ kind: 'end', reason: this.#ending, missed: this.#missed }).catch(() => {});
        this.#reader.end();
        this.drop();
      }
    } catch {
      this.drop();
    }
  }

  async #show({ header, content, bytes }: Waiting): Promise<void> {
    const found = await content;
    this.#bytes -= bytes;
    const leftOut = header.bytes > limits.tapContentBytesMax ? 'too_large' : 'gone';
    const head = { kind: 'capture', header, missed: this.#missed } as const;
    if (found === null) await this.#tell({ ...head, bytes: 0, left_out: leftOut });
    else await this.#tell({ ...head, bytes: found.length }, found);
  }

  #tell(head: TapHead, content: Uint8Array = new Uint8Array()): Promise<void> {
    return this.#reader.write({ head, content });
  }
}

/** Null when its file is gone, or is larger than it said. A mark may rename a claimed file, so it is looked for twice. */
async function contentOf(capture: Offered): Promise<Uint8Array | null> {
  const { content } = capture;
  if ('bytes' in content) return content.bytes;
  const first = await readWhole(content.path);
  if (first !== null) return first;
  const again = capture.content;
  return 'path' in again && again.path !== content.path ? readWhole(again.path) : null;
}

async function readWhole(path: string): Promise<Uint8Array | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null);
  if (file === null) return null;
  try {
    const { size } = await file.stat();
    return size > limits.tapContentBytesMax ? null : await file.readFile();
  } catch {
    return null;
  } finally {
    await file.close().catch(() => {});
  }
}
