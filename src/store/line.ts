/**
 * The client's end of the line to the store's thread: requests out, answers back by id, events handed on.
 *
 * Guarantees: at most `limits.storeCallsMax` requests are unanswered, further callers wait in order; every call settles,
 * also when the thread is lost (STORE_UNAVAILABLE).
 */
import { Worker } from 'node:worker_threads';
import { reasonOf, rebuildError, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { Calls, Reply, StoreEvent, ThreadData } from './protocol.js';

interface Pending {
  resolve(value: unknown): void;
  reject(error: ShoalError): void;
}

export class Line {
  readonly #worker: Worker;
  readonly #onEvent: (event: StoreEvent) => void;
  readonly #pending = new Map<number, Pending>();
  readonly #queue: (() => void)[] = [];
  #lastId = 0;
  #ended: ShoalError | null = null;
  /** Resolves when the thread is gone. */
  readonly gone: Promise<void>;

  constructor(data: ThreadData, onEvent: (event: StoreEvent) => void) {
    this.#onEvent = onEvent;
    this.#worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: data, name: 'store' });
    this.#worker.on('message', (reply: Reply) => this.#receive(reply));
    this.gone = new Promise((resolve) => {
      this.#worker.on('error', (error) => this.#end(new ShoalError('STORE_UNAVAILABLE', `the store's thread failed: ${reasonOf(error)}`)));
      this.#worker.on('exit', () => {
        this.#end(new ShoalError('STORE_UNAVAILABLE', 'the store is closed'));
        resolve();
      });
    });
  }

  async call<K extends keyof Calls>(call: K, args: Calls[K]['args']): Promise<Calls[K]['answer']> {
    while (this.#pending.size >= limits.storeCallsMax && this.#ended === null) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    if (this.#ended !== null) throw this.#ended;
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage({ id, call, args });
    });
  }

  #receive(reply: Reply): void {
    if ('event' in reply) {
      if (reply.event === 'lost') this.#end(rebuildError(reply.error));
      this.#onEvent(reply);
      return;
    }
    for (const answer of reply.answers) {
      const pending = this.#pending.get(answer.id);
      if (pending === undefined) continue;
      this.#pending.delete(answer.id);
      if ('error' in answer) pending.reject(rebuildError(answer.error));
      else pending.resolve(answer.value);
    }
    // One caller a free place; a woken one that finds none waits again.
    for (let free = limits.storeCallsMax - this.#pending.size; free > 0 && this.#queue.length > 0; free--) this.#queue.shift()?.();
  }

  #end(error: ShoalError): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    for (const wake of this.#queue.splice(0)) wake();
    if (error.message !== 'the store is closed') this.#onEvent({ event: 'lost', error: { code: error.code, message: error.message } });
  }
}
