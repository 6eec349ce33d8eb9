/**
 * What an engine is asked to run on a capture just now: each pipeline in the way that its budget and the board allow.
 *
 * Guarantees: every pipeline of the capture is asked, late, or replaced by the pipeline that its `degrade` names; urgent pipelines come first. A
 * change of way is logged with its reason and shows in a gauge. Deliberately keeps no captures.
 */
import type { Surroundings } from '../core/contracts.js';
import type { EngineAnswer } from '../core/job.js';
import { atLevel, type PipelineSpec } from '../core/pipeline.js';
import type { Pressure } from '../core/pressure.js';
import { type Degradation, spentMs } from '../core/result.js';
import { Budget, type Way } from './budget.js';

/** A pipeline on one capture, as it is to run. */
export interface Asked {
  /** With the stages of the way it runs in. */
  readonly spec: PipelineSpec;
  /** Whose budget it is measured for: another one's where it stands in. */
  readonly measuredFor: string;
  readonly level: number;
  readonly degraded?: Degradation;
}

/** A pipeline that does not look at the capture, and why. */
export interface NotAsked {
  readonly spec: PipelineSpec;
  readonly outcome: 'late' | 'dropped';
  readonly reason: string;
}

export interface JobPlan {
  readonly asked: readonly Asked[];
  readonly notAsked: readonly NotAsked[];
}

export class JobPlanner {
  readonly #budgets: ReadonlyMap<string, Budget>;
  readonly #pipelines: readonly PipelineSpec[];
  readonly #pressure: () => Pressure;
  readonly #surroundings: Surroundings;

  constructor(pipelines: readonly PipelineSpec[], pressure: () => Pressure, surroundings: Surroundings) {
    this.#pipelines = pipelines;
    this.#pressure = pressure;
    this.#surroundings = surroundings;
    this.#budgets = new Map(pipelines.map((spec) => [spec.name, new Budget(spec)]));
    for (const { name, cheaper } of pipelines) if (cheaper !== undefined) this.#show(name, 0);
  }

  /** `waitedMs` counts against every budget. */
  plan(pipelines: readonly PipelineSpec[], waitedMs: number): JobPlan {
    const asked: Asked[] = [];
    const notAsked: NotAsked[] = [];
    for (const spec of [...pipelines].sort((a, b) => a.priority - b.priority)) {
      const { level, why } = this.#choose(spec, waitedMs);
      const degraded = degradationOf(spec, level, why);
      const { instead } = spec.cheaper?.[level - 1] ?? {};
      const standIn = this.#pipelines.find(({ name }) => name === instead);
      if (spec.budgetMs !== null && waitedMs >= spec.budgetMs) {
        const reason = `waited ${Math.round(waitedMs)} ms for an engine, its budget_ms is ${spec.budgetMs}; nothing was run`;
        notAsked.push({ spec, outcome: 'late', reason });
      } else if (standIn === undefined) {
        asked.push({ spec: atLevel(spec, level), measuredFor: spec.name, level, ...(degraded === undefined ? {} : { degraded }) });
      } else {
        notAsked.push({ spec, outcome: 'dropped', reason: `${standIn.name} looks at it instead: ${why}` });
        if (!asked.some((other) => other.spec === standIn)) asked.push(standingIn(standIn, spec, level, degraded));
      }
    }
    return { asked, notAsked };
  }

  answered(asked: readonly Asked[], { pipelines, decodeMs }: EngineAnswer): void {
    const nowMs = this.#surroundings.clock.monoMs();
    for (const { spec, measuredFor, level } of asked) {
      const answer = pipelines.find(({ pipeline }) => pipeline === spec.name);
      // What failed did not do its work. What was late has done enough of it to be too dear.
      if (answer === undefined || answer.state === 'failed') continue;
      const ms = answer.stages.reduce((sum, stage) => sum + spentMs(stage), decodeMs);
      this.#budgets.get(measuredFor)?.measured(level, ms, nowMs, answer.state === 'late');
    }
  }

  #choose(spec: PipelineSpec, waitedMs: number): Way {
    const budget = this.#budgets.get(spec.name);
    if (budget === undefined) return { level: 0, why: '' };
    const before = budget.way;
    const way = budget.choose(waitedMs, this.#pressure(), this.#surroundings.clock.monoMs());
    if (way.level !== before.level) this.#tell(spec, before, way);
    return way;
  }

  #tell(spec: PipelineSpec, before: Way, { level, why }: Way): void {
    this.#show(spec.name, level);
    const steps = stepsAt(spec, level);
    const fields = { pipeline: spec.name, level, of: spec.cheaper?.length ?? 0, steps };
    if (level === 0) this.#surroundings.log.info(fields, 'a pipeline runs as configured again');
    else if (level < before.level) this.#surroundings.log.info(fields, 'a pipeline runs in a better way again');
    else this.#surroundings.log.warn({ ...fields, why }, `a pipeline runs in a cheaper way: ${steps.at(-1)}`);
  }

  #show(pipeline: string, level: number): void {
    const gauge = this.#surroundings.metrics.gauge({
      name: 'shoal_pipeline_degraded_steps',
      help: 'How many of its degrade steps a pipeline runs with; 0 as configured.',
      labels: ['pipeline'],
    });
    gauge.set(level, { pipeline });
  }
}

function standingIn(standIn: PipelineSpec, { name }: PipelineSpec, level: number, degraded: Degradation | undefined): Asked {
  const because = degraded === undefined ? {} : { degraded: { ...degraded, instead_of: name } };
  return { spec: standIn, measuredFor: name, level, ...because };
}

function stepsAt({ cheaper }: PipelineSpec, level: number): readonly string[] {
  return cheaper?.[level - 1]?.steps ?? [];
}

function degradationOf(spec: PipelineSpec, level: number, why: string): Degradation | undefined {
  return level === 0 ? undefined : { steps: stepsAt(spec, level), of: spec.cheaper?.length ?? 0, why };
}
