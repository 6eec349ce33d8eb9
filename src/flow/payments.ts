/**
 * Brings acknowledgements to the store, in batches, until the store has them on disk.
 *
 * Guarantees: one batch at a time; a batch the store cannot take now is kept and brought again. Until a payment is on
 * disk, `has` says so, because the store still calls the delivery owed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../core/backoff.js';
import type { Store } from '../core/contracts.js';
import { limits } from '../core/limits.js';

export class Payments {
  readonly #store: Store;
  readonly #sink: string;
  readonly #onPaid: () => void;
  readonly #unpaid = new Set<number>();
  readonly #backoff = new Backoff({ firstMs: limits.deliveryRetryFirstMs, maxMs: limits.deliveryRetryMaxMs });
  #bringing: Promise<void> | null = null;
  readonly #closing = new AbortController();

  constructor(store: Store, sink: string, onPaid: () => void) {
    this.#store = store;
    this.#sink = sink;
    this.#onPaid = onPaid;
  }

  get unpaid(): number {
    return this.#unpaid.size;
  }

  has(seq: number): boolean {
    return this.#unpaid.has(seq);
  }

  add(seq: number): void {
    this.#unpaid.add(seq);
    this.#bringing ??= this.#bring();
  }

  /** Brings what is left, without trying again. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#bringing;
  }

  async #bring(): Promise<void> {
    while (this.#unpaid.size > 0) {
      const batch = [...this.#unpaid].slice(0, limits.relayBatch);
      try {
        await this.#store.acknowledge(this.#sink, batch);
        for (const seq of batch) this.#unpaid.delete(seq);
        this.#backoff.reset();
        this.#onPaid();
      } catch {
        // The store says by itself what is wrong with it; after a restart the delivery is made again.
        if (this.#closing.signal.aborted) break;
        await sleep(this.#backoff.next(), undefined, { ref: false, signal: this.#closing.signal }).catch(() => {});
      }
    }
    this.#bringing = null;
  }
}
