/**
 * The conditions of `report.when`, compiled once: whether what a pipeline found is worth telling.
 *
 * Guarantees: answers yes or no and never throws; what a condition could not answer is handed to `onTrouble`.
 */
import { type Condition, compileCondition } from '../core/condition.js';
import type { PipelineSpec } from '../core/pipeline.js';
import type { Zones } from '../core/zone.js';
import type { WorthTelling } from './report.js';

/** `zones` by input. Throws a ConditionError for a condition that does not fit its pipeline's stages or inputs. */
export async function compileWorthTelling(
  pipelines: readonly PipelineSpec[],
  onTrouble: (pipeline: string, message: string) => void,
  zones: Readonly<Record<string, Zones>> = {},
): Promise<WorthTelling> {
  const conditions = new Map<string, Condition>();
  for (const { name, from, stages, report } of pipelines) {
    const variables = Object.fromEntries(stages.map(({ as }) => [as, 'list'] as const));
    const known = from.flatMap((input) => Object.keys(zones[input] ?? {}));
    if (report.when !== undefined) conditions.set(name, await compileCondition(report.when, variables, known));
  }
  return ({ name }, observations, { input }) => {
    const verdict = conditions.get(name)?.evaluate(observations, zones[input]);
    if (verdict?.trouble) onTrouble(name, verdict.trouble.message);
    return verdict?.holds ?? true;
  };
}
