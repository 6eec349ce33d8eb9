/**
 * Group commit: gathers writes and puts them on disk in one transaction with one fsync, then answers them all.
 *
 * Guarantees: no write is answered before its transaction is on disk; writes take effect in the order of their arrival.
 * The first after a pause is committed at once; under load a commit begins every `commit_interval_ms`, or as soon as
 * `limits.commitBatchMax` writes or `limits.commitBytesMax` bytes wait. Acknowledgements, burials and closed claims ride
 * along, and wait for company up to `ack_interval_ms`. A transaction that fails is tried again write by write, so that
 * one bad write harms itself only. What the disk cannot take is refused; what the disk garbles ends the thread.
 */
import type { Database } from 'better-sqlite3';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { Counts } from './counts.js';
import { codeOf } from './open.js';
import type { StoreOptions } from './options.js';
import type { Answer, FlatError, StoreEvent, WriteRequest } from './protocol.js';
import { type Effects, noEffects, type Writes } from './writes.js';

export interface CommitterContext {
  readonly db: Database;
  readonly writes: Writes;
  readonly counts: Counts;
  readonly options: StoreOptions;
  /** After each transaction on disk. */
  onEffects(effects: Effects): void;
  /** Frees bytes when the file is full; false when nothing can be freed. */
  makeRoom(bytes: number): boolean;
  answer(answers: readonly Answer[]): void;
  emit(event: StoreEvent): void;
  /** The file cannot be used any more. */
  onLost(error: unknown): void;
}

export class Committer {
  readonly #context: CommitterContext;
  #waiting: WriteRequest[] = [];
  #waitingBytes = 0;
  #endedMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;
  #dueMs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(context: CommitterContext) {
    this.#context = context;
  }

  enqueue(request: WriteRequest): void {
    this.#waiting.push(request);
    this.#waitingBytes += bytesOf(request);
    if (this.#waiting.length >= limits.commitBatchMax || this.#waitingBytes >= limits.commitBytesMax) {
      this.flush();
      return;
    }
    const nowMs = performance.now();
    const { commit_interval_ms: interval, ack_interval_ms: patience } = this.#context.options;
    const earliestMs = Math.max(nowMs, this.#endedMs + interval);
    this.#schedule(request.call === 'commit' ? earliestMs : Math.max(earliestMs, nowMs + patience), nowMs);
  }

  /** Commits what waits, now. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#dueMs = Number.POSITIVE_INFINITY;
    const batch = this.#waiting;
    if (batch.length === 0 || this.#closed) return;
    const bytes = this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const answers = this.#commit(batch, bytes);
    this.#endedMs = performance.now();
    this.#context.answer(answers);
  }

  /** Refuses what waits and whatever comes. */
  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#context.answer(this.#waiting.map((request) => refuse(request, closedError)));
    this.#waiting = [];
  }

  #schedule(dueMs: number, nowMs: number): void {
    if (dueMs >= this.#dueMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    // A delay of 0 lets what has arrived together be committed together.
    this.#timer = setTimeout(() => this.flush(), Math.max(0, dueMs - nowMs));
  }

  #commit(batch: readonly WriteRequest[], bytes: number): readonly Answer[] {
    try {
      const values = this.#transaction(batch);
      return batch.map((request, i) => ({ id: request.id, value: values[i] ?? null }));
    } catch (error) {
      if (isFatal(error)) return this.#lose(error, batch);
      try {
        if (isFull(error)) this.#context.makeRoom(bytes);
      } catch (again) {
        if (isFatal(again)) return this.#lose(again, batch);
      }
      return this.#oneByOne(batch);
    }
  }

  #oneByOne(batch: readonly WriteRequest[]): readonly Answer[] {
    const answers: Answer[] = [];
    for (const [i, request] of batch.entries()) {
      try {
        const [value = null] = this.#transaction([request]);
        answers.push({ id: request.id, value });
      } catch (error) {
        if (isFatal(error)) return [...answers, ...this.#lose(error, batch.slice(i))];
        answers.push(refuse(request, flat(error)));
      }
    }
    return answers;
  }

  /** Answers what each write came to. */
  #transaction(batch: readonly WriteRequest[]): readonly unknown[] {
    const { db, writes, counts } = this.#context;
    const beganMs = performance.now();
    const effects = noEffects();
    counts.begin();
    let values: readonly unknown[];
    try {
      values = db.transaction(() => batch.map((request) => writes.apply(request, effects)))();
    } catch (error) {
      counts.rollback();
      throw error;
    }
    counts.keep();
    this.#context.onEffects(effects);
    const seconds = (performance.now() - beganMs) / 1000;
    const bytes = Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true }));
    this.#context.emit({ event: 'committed', writes: batch.length, seconds, deliveries: effects.deliveries, bytes });
    if (effects.changes.length > 0) this.#context.emit({ event: 'watches', changes: effects.changes });
    return values;
  }

  /** Whether the failed transaction is on disk is unknown; ids make the repetition after the restart harmless. */
  #lose(error: unknown, batch: readonly WriteRequest[]): readonly Answer[] {
    this.#context.onLost(error);
    return batch.map((request) => refuse(request, flat(error)));
  }
}

const closedError: FlatError = { code: 'STORE_UNAVAILABLE', message: 'the store is closed' };

function refuse(request: WriteRequest, error: FlatError): Answer {
  return { id: request.id, error };
}

function isFull(error: unknown): boolean {
  return codeOf(error) === 'SQLITE_FULL';
}

/** Whether SQLite can no longer read or write its file: going on could answer wrongly. */
export function isFatal(error: unknown): boolean {
  return /^SQLITE_(IOERR|CORRUPT|NOTADB|READONLY|CANTOPEN|NOLFS|PROTOCOL|NOMEM|MISUSE)/.test(codeOf(error));
}

export function flat(error: unknown): FlatError {
  if (error instanceof ShoalError) return { code: error.code, message: error.message };
  if (isFull(error)) {
    return {
      code: 'STORE_FULL',
      message:
        'the store cannot take more: the disk is full, or max_bytes is smaller than one commit; free space on the disk or raise store.max_bytes',
    };
  }
  const code = codeOf(error);
  if (code === '') return { code: 'SHOAL_INTERNAL', message: `the store failed: ${reasonOf(error)}` };
  if (isFatal(error))
    return {
      code: 'STORE_UNAVAILABLE',
      message: `the store's file cannot be used (${code}: ${reasonOf(error)}): check the disk and the kernel log`,
    };
  return { code: 'SHOAL_INTERNAL', message: `SQLite refused a statement (${code}: ${reasonOf(error)})` };
}

function bytesOf(request: WriteRequest): number {
  if (request.call !== 'commit') return 0;
  let bytes = 0;
  for (const { record } of request.args.settled.results) bytes += record.payload.byteLength + record.trace.length;
  return bytes;
}
