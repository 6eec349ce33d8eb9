/**
 * What the store says about itself: metrics, health, and the few log lines that a person needs.
 */
import type { Surroundings } from '../core/contracts.js';
import type { ShoalError } from '../core/errors.js';
import type { StartReport, StoreEvent } from './protocol.js';

export class StoreGauges {
  readonly #surroundings: Surroundings;
  readonly #metrics: ReturnType<typeof declare>;
  #full = false;
  #degraded: string | undefined;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#metrics = declare(surroundings);
  }

  started(report: StartReport, path: string): void {
    const { log, health } = this.#surroundings;
    if (report.movedAside !== null) {
      this.#degraded = `a damaged file was moved to ${report.movedAside}; what it held is not delivered`;
      log.error(
        { path, moved_to: report.movedAside, damage: report.damage },
        `the store ${path} was damaged (${report.damage}) and is now empty: results not yet delivered are lost unless recovered from ${report.movedAside} with sqlite3 .recover; check the disk`,
      );
    }
    for (const [sink, count] of Object.entries(report.buried)) {
      this.#metrics.dropped.inc({ reason: 'sink_removed', sink }, count);
      log.warn(
        { sink, count },
        `${count} deliveries were owed to the sink ${sink}, which is not configured any more; they are dead letters now`,
      );
    }
    health.set('store', this.#degraded === undefined ? 'ok' : 'degraded', this.#degraded);
  }

  count(event: Exclude<StoreEvent, { event: 'lost' | 'watches' }>): void {
    if (event.event === 'committed') {
      this.#metrics.commits.observe(event.seconds);
      this.#metrics.writes.inc({}, event.writes);
      this.#metrics.bytes.set(event.bytes);
    } else if (event.event === 'dropped') {
      this.#metrics.dropped.inc({ reason: event.reason, sink: event.sink }, event.count);
    } else {
      this.#metrics.expired.inc({ reason: event.reason }, event.count);
    }
  }

  full(error: ShoalError): void {
    if (this.#full) return;
    this.#full = true;
    this.#surroundings.health.set('store', 'degraded', error.message);
    this.#surroundings.log.error({}, error.message);
  }

  took(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#surroundings.health.set('store', this.#degraded === undefined ? 'ok' : 'degraded', this.#degraded);
    this.#surroundings.log.info({}, 'the store takes results again');
  }
}

function declare({ metrics }: Surroundings) {
  return {
    commits: metrics.histogram({
      name: 'shoal_store_commit_seconds',
      help: 'Time of one group commit, until it is on disk',
      buckets: [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2],
    }),
    writes: metrics.counter({ name: 'shoal_store_writes_total', help: 'Commits, acknowledgements, burials and closed claims put on disk' }),
    bytes: metrics.gauge({ name: 'shoal_store_bytes', help: 'Size of the database file without its log' }),
    dropped: metrics.counter({
      name: 'shoal_store_dropped_total',
      help: 'Deliveries, claims and quarantine rows given up, by reason',
      labels: ['reason', 'sink'],
    }),
    expired: metrics.counter({ name: 'shoal_store_expired_total', help: 'Results that ended their stay, by reason', labels: ['reason'] }),
  };
}
