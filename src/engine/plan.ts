/**
 * A pipeline's conditions as the engine asks them: compiled once in a process, before the first capture.
 *
 * The configuration has checked them, so one that cannot be compiled here is a defect, and fails its pipeline only.
 */
import { type Acceptance, type Condition, compileAcceptance, compileCondition } from '../core/condition.js';
import type { PipelineSpec, StageSpec } from '../core/pipeline.js';

export interface PlannedStage {
  readonly spec: StageSpec;
  readonly when: Condition | null;
  readonly accept: Acceptance | null;
  readonly stop: Condition | null;
}

export interface Plan {
  readonly stages: readonly PlannedStage[];
  readonly abstain: Condition | null;
}

const plans = new WeakMap<PipelineSpec, Promise<Plan>>();

/** Rejects with a ConditionError; asked again for the same pipeline, it gives the same answer. */
export function planOf(pipeline: PipelineSpec): Promise<Plan> {
  const plan = plans.get(pipeline) ?? compilePlan(pipeline);
  plans.set(pipeline, plan);
  return plan;
}

async function compilePlan({ stages, abstain }: PipelineSpec): Promise<Plan> {
  const names = stages.map(({ as }) => as);
  const over = async (text: string | undefined, count: number): Promise<Condition | null> => {
    const variables = Object.fromEntries(names.slice(0, count).map((name) => [name, 'list'] as const));
    return text === undefined ? null : compileCondition(text, variables, { later: names.slice(count) });
  };
  const planned = stages.map(async (spec, i) => ({
    spec,
    when: await over(spec.when, i),
    accept: spec.accept === undefined ? null : await compileAcceptance(spec.accept),
    stop: await over(spec.stop?.when, i + 1),
  }));
  return { stages: await Promise.all(planned), abstain: await over(abstain, names.length) };
}
