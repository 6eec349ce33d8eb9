/**
 * The way of what a capture came to into the store: commit, then receipt.
 *
 * Guarantees: the receipt settles only after the commit (law 3); a store that is full or away is tried again until the daemon stops, and nothing
 * is acknowledged meanwhile. Every outcome is counted, every drop with its cause.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../core/backoff.js';
import type { Capture } from '../core/capture.js';
import type { Store, Surroundings } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import type { Receipt, SettledOutcome } from '../core/receipt.js';
import type { Settled } from '../core/settled.js';
import type { Keeper } from './keeper.js';
import type { Reported } from './report.js';

export class Settler {
  readonly #store: Store;
  readonly #surroundings: Surroundings;
  readonly #keeper: Pick<Keeper, 'before' | 'after' | 'letGo'> | undefined;
  readonly #stop = new AbortController();
  readonly #counted;
  readonly #drops;

  constructor(store: Store, surroundings: Surroundings, keeper?: Pick<Keeper, 'before' | 'after' | 'letGo'>) {
    this.#store = store;
    this.#keeper = keeper;
    // Many wait for it at once where the store is away.
    setMaxListeners(0, this.#stop.signal);
    this.#surroundings = surroundings;
    this.#counted = surroundings.metrics.counter({
      name: 'shoal_outcomes_total',
      help: 'What became of captures, by pipeline.',
      labels: ['input', 'pipeline', 'outcome'],
    });
    this.#drops = surroundings.metrics.counter({
      name: 'shoal_drops_total',
      help: 'Captures that a pipeline did not look at, by cause: unrouted, overtaken, queue_full, max_rate or degraded.',
      labels: ['input', 'pipeline', 'cause'],
    });
  }

  /** What could not be committed by now goes back to its input. */
  stop(): void {
    this.#stop.abort();
  }

  /** Throws what is no matter of time. */
  async settle(capture: Capture, receipt: Receipt, reported: Reported, quarantine?: Settled['quarantine']): Promise<void> {
    const { id, input } = capture.header;
    const settled: Settled = {
      captureId: id,
      input,
      replayable: capture.claim !== undefined,
      results: reported.results,
      ...(quarantine === undefined ? {} : { quarantine }),
    };
    this.#keeper?.before(capture, settled.results);
    try {
      await this.#commit(capture, receipt, settled, reported);
    } finally {
      this.#keeper?.letGo(capture);
    }
  }

  async #commit(capture: Capture, receipt: Receipt, settled: Settled, reported: Reported): Promise<void> {
    const { log, health } = this.#surroundings;
    const { input, quarantine } = settled;
    // Of a live capture that was dropped there is nothing to keep.
    const nothing = settled.results.length === 0 && !settled.replayable && quarantine === undefined;
    const backoff = new Backoff({ firstMs: 100, maxMs: 5_000 });
    while (!this.#stopping || backoff.failures === 0) {
      let decided: readonly SettledOutcome[];
      try {
        decided = nothing ? [] : await this.#store.commit(settled);
      } catch (error) {
        if (!isPassing(error)) throw error;
        log.warn(
          { input, err: reasonOf(error) },
          'a result could not be committed; it is tried again, and nothing is acknowledged until then',
        );
        await sleep(backoff.next(), undefined, { signal: this.#stop.signal }).catch(() => {});
        continue;
      }
      const outcomes = reported.outcomes.map((given) => decided.find(({ pipeline }) => pipeline === given.pipeline) ?? given);
      this.#count(input, outcomes);
      health.progress('schedule');
      // A file goes with its receipt.
      await this.#keeper?.after(capture, settled.results);
      receipt.settle({ kind: 'stored', outcomes });
      return;
    }
    receipt.settle({ kind: 'returned', reason: 'the store took no more before the daemon stopped' });
  }

  get #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  #count(input: string, outcomes: readonly SettledOutcome[]): void {
    for (const { pipeline, outcome, cause } of outcomes) {
      this.#counted.inc({ input, pipeline, outcome });
      if (cause !== undefined) this.#drops.inc({ input, pipeline, cause });
    }
  }
}

/** Whether the same commit may succeed later: the store is full or away. Anything else is wrong with the commit itself. */
function isPassing(error: unknown): boolean {
  return error instanceof ShoalError && (error.code === 'STORE_FULL' || error.code === 'STORE_UNAVAILABLE');
}
