/**
 * The publishes of one link that the broker has not answered.
 *
 * Guarantees: sends in the order of the calls, never more than `limit` unanswered at once; says so when the oldest has waited
 * longer than `timeoutMs` for its turn and its answer; after `end` nothing is pending and nothing is sent.
 * Acknowledgements come in order, so the clock of a publish starts when it is sent or when the one before it was answered,
 * whichever is later: a slow link is not a dead one.
 */
import type { Clock } from '../core/contracts.js';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';

/** Begins a send; `settle` is called once with null or with what went wrong. */
type Send = (settle: (error: unknown) => void) => void;

interface Entry {
  readonly send: Send;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  sentMs: number;
}

export class AckWindow {
  readonly #limit: number;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #onStall: () => void;
  readonly #waiting: Entry[] = [];
  readonly #sent = new Set<Entry>();
  #lastAnswerMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;
  #ended = false;

  constructor(limit: number, timeoutMs: number, clock: Clock, onStall: () => void) {
    this.#limit = limit;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#onStall = onStall;
  }

  /** Sent and unanswered. */
  get size(): number {
    return this.#sent.size;
  }

  /** Resolves on the answer. Rejects with what `settle` or `end` was given, or DELIVERY_RETRY when too many wait already. */
  push(send: Send): Promise<void> {
    if (this.#ended) return Promise.reject(new ShoalError('DELIVERY_RETRY', 'the link to the broker has ended'));
    if (this.#waiting.length >= limits.mqttWaitingMax) {
      return Promise.reject(new ShoalError('DELIVERY_RETRY', `${limits.mqttWaitingMax} publishes wait for this broker already`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ send, resolve, reject, sentMs: 0 });
      this.#fill();
    });
  }

  end(error: unknown): void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const all = [...this.#sent, ...this.#waiting];
    this.#sent.clear();
    this.#waiting.length = 0;
    for (const entry of all) entry.reject(error);
  }

  #fill(): void {
    while (!this.#ended && this.#sent.size < this.#limit) {
      const entry = this.#waiting.shift();
      if (entry === undefined) return;
      entry.sentMs = this.#clock.monoMs();
      this.#sent.add(entry);
      this.#arm();
      entry.send((error) => this.#settle(entry, error));
    }
  }

  #settle(entry: Entry, error: unknown): void {
    if (!this.#sent.has(entry)) return;
    const [oldest] = this.#sent;
    if (oldest === entry) this.#lastAnswerMs = this.#clock.monoMs();
    this.#sent.delete(entry);
    if (error === null || error === undefined) entry.resolve();
    else entry.reject(error);
    this.#fill();
  }

  /** One timer for all; it looks anew at the oldest when it fires. */
  #arm(): void {
    if (this.#timer !== null || this.#ended) return;
    const [oldest] = this.#sent;
    if (oldest === undefined) return;
    const dueMs = Math.max(oldest.sentMs, this.#lastAnswerMs) + this.#timeoutMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        const [now] = this.#sent;
        if (now === undefined) return;
        if (this.#clock.monoMs() >= Math.max(now.sentMs, this.#lastAnswerMs) + this.#timeoutMs) this.#onStall();
        else this.#arm();
      },
      Math.max(1, Math.ceil(dueMs - this.#clock.monoMs())),
    );
  }
}
