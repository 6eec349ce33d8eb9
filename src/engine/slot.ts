/**
 * A place in the pool that one engine process after another fills.
 *
 * Guarantees: a death with jobs in it is followed by a restart at once (its captures are judged elsewhere, so they pace
 * it); any other death by a backoff that only an answered job resets, and after too many of those within the window by a
 * long rest. An engine is replaced for its age or size only when nothing is in it.
 */
import { readFile } from 'node:fs/promises';
import { Backoff, RestartBudget } from '../core/backoff.js';
import type { Surroundings } from '../core/contracts.js';
import type { EngineAnswer } from '../core/job.js';
import { limits } from '../core/limits.js';
import { EngineHost, type Gone, type HostOptions } from './host.js';
import type { PoolMetrics } from './pool-metrics.js';
import type { ModelOpened } from './protocol.js';

export interface SlotOptions extends Omit<HostOptions, 'log'> {
  readonly number: number;
  readonly maxRssBytes: number;
  readonly recycleAfterJobs: number;
  readonly surroundings: Surroundings;
  readonly metrics: PoolMetrics;
  /** Something that a look at the pool would show has changed. */
  readonly onChange: () => void;
  readonly onFree: () => void;
}

const pageBytes = 4096;

export class EngineSlot {
  readonly #options: SlotOptions;
  readonly #backoff = new Backoff({ firstMs: limits.engineRestartFirstMs, maxMs: limits.engineRestartMaxMs });
  readonly #budget = new RestartBudget(limits.engineRestartsMax, limits.engineRestartWindowMs);
  #host: EngineHost | null = null;
  /** Replaced, empty, on their way out. */
  readonly #leaving = new Set<EngineHost>();
  #timer: NodeJS.Timeout | undefined;
  #answers = 0;
  #recycling: string | null = null;
  #stopped = false;
  #resting = false;
  #trouble: string | null = null;
  #models: readonly ModelOpened[] = [];

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  get host(): EngineHost | null {
    return this.#host;
  }

  /** Why there is no engine here, or why the last one died; null while all is well. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Warm models the engine could not open. */
  get broken(): readonly ModelOpened[] {
    return this.#models.filter((model) => !model.ok);
  }

  start(): void {
    if (this.#stopped) return;
    this.#answers = 0;
    this.#recycling = null;
    const log = this.#options.surroundings.log.child({ engine: this.#options.number });
    const host = new EngineHost(
      { ...this.#options, log },
      {
        ready: (reply) => {
          this.#models = reply.models;
          this.#options.onChange();
        },
        answered: (answers, rssBytes) => this.#answered(answers, rssBytes),
        free: () => this.#options.onFree(),
        gone: (gone) => {
          this.#leaving.delete(host);
          if (host === this.#host) this.#gone(gone);
        },
      },
    );
    this.#host = host;
    host.start();
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const hosts = [...this.#leaving, ...(this.#host === null ? [] : [this.#host])];
    await Promise.all(hosts.map((host) => host.stop(graceMs)));
  }

  /** Asks the kernel for the engine's resident memory; one that is far beyond its ceiling in the middle of a job is killed. */
  async watch(): Promise<void> {
    const host = this.#host;
    if (host?.pid === undefined) return;
    const statm = await readFile(`/proc/${host.pid}/statm`, 'utf8').catch(() => '');
    const rssBytes = Number(statm.split(' ')[1] ?? 0) * pageBytes;
    if (rssBytes === 0 || host !== this.#host) return;
    this.#options.metrics.rss(this.#options.number, rssBytes);
    const most = this.#options.maxRssBytes * 2;
    if (rssBytes > most) host.kill('memory', `it held ${mebibytes(rssBytes)}, twice max_rss_bytes is ${mebibytes(most)}`);
  }

  #answered(answers: readonly EngineAnswer[], rssBytes: number): void {
    const { metrics, maxRssBytes, recycleAfterJobs } = this.#options;
    for (const answer of answers) metrics.answered(answer);
    metrics.rss(this.#options.number, rssBytes);
    this.#answers++;
    this.#backoff.reset();
    this.#trouble = null;
    if (rssBytes > maxRssBytes) this.#recycling = 'recycle_rss';
    else if (this.#answers >= recycleAfterJobs) this.#recycling = 'recycle_jobs';
    if (this.#recycling !== null) this.#host?.retire();
    if (this.#recycling !== null && this.#host?.jobs === 0) this.#recycle(this.#recycling, rssBytes);
    this.#options.onChange();
  }

  #recycle(reason: string, rssBytes: number): void {
    const { metrics, surroundings, number } = this.#options;
    surroundings.log.debug({ engine: number, reason, answers: this.#answers, rss_bytes: rssBytes }, 'engine replaced');
    metrics.restarted(reason);
    if (this.#host !== null) {
      this.#leaving.add(this.#host);
      this.#host.stop(limits.drainMs).catch(() => {});
    }
    this.start();
  }

  #gone(gone: Gone): void {
    this.#host = null;
    if (this.#stopped) return;
    const { metrics, surroundings, number } = this.#options;
    const fields = { engine: number, cause: gone.cause, reason: gone.reason, captures: gone.jobs };
    metrics.restarted(gone.cause);
    const first = this.#trouble === null;
    this.#trouble = gone.reason;
    if (gone.jobs > 0) {
      surroundings.log.warn(fields, 'an engine was lost with captures in it; each will be run again alone');
      this.start();
    } else {
      const within = this.#budget.spend(surroundings.clock.monoMs());
      const waitMs = within ? this.#backoff.next() : limits.engineRestartMaxMs;
      const log = surroundings.log.child({ wait_ms: waitMs });
      if (!within && !this.#resting)
        log.error(fields, 'an engine dies again and again before it has work; run "shoal doctor" and look at the reason');
      else if (first) log.warn(fields, 'an engine died without a capture in it; it is started again');
      else log.debug(fields, 'an engine died again without a capture in it');
      this.#resting = !within;
      this.#timer = setTimeout(() => this.start(), waitMs);
    }
    this.#options.onChange();
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}
