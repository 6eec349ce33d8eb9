/**
 * Reads what is owed to one sink in the order in which it is to be sent: live before backlog, each by commit sequence.
 *
 * Guarantees: memory for two pages at most; a delivery that grew old while it waited here is read again, so that it goes to
 * the backlog; nothing of the backlog is given out while an older delivery is still in flight on the live lane, because a
 * failure would bring that one to the backlog behind it.
 */
import type { Clock, Delivery, Lane, Store } from '../core/contracts.js';
import { limits } from '../core/limits.js';

/** What is on its way, or acknowledged and not yet so in the store. */
export interface Underway {
  readonly inFlight: ReadonlyMap<number, Delivery>;
  paid(seq: number): boolean;
}

interface Page {
  rows: readonly Delivery[];
  next: number;
  /** The last sequence given out or passed. */
  after: number;
  readMs: number;
  /** The store had nothing more, until told otherwise. */
  empty: boolean;
}

export class Lanes {
  readonly #store: Store;
  readonly #sink: string;
  readonly #clock: Clock;
  #live = newPage();
  #backlog = newPage();

  constructor(store: Store, sink: string, clock: Clock) {
    this.#store = store;
    this.#sink = sink;
    this.#clock = clock;
  }

  /** Starts over from the oldest owed. */
  rewind(): void {
    this.#live = newPage();
    this.#backlog = newPage();
  }

  /** There may be more than the store last said. */
  refresh(): void {
    this.#live.empty = false;
    this.#backlog.empty = false;
  }

  /** The next to send; null when there is none, or none that may go yet. */
  async next(underway: Underway): Promise<Delivery | null> {
    if (this.#live.next < this.#live.rows.length && this.#clock.monoMs() - this.#live.readMs > limits.relayPageMs) {
      this.#live.rows = [];
      this.#live.next = 0;
      this.refresh();
    }
    return (await this.#from('live', this.#live, underway)) ?? (await this.#from('backlog', this.#backlog, underway));
  }

  async #from(lane: Lane, page: Page, underway: Underway): Promise<Delivery | null> {
    for (;;) {
      const row = page.rows[page.next];
      if (row === undefined) {
        if (page.empty) return null;
        page.empty = true;
        page.rows = await this.#store.owed(this.#sink, page.after, limits.relayBatch, lane);
        page.next = 0;
        page.readMs = this.#clock.monoMs();
        if (page.rows.length === 0) return null;
        page.empty = false;
        continue;
      }
      if (lane === 'backlog' && overtakes(row, underway.inFlight)) return null;
      page.next++;
      page.after = row.seq;
      if (!underway.paid(row.seq) && !underway.inFlight.has(row.seq)) return row;
    }
  }
}

function overtakes(row: Delivery, inFlight: ReadonlyMap<number, Delivery>): boolean {
  for (const [seq, sent] of inFlight) if (sent.lane === 'live' && seq <= row.seq) return true;
  return false;
}

function newPage(): Page {
  return { rows: [], next: 0, after: 0, readMs: 0, empty: false };
}
