/**
 * The schedule: bounded queues in front of the engines, and the way of every capture to its settlement.
 *
 * Guarantees: every accepted capture ends in exactly one committed settlement, or is returned to its input unharmed when the daemon stops.
 * Urgent pipelines come first, inputs get equal shares of the engines, and nothing waits for ever (core/fair-queue.ts); what does not fit waits
 * or is dropped as its input's `when_full` says, counted. What becomes of a capture whose turn it is, is passage.ts's. Deliberately decides nothing about what a result means (report) or who gets it (relay).
 */
import type { Offer, Store } from '../core/contracts.js';
import { reasonOf } from '../core/errors.js';
import { FairQueue } from '../core/fair-queue.js';
import { limits } from '../core/limits.js';
import type { WaitingRules } from '../core/waiting.js';
import { Arrivals, keptOf, type Waiting } from './arrivals.js';
import { Batch, BatchCosts } from './batch.js';
import type { Keeper } from './keeper.js';
import { Paces } from './paces.js';
import { Passage, type PassageParts } from './passage.js';
import { route } from './router.js';
import { Settler } from './settler.js';
import { StreamStates } from './stream-states.js';

export interface ScheduleParts extends PassageParts {
  readonly store: Store;
  /** Makes copies of captures; absent where none are wanted. */
  readonly keeper?: Pick<Keeper, 'before' | 'after' | 'letGo'>;
  /** By input. */
  readonly waiting: (input: string) => WaitingRules;
}

export class Schedule {
  readonly #parts: ScheduleParts;
  readonly #queue = new FairQueue<Waiting>();
  readonly #paces: Paces;
  readonly #states: StreamStates;
  readonly #costs = new BatchCosts();
  readonly #arrivals: Arrivals;
  readonly #settler: Settler;
  readonly #passage: Passage;
  /** Who waits for room, by input. */
  readonly #space = new Map<string, (() => void)[]>();
  readonly #settling = new Set<Promise<void>>();
  #unwatch: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #stop = new AbortController();
  #pumping = false;

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
    this.#paces = new Paces(parts.pipelines);
    this.#states = new StreamStates(parts.pipelines);
    this.#arrivals = new Arrivals(parts.clock, parts.reporter, this.#paces);
    this.#settler = new Settler(parts.store, parts, parts.keeper);
    this.#passage = new Passage(parts, this.#states, this.#settler, {
      spent: (input, ms) => {
        this.#queue.charge(input, ms);
        this.#costs.learn(input, ms);
      },
      done: (waiting) => this.#nextOfStream(waiting),
      again: (waiting) => this.#again(waiting),
      giveBack: (waiting) => this.#giveBack(waiting),
    });
  }

  start(): void {
    this.#unwatch = this.#parts.engines.watch(() => void this.#pump());
  }

  /** Returns what waits to its inputs; what runs is settled or returned by the time the engines have stopped. */
  stop(): void {
    this.#stop.abort();
    this.#settler.stop();
    this.#unwatch?.();
    clearTimeout(this.#timer);
    for (const waiting of this.#queue.drain()) this.#giveBack(waiting);
    for (const input of this.#space.keys()) this.#wake(input);
  }

  /** Resolves when nothing is on its way to the store any more. */
  async drained(): Promise<void> {
    while (this.#settling.size > 0) await Promise.all(this.#settling);
  }

  readonly offer: Offer = async (capture, receipt) => {
    const { header } = capture;
    const routed = route(header, this.#parts.pipelines);
    if ('unrouted' in routed)
      return this.#soon(this.#settler.settle(capture, receipt, keptOf(capture, this.#parts.reporter.unrouted(header, routed.unrouted))));
    const rules = this.#parts.waiting(header.input);
    const waiting = this.#arrivals.arrival(capture, receipt, routed, rules);
    const exhausted = capture.claim?.exhausted;
    if (typeof exhausted === 'string') return this.#passage.quarantine(waiting, exhausted);
    if (waiting.pipelines.length === 0) return this.#soon(this.#passage.settle(waiting, []));
    // Not asked where there is room: what else is offered in the meantime would find the same.
    if (this.#isFull(header.input, rules) && !(await this.#room(header.input, rules)))
      return this.#soon(this.#passage.settle(waiting, [this.#arrivals.dropped(waiting, 'queue_full')]));
    if (this.#stopping) return this.#giveBack(waiting);
    this.#queue.push(waiting);
    void this.#pump();
  };

  #isFull(input: string, { maxWaiting }: WaitingRules): boolean {
    return this.#queue.waiting(input) >= maxWaiting && !this.#stopping;
  }

  /** Whether room for one more has been made. Waits for it where the input blocks. */
  async #room(input: string, rules: WaitingRules): Promise<boolean> {
    const { whenFull } = rules;
    while (this.#isFull(input, rules)) {
      if (whenFull === 'drop_newest') return false;
      if (whenFull === 'keep_latest') {
        const oldest = this.#queue.takeOldest(input);
        if (oldest !== undefined) await this.#soon(this.#passage.settle(oldest, [this.#arrivals.dropped(oldest, 'overtaken')]));
      } else {
        await new Promise<void>((wake) => {
          this.#space.set(input, [...(this.#space.get(input) ?? []), wake]);
        });
      }
    }
    return true;
  }

  /** Hands out as long as engines take; one at a time, since marking a solo run waits for the disk. */
  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    // Where the store is away, what engines said waits for it: nothing more is handed out than there is room for.
    const mayGoOn = () => !this.#stopping && this.#settling.size <= limits.settlingMax;
    for (let next = this.#next(); next !== undefined && mayGoOn(); next = this.#next()) {
      // A suspect whose turn it is waits for an empty engine; letting others pass would starve it.
      if (!this.#parts.engines.free(next.solo)) break;
      const waiting = next;
      this.#take(waiting);
      const marked = waiting.solo ? await this.#passage.marked(() => waiting.capture.claim?.markSolo(), waiting) : true;
      if (!marked) this.#nextOfStream(waiting);
      // Each counts by itself: where the store is away, so many captures wait for it and no more.
      else for (const settled of this.#passage.run(this.#withMore(waiting))) this.#track(settled);
    }
    this.#pumping = false;
  }

  #take(waiting: Waiting): void {
    this.#queue.take(waiting);
    this.#wake(waiting.input, 1);
    if (!waiting.paced) this.#paces.take(waiting.pipelines, this.#parts.clock.monoMs());
    waiting.paced = true;
    this.#states.begin(waiting.capture.header);
  }

  /** With what comes next, as long as all of it is small: one crossing for many windows of sensors. */
  #withMore(first: Waiting): Waiting[] {
    const batch = new Batch(this.#costs);
    while (true) {
      const next = batch.size === 0 ? first : this.#next(true);
      if (next === undefined || !batch.add(next)) return batch.size === 0 ? [first] : batch.all;
      if (next !== first) this.#take(next);
    }
  }

  /** The next window of its stream may go. */
  #nextOfStream({ capture }: Waiting): void {
    if (this.#states.end(capture.header)) void this.#pump();
  }

  /** Whose turn it is; where rates, or the hope for company, hold everything back, looks again when the first of them lets go. `along`: as company. */
  #next(along = false): Waiting | undefined {
    clearTimeout(this.#timer);
    const nowMs = this.#parts.clock.monoMs();
    let waitMs = Number.POSITIVE_INFINITY;
    const next = this.#queue.next(nowMs, (waiting) => {
      const { paced, pipelines, capture } = waiting;
      if (!this.#states.mayGo(capture.header)) return false;
      const paceMs = paced ? 0 : this.#paces.waitMs(pipelines, nowMs);
      const forMs = along ? paceMs : Math.max(paceMs, this.#costs.lingerMs(waiting, this.#queue.waiting(waiting.input), nowMs));
      if (forMs > 0) waitMs = Math.min(waitMs, forMs);
      return forMs === 0;
    });
    if (next === undefined && Number.isFinite(waitMs)) this.#timer = setTimeout(() => void this.#pump(), Math.ceil(waitMs));
    return next;
  }

  /** Alone next time; it goes first of its input. */
  #again(waiting: Waiting): void {
    if (this.#stopping) {
      this.#giveBack(waiting);
      return;
    }
    waiting.solo = true;
    waiting.attempt++;
    this.#queue.putBack(waiting);
    void this.#pump();
  }

  get #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  #giveBack(waiting: Waiting): void {
    waiting.receipt.settle({ kind: 'returned', reason: 'it was not worked on' });
  }

  /** Lets so many of those who wait for room of an input look again; all of them, without a number. */
  #wake(input: string, count = Number.POSITIVE_INFINITY): void {
    for (const wake of this.#space.get(input)?.splice(0, count) ?? []) wake();
  }

  /** Settles without holding up the next capture, so that many share a commit; where the store is slow or away, it is waited for. */
  async #soon(settling: Promise<void>): Promise<void> {
    this.#track(settling);
    if (this.#settling.size > limits.settlingMax) await settling.catch(() => {});
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((error: unknown) =>
        this.#parts.log.error({ err: reasonOf(error) }, 'a capture was left unsettled; it is taken up at the next start'),
      )
      .finally(() => {
        this.#settling.delete(tracked);
        if (this.#settling.size === limits.settlingMax) void this.#pump();
      });
    this.#settling.add(tracked);
  }
}
