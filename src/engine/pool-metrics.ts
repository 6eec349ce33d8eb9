/**
 * The metrics of the engine pool, named once.
 */
import type { Metrics } from '../core/contracts.js';
import { ShoalError } from '../core/errors.js';
import type { EngineAnswer } from '../core/job.js';
import type { Escalation } from '../core/result.js';

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class PoolMetrics {
  readonly #jobs;
  readonly #restarts;
  readonly #rss;
  readonly #ready;
  readonly #decode;
  readonly #stage;

  constructor(metrics: Metrics) {
    this.#jobs = metrics.counter({
      name: 'shoal_engine_jobs_total',
      help: 'Jobs given to engines, by result: answered, crashed, hung, protocol or unavailable',
      labels: ['result'],
    });
    this.#restarts = metrics.counter({
      name: 'shoal_engine_restarts_total',
      help: 'Engine processes replaced, by reason: crash, hang, protocol, memory, start, recycle_jobs or recycle_rss',
      labels: ['reason'],
    });
    this.#rss = metrics.gauge({ name: 'shoal_engine_rss_bytes', help: 'Resident memory of an engine process', labels: ['engine'] });
    this.#ready = metrics.gauge({ name: 'shoal_engine_ready', help: 'Engine processes that are ready' });
    this.#decode = metrics.histogram({ name: 'shoal_engine_decode_seconds', help: 'Time to decode a capture', buckets });
    this.#stage = metrics.histogram({
      name: 'shoal_engine_stage_seconds',
      help: 'Time of a stage that ran, and of its second look by another model: preprocess, run and postprocess',
      labels: ['task', 'model'],
      buckets,
    });
  }

  answered(answer: EngineAnswer): void {
    this.#jobs.inc({ result: 'answered' });
    // What is left of one that began before says nothing of what decoding takes.
    if (answer.decodedAhead === undefined) this.#decode.observe(answer.decodeMs / 1000);
    for (const { stages } of answer.pipelines) {
      for (const stage of stages) {
        if (stage.model !== undefined) this.#ran(stage.task, { ...stage, model: stage.model });
        if (stage.escalated !== undefined) this.#ran(stage.task, stage.escalated);
      }
    }
  }

  #ran(task: string, { state, model, preprocess_ms, run_ms, postprocess_ms }: Omit<Escalation, 'variant'>): void {
    if (state === 'ran') this.#stage.observe((preprocess_ms + run_ms + postprocess_ms) / 1000, { task, model });
  }

  unanswered(error: unknown): void {
    const results: Readonly<Record<string, string>> = { ENGINE_CRASHED: 'crashed', ENGINE_HUNG: 'hung', ENGINE_PROTOCOL: 'protocol' };
    const code = error instanceof ShoalError ? error.code : '';
    this.#jobs.inc({ result: results[code] ?? 'unavailable' });
  }

  restarted(reason: string): void {
    this.#restarts.inc({ reason });
  }

  rss(engine: number, bytes: number): void {
    this.#rss.set(bytes, { engine: String(engine) });
  }

  ready(count: number): void {
    this.#ready.set(count);
  }
}
