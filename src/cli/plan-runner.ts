/**
 * Captures through the pipelines of a plan, in an engine of its own, to the results the daemon would make of them.
 *
 * Guarantees: nothing is stored, delivered or moved. The engine stays open from one capture to the next, and is replaced when it dies of one.
 */
import type { CaptureHeader } from '../core/capture.js';
import type { Surroundings } from '../core/contracts.js';
import { canRead, choicesOf } from '../core/pipeline.js';
import { KeptEngine } from '../engine/run-once.js';
import { Reporter } from '../flow/report.js';
import { compileWorthTelling, type OnTrouble, type WorthTelling } from '../flow/worth-telling.js';
import { SystemClock } from '../ops/clock.js';
import { HealthBoard } from '../ops/health.js';
import { createLog } from '../ops/log.js';
import { PromMetrics } from '../ops/metrics.js';
import type { InferPlan } from './infer-plan.js';

/** What `Reporter` makes of one pipeline on the capture. */
export type Run = ReturnType<Reporter['answered']>['results'][number];

export class PlanRunner {
  readonly plan: InferPlan;
  readonly #engine: KeptEngine;
  readonly #reporter: Reporter;

  private constructor(plan: InferPlan, surroundings: Surroundings, worthTelling: WorthTelling, opened: boolean) {
    this.plan = plan;
    const warm = opened ? plan.pipelines.flatMap(({ stages }) => stages.flatMap(choicesOf)) : [];
    this.#engine = new KeptEngine({ options: plan.engine, pipelines: plan.pipelines, models: plan.models, warm, surroundings });
    this.#reporter = new Reporter({ device: plan.device, configHash: plan.configHash, worthTelling });
  }

  /**
   * `input`: the name that headers carry; one that is no input of the configuration has the zones of all. `opened`: every model is opened
   * with the engine, so that no capture pays for it; otherwise each when it is needed.
   */
  static async of(plan: InferPlan, surroundings: Surroundings, input: string, opened = false): Promise<PlanRunner> {
    const onTrouble: OnTrouble = (pipeline, key, message) => surroundings.log.warn({ pipeline }, `${key}: ${message}`);
    const all = Object.assign({}, ...Object.values(plan.zones));
    const worthTelling = await compileWorthTelling(plan.pipelines, onTrouble, { [input]: all, ...plan.zones });
    return new PlanRunner(plan, surroundings, worthTelling, opened);
  }

  /** Opens the engine, which the first capture would otherwise do. Throws ENGINE_UNAVAILABLE. */
  open(): Promise<void> {
    return this.#engine.open();
  }

  /** By the pipelines that can read it; none where none can. `path` is absolute. Throws what an engine's job rejects with. */
  async run(header: CaptureHeader, path: string): Promise<readonly Run[]> {
    const pipelines = this.plan.pipelines.filter((pipeline) => canRead(pipeline, header));
    if (pipelines.length === 0) return [];
    const hangMs = Math.max(...pipelines.map((pipeline) => pipeline.hangMs));
    const names = pipelines.map(({ name }) => name);
    const answer = await this.#engine.run({ header, content: { path }, pipelines: names, solo: true, hangMs });
    return this.#reporter.answered(
      header,
      pipelines.map((spec) => ({ spec })),
      answer,
      { queueMs: 0, attempt: 1 },
    ).results;
  }

  stop(): Promise<void> {
    return this.#engine.stop();
  }
}

/** Tells of trouble on stderr only. */
export function quietSurroundings(): Surroundings {
  const clock = new SystemClock();
  return { clock, log: createLog({ level: 'error', format: 'text' }), metrics: new PromMetrics(), health: new HealthBoard(clock) };
}
