/**
 * The loop that pays: brings what is owed to one sink, until it is acknowledged.
 *
 * Guarantees: a delivery is marked delivered only after the sink's acknowledgement (law 1); at most `sink.window` are
 * unacknowledged; live goes before backlog; within an input and lane first deliveries keep the commit order. After a
 * failure nothing more is sent until all in flight have settled; then it goes on from the oldest, one at a time until what
 * failed is acknowledged. What the sink refuses, and what is shown to kill its connection, becomes a dead letter.
 *
 * The order relies on a sink that hands over in order on one stream, as MQTT does: when a later one is acknowledged, the
 * earlier was received. A sink that keeps its connection and rejects a single delivery for a while may see up to
 * `window - 1` later ones before it. Deliberately starts and stops no sink.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Backoff, type BackoffPolicy } from '../core/backoff.js';
import type { Delivery, Lane, Sink, Store, Surroundings } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { Attempts } from './attempts.js';
import { Lanes } from './lanes.js';
import { Payments } from './payments.js';
import { RelayGauges } from './relay-gauges.js';
import { Signal } from './signal.js';

export interface RelayOptions {
  /** `at-hand-over` is wrong on purpose: the control of the end-to-end tests, which must then lose deliveries. */
  readonly markDelivered?: 'after-acknowledgement' | 'at-hand-over';
  readonly retry?: BackoffPolicy;
}

export class Relay {
  readonly #name: string;
  readonly #sink: Sink;
  readonly #store: Store;
  readonly #surroundings: Surroundings;
  readonly #markEarly: boolean;
  readonly #gauges: RelayGauges;
  readonly #lanes: Lanes;
  readonly #payments: Payments;
  readonly #attempts = new Attempts();
  readonly #inFlight = new Map<number, Delivery>();
  readonly #signal = new Signal();
  readonly #backoff: Backoff;
  #unwatch: (() => void)[] = [];
  #running: Promise<void> | null = null;
  #stopping = false;
  #rewind = false;
  #restUntilMs = 0;
  /** Counts the times the sink went away: tells whether a failure cost the connection. */
  #losses = 0;

  constructor(name: string, sink: Sink, store: Store, surroundings: Surroundings, options: RelayOptions = {}) {
    this.#name = name;
    this.#sink = sink;
    this.#store = store;
    this.#surroundings = surroundings;
    this.#markEarly = options.markDelivered === 'at-hand-over';
    this.#backoff = new Backoff(options.retry ?? { firstMs: limits.deliveryRetryFirstMs, maxMs: limits.deliveryRetryMaxMs });
    this.#gauges = new RelayGauges(name, sink, store, surroundings);
    this.#lanes = new Lanes(store, name, surroundings.clock);
    this.#payments = new Payments(store, name, () => this.#signal.raise());
  }

  start(): void {
    if (this.#running !== null || this.#stopping) return;
    this.#gauges.start();
    this.#unwatch = [
      this.#store.watch(() => {
        this.#lanes.refresh();
        this.#signal.raise();
      }),
      this.#sink.watch((ready) => this.#onReady(ready)),
    ];
    this.#running = this.#run();
  }

  /** Sends nothing more, gives what is in flight `limits.relayStopMs` to be acknowledged, and brings the payments to the store. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#signal.raise();
    await this.#running;
    const untilMs = performance.now() + limits.relayStopMs;
    while (this.#inFlight.size > 0 && performance.now() < untilMs) await this.#signal.wait(untilMs - performance.now());
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
    this.#gauges.stop();
    await this.#payments.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      let waitMs: number;
      try {
        waitMs = await this.#turn();
      } catch (error) {
        // Only the store can fail here, and it says so itself.
        this.#surroundings.log.debug({ sink: this.#name, error: reasonOf(error) }, 'the relay could not read what is owed');
        waitMs = limits.deliveryRetryFirstMs;
      }
      if (waitMs > 0) await this.#signal.wait(waitMs);
    }
  }

  /** Sends one delivery; answers how long (ms) to wait for the next turn unless something happens. */
  async #turn(): Promise<number> {
    if (!this.#sink.ready) return Number.POSITIVE_INFINITY;
    if (this.#rewind) {
      if (this.#inFlight.size > 0) return Number.POSITIVE_INFINITY;
      this.#lanes.rewind();
      this.#rewind = false;
    }
    const restMs = this.#restUntilMs - performance.now();
    if (restMs > 0) return restMs;
    const alone = this.#attempts.alone;
    const window = alone ? 1 : Math.max(1, Math.min(this.#sink.window, limits.relayBatch));
    if (this.#inFlight.size >= window || this.#payments.unpaid >= limits.relayUnpaidMax) return Number.POSITIVE_INFINITY;
    const delivery = await (alone
      ? this.#pickAlone()
      : this.#lanes.next({ inFlight: this.#inFlight, paid: (seq) => this.#payments.has(seq) }));
    // Something failed, or a stop came, while the store was asked: what was read is read again.
    if (this.#rewind || this.#stopping || !this.#sink.ready) {
      this.#rewind = true;
      return 0;
    }
    if (delivery === null) return Number.POSITIVE_INFINITY;
    void this.#send(delivery, alone);
    return 0;
  }

  /** With nothing in flight: a proven suspect, or the first in order that is not passed over. */
  async #pickAlone(): Promise<Delivery | null> {
    const suspect = this.#attempts.nextSuspect;
    if (suspect !== null) {
      const [delivery] = await this.#store.owed(this.#name, suspect - 1, 1);
      if (delivery?.seq === suspect) return delivery;
      this.#attempts.forget(suspect);
    }
    const first = (await this.#first('live')) ?? (await this.#first('backlog'));
    if (first !== null) return first;
    this.#attempts.noOther();
    return (await this.#first('live')) ?? (await this.#first('backlog'));
  }

  async #first(lane: Lane): Promise<Delivery | null> {
    for (let after = 0; ; ) {
      const page = await this.#store.owed(this.#name, after, limits.relayBatch, lane);
      const found = page.find((delivery) => !this.#payments.has(delivery.seq) && !this.#attempts.passOver(delivery.seq));
      const last = page.at(-1);
      if (found !== undefined || last === undefined) return found ?? null;
      after = last.seq;
    }
  }

  async #send(read: Delivery, alone: boolean): Promise<void> {
    const delivery = { ...read, redelivery: read.redelivery || this.#attempts.tried(read.seq) };
    const lossesBefore = this.#losses;
    const beganMs = this.#surroundings.clock.monoMs();
    this.#inFlight.set(delivery.seq, delivery);
    if (this.#markEarly) this.#payments.add(delivery.seq);
    try {
      await bounded(this.#sink.deliver(delivery));
      this.#acknowledged(delivery, (this.#surroundings.clock.monoMs() - beganMs) / 1000);
    } catch (error) {
      if (!isRefusal(error)) this.#rewind = true;
      // The news of a lost connection may come a turn after the rejection it caused.
      await nextTurn();
      await this.#failed(delivery, error, alone, this.#losses !== lossesBefore || !this.#sink.ready);
    } finally {
      this.#inFlight.delete(delivery.seq);
      this.#signal.raise();
    }
  }

  /** The one place where a delivery becomes delivered: after the sink has acknowledged it. */
  #acknowledged(delivery: Delivery, seconds: number): void {
    if (!this.#markEarly) this.#payments.add(delivery.seq);
    this.#attempts.acknowledged(delivery.seq);
    this.#backoff.reset();
    this.#gauges.delivered(seconds);
  }

  async #failed(delivery: Delivery, error: unknown, alone: boolean, lost: boolean): Promise<void> {
    const reason = reasonOf(error);
    if (isRefusal(error)) {
      await this.#bury(delivery, reason);
      return;
    }
    if (this.#attempts.failed(delivery.seq, lost, alone)) {
      await this.#bury(
        delivery,
        `the connection was lost ${limits.deliveryTriesAloneMax + 1} times with only this in flight, while others got through (${reason})`,
      );
      return;
    }
    this.#gauges.retried(reason);
    const nowMs = performance.now();
    // All that fail together are one failure.
    if (this.#restUntilMs <= nowMs) this.#restUntilMs = nowMs + this.#backoff.next();
  }

  async #bury(delivery: Delivery, reason: string): Promise<void> {
    try {
      await this.#store.bury(this.#name, delivery.seq, reason);
      this.#attempts.forget(delivery.seq);
      this.#gauges.dead(delivery.resultId, reason);
    } catch {
      // Still owed: it is tried, and refused, again.
      this.#rewind = true;
      this.#restUntilMs = performance.now() + this.#backoff.next();
    }
  }

  #onReady(ready: boolean): void {
    if (!ready) this.#losses++;
    this.#lanes.refresh();
    this.#gauges.ready(ready);
    this.#signal.raise();
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof ShoalError && error.code === 'DELIVERY_REFUSED';
}

/** The sink's own bounds come first; this one is for a sink that forgot to answer. */
async function bounded(answer: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = () => reject(new ShoalError('DELIVERY_RETRY', `no answer from the sink within ${limits.deliveryAnswerMs / 1000} s`));
    timer = setTimeout(error, limits.deliveryAnswerMs).unref();
  });
  try {
    await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
