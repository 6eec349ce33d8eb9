/**
 * The cheaper ways of a pipeline: its `degrade` steps, each on top of those before, with the models and variants that they run.
 *
 * Guarantees: a step that cannot be resolved is a problem with its path. Whether a way is cheaper in fact is not asked: the board measures it.
 */
import type { CheaperWay, DegradeConfig, StageConfig, StageSpec } from '../core/pipeline.js';

/** A stage's spec and what it runs; null, with the problem noted, where it cannot run. */
export type StageResolver<Run> = (stage: StageConfig, at: string) => { readonly spec: StageSpec; readonly runs: readonly Run[] } | null;

export interface ResolvedWays<Run> {
  readonly cheaper: readonly CheaperWay[];
  readonly runs: readonly Run[];
}

/** `configs` and `specs` are the stages as configured and as they resolved, in one order; `at` is the path of `degrade`. */
export function resolveDegrade<Run>(
  steps: readonly DegradeConfig[],
  configs: readonly StageConfig[],
  specs: readonly StageSpec[],
  at: string,
  resolve: StageResolver<Run>,
): ResolvedWays<Run> {
  const cheaper: CheaperWay[] = [];
  const runs: Run[] = [];
  const texts: string[] = [];
  let stages = [...configs];
  let present = [...specs];
  for (const [i, step] of steps.entries()) {
    const changed = stages.findIndex(({ as }) => as === (step.stage ?? step.skip));
    const before = stages[changed];
    const spec = present[changed];
    if (step.pipeline !== undefined) {
      texts.push(`${step.pipeline} instead`);
      cheaper.push({ steps: [...texts], stages: [], instead: step.pipeline });
    } else if (before !== undefined && spec !== undefined) {
      const after = changedStage(before, spec, step);
      const resolved = step.skip === undefined ? resolve(after, `${at}[${i}]`) : { spec: { ...spec, leftOut: true as const }, runs: [] };
      if (resolved === null) return { cheaper: [], runs: [] };
      stages = stages.with(changed, after);
      present = present.with(changed, resolved.spec);
      runs.push(...resolved.runs);
      texts.push(stepText(before, step));
      cheaper.push({ steps: [...texts], stages: present });
    }
  }
  return { cheaper, runs };
}

/** With another variant alone it stays the model that the stage runs. */
function changedStage(before: StageConfig, { model }: StageSpec, step: DegradeConfig): StageConfig {
  const { accept: _, escalate: __, ...unaided } = before;
  const base = step.escalate === 'off' ? unaided : before;
  const choice = step.model === undefined && step.variant === undefined ? {} : { model: step.model ?? model, variant: step.variant };
  return { ...base, ...choice, options: step.options ?? before.options };
}

function stepText(before: StageConfig, { skip, model, variant, escalate, options = {} }: DegradeConfig): string {
  if (skip !== undefined) return `${skip} left out`;
  const changed = Object.entries(options).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before.options[key]));
  const parts = [
    ...(model === undefined ? [] : [`model ${model}`]),
    ...(variant === undefined ? [] : [`variant ${variant}`]),
    ...(escalate === undefined ? [] : ['no second look']),
    ...changed.map(([key, value]) => `${key} ${JSON.stringify(value)}`),
  ];
  return `${before.as}: ${parts.join(', ')}`;
}
