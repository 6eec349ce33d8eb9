/**
 * What a relay says about its sink: metrics, health, and folded log lines.
 */
import type { Sink, Store, Surroundings } from '../core/contracts.js';
import { limits } from '../core/limits.js';

/** Between two lines about dead letters of one sink. */
const foldMs = 60_000;

export class RelayGauges {
  readonly #name: string;
  readonly #sink: Sink;
  readonly #store: Store;
  readonly #surroundings: Surroundings;
  readonly #metrics: ReturnType<typeof declare>;
  #awaySince: string | null = null;
  #trouble: string | null = null;
  #toldMs = Number.NEGATIVE_INFINITY;
  #untold = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(name: string, sink: Sink, store: Store, surroundings: Surroundings) {
    this.#name = name;
    this.#sink = sink;
    this.#store = store;
    this.#surroundings = surroundings;
    this.#metrics = declare(surroundings);
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), limits.relayVitalsMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  ready(ready: boolean): void {
    if (ready) this.#awaySince = null;
    else this.#awaySince ??= new Date(this.#surroundings.clock.wallMs()).toISOString();
    this.#look();
  }

  delivered(seconds: number): void {
    this.#trouble = null;
    this.#metrics.deliveries.inc({ sink: this.#name, result: 'delivered' });
    this.#metrics.ack.observe(seconds, { sink: this.#name });
    this.#surroundings.health.progress(`sink:${this.#name}`);
  }

  retried(reason: string): void {
    this.#trouble = reason;
    this.#metrics.deliveries.inc({ sink: this.#name, result: 'retried' });
  }

  dead(resultId: string, reason: string): void {
    this.#metrics.deliveries.inc({ sink: this.#name, result: 'dead' });
    this.#untold++;
    const nowMs = this.#surroundings.clock.monoMs();
    if (nowMs - this.#toldMs < foldMs) return;
    this.#surroundings.log.error(
      { sink: this.#name, result: resultId, count: this.#untold, reason },
      `${this.#untold} deliveries to ${this.#name} were given up, the last because: ${reason}; the results are kept, see shoal explain ${resultId}`,
    );
    this.#toldMs = nowMs;
    this.#untold = 0;
  }

  #look(): void {
    this.#store.backlog().then(
      (backlog) => this.#show(backlog[this.#name]?.owed ?? 0),
      () => {},
    );
  }

  #show(owed: number): void {
    const { health } = this.#surroundings;
    const part = `sink:${this.#name}`;
    this.#metrics.backlog.set(owed, { sink: this.#name });
    if (this.#awaySince !== null) health.set(part, 'degraded', `away since ${this.#awaySince}, ${owed} owed`);
    else if (this.#trouble !== null) health.set(part, 'degraded', `${this.#trouble}; ${owed} owed`);
    else health.set(part, 'ok');
    // With nothing owed, or nobody to pay, there is provably no work.
    if (owed === 0 || !this.#sink.ready) health.progress(part);
  }
}

function declare({ metrics }: Surroundings) {
  return {
    deliveries: metrics.counter({
      name: 'shoal_deliveries_total',
      help: 'Deliveries by sink and result: delivered, retried, dead',
      labels: ['sink', 'result'],
    }),
    backlog: metrics.gauge({ name: 'shoal_delivery_backlog', help: 'Deliveries owed', labels: ['sink'] }),
    ack: metrics.histogram({
      name: 'shoal_delivery_ack_seconds',
      help: 'Time from the hand-over to the sink until its acknowledgement',
      labels: ['sink'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    }),
  };
}
