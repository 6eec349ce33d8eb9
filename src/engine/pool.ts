/**
 * The pool of engine processes behind `Engines`.
 *
 * Guarantees: a job, or a batch of small ones, goes to the ready engine with the fewest (one running, one prefetched), a solo job to an empty
 * one that stays its own; nothing waits here: a job that no engine takes now is refused. Health says honestly how many
 * engines can work and why the others cannot. Deliberately retries nothing: a lost job is the scheduler's.
 */
import type { Engines, Surroundings } from '../core/contracts.js';
import { ShoalError } from '../core/errors.js';
import type { EngineAnswer, EngineJob } from '../core/job.js';
import { limits } from '../core/limits.js';
import type { Model } from '../core/model.js';
import type { PipelineSpec } from '../core/pipeline.js';
import { engineCount, readCapacity } from './capacity.js';
import { engineEntry } from './entry.js';
import type { EngineOptions } from './options.js';
import { PoolMetrics } from './pool-metrics.js';
import type { EngineConfig, WarmModel } from './protocol.js';
import { EngineSlot } from './slot.js';

export interface PoolSetup {
  readonly options: EngineOptions;
  readonly pipelines: readonly PipelineSpec[];
  /** Every model the pipelines name. */
  readonly models: readonly Model[];
  /** Opened before an engine is ready; one that cannot be opened shows in health. */
  readonly warm?: readonly WarmModel[];
  /** By input, what is hidden in its pictures. */
  readonly masks?: EngineConfig['masks'];
  readonly surroundings: Surroundings;
  /** Absolute path of the engine's module. */
  readonly entry?: string;
}

export class EnginePool implements Engines {
  readonly #setup: PoolSetup;
  readonly #watchers = new Set<() => void>();
  #slots: readonly EngineSlot[] = [];
  #tick: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | null = null;
  #metrics: PoolMetrics | null = null;
  #everReady = false;

  constructor(setup: PoolSetup) {
    this.#setup = setup;
  }

  /** Processes started, ready or not. */
  get size(): number {
    return this.#slots.length;
  }

  /** Process ids, for reports and tests. */
  get pids(): readonly number[] {
    return this.#slots.flatMap((slot) => slot.host?.pid ?? []);
  }

  /** Forks the engines; resolves without waiting for them to be ready, which health shows. */
  async start(): Promise<void> {
    if (this.#stopping !== null || this.#slots.length > 0) return;
    const { options, pipelines, models, warm, masks = {}, surroundings, entry } = this.#setup;
    const metrics = new PoolMetrics(surroundings.metrics);
    this.#metrics = metrics;
    const config = {
      pipelines,
      models,
      warm: warm ?? [],
      threads: options.threads,
      arena: options.arena,
      maxMemoryBytes: options.max_memory_bytes,
      masks,
    };
    const count = engineCount(options, readCapacity());
    this.#slots = Array.from({ length: count }, (_, number) => {
      return new EngineSlot({
        number,
        entry: entry ?? engineEntry,
        config,
        maxRssBytes: options.max_rss_bytes,
        recycleAfterJobs: options.recycle_after_jobs,
        surroundings,
        metrics,
        onChange: () => this.#show(),
        onFree: () => this.#notify(),
      });
    });
    for (const slot of this.#slots) slot.start();
    this.#show();
    this.#tick = setInterval(() => this.#look(), limits.engineWatchMs).unref();
  }

  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<void> {
    clearInterval(this.#tick);
    await Promise.all(this.#slots.map((slot) => slot.stop(graceMs)));
    this.#metrics?.ready(0);
    this.#setup.surroundings.health.set('engine', 'down', 'stopped');
  }

  free(solo: boolean): boolean {
    return this.#choose(solo) !== undefined;
  }

  watch(onFree: () => void): () => void {
    this.#watchers.add(onFree);
    return () => this.#watchers.delete(onFree);
  }

  async run(job: EngineJob): Promise<EngineAnswer> {
    const [answer] = await this.runBatch([job]);
    if (answer === undefined) throw new ShoalError('SHOAL_INTERNAL', 'a run of one job had no answer');
    return answer;
  }

  async runBatch(jobs: readonly EngineJob[]): Promise<readonly EngineAnswer[]> {
    try {
      const most = limits.jobInlineBytesMax;
      if (jobs.some(({ content }) => 'bytes' in content && content.bytes.byteLength > most)) {
        throw new ShoalError('SHOAL_INTERNAL', `a capture above ${most} bytes was sent by value; it has to go by path`);
      }
      const host = this.#choose(jobs.some(({ solo }) => solo));
      if (host === undefined) throw new ShoalError('ENGINE_UNAVAILABLE', this.#unavailable());
      return await host.runBatch(jobs);
    } catch (error) {
      for (const _ of jobs) this.#metrics?.unanswered(error);
      throw error;
    }
  }

  #choose(solo: boolean) {
    if (this.#stopping !== null) return undefined;
    const hosts = this.#slots.flatMap((slot) => (slot.host?.accepts(solo) ? [slot.host] : []));
    return hosts.sort((a, b) => a.jobs - b.jobs)[0];
  }

  #unavailable(): string {
    const trouble = this.#slots.find((slot) => slot.trouble !== null)?.trouble ?? null;
    if (this.#stopping !== null) return 'the engines are being stopped';
    return trouble === null ? 'no engine is free now' : `no engine is ready: ${trouble}`;
  }

  #notify(): void {
    this.#setup.surroundings.health.progress('engine');
    for (const watcher of this.#watchers) watcher();
  }

  /** Jobs in engines are within their hang clocks and an empty engine has nothing to do: either way this part moves. */
  #look(): void {
    this.#setup.surroundings.health.progress('engine');
    for (const slot of this.#slots) slot.watch().catch(() => {});
  }

  #show(): void {
    if (this.#stopping !== null) return;
    const { health } = this.#setup.surroundings;
    const ready = this.#slots.filter((slot) => slot.host?.ready).length;
    this.#metrics?.ready(ready);
    const troubled = this.#slots.find((slot) => !slot.host?.ready && slot.trouble !== null);
    const broken = this.#slots.flatMap((slot) => slot.broken)[0];
    if (ready === 0 && troubled !== undefined) health.set('engine', 'down', `no engine is ready: ${troubled.trouble}`);
    else if (ready === 0) health.set('engine', 'starting', this.#everReady ? 'an engine is being replaced' : 'the engines are starting');
    else if (troubled !== undefined) health.set('engine', 'degraded', `${ready} of ${this.size} engines ready: ${troubled.trouble}`);
    else if (broken !== undefined) health.set('engine', 'degraded', `model ${broken.model}, ${broken.variant}: ${broken.reason}`);
    else health.set('engine', 'ok');
    this.#everReady ||= ready > 0;
  }
}
