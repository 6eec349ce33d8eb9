/**
 * The conditions of `report.when`, compiled once: whether what a pipeline found is worth telling.
 *
 * Guarantees: answers yes or no and never throws; what a condition could not answer is handed to `onTrouble`.
 */
import { type Condition, compileCondition } from '../core/condition.js';
import type { PipelineSpec } from '../core/pipeline.js';
import type { WorthTelling } from './report.js';

/** Throws a ConditionError for a condition that does not fit its pipeline's stages. */
export async function compileWorthTelling(
  pipelines: readonly PipelineSpec[],
  onTrouble: (pipeline: string, message: string) => void,
): Promise<WorthTelling> {
  const conditions = new Map<string, Condition>();
  for (const { name, stages, report } of pipelines) {
    const variables = Object.fromEntries(stages.map(({ as }) => [as, 'list'] as const));
    if (report.when !== undefined) conditions.set(name, await compileCondition(report.when, variables));
  }
  return ({ name }, observations) => {
    const verdict = conditions.get(name)?.evaluate(observations);
    if (verdict?.trouble) onTrouble(name, verdict.trouble.message);
    return verdict?.holds ?? true;
  };
}
