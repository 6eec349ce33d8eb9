/**
 * The conditions of `report.when` and the hours of `report.active`, compiled once: whether what a pipeline found is worth telling.
 *
 * Guarantees: answers, and never throws; what a condition could not answer is handed to `onTrouble`.
 */
import { compileHours, hoursText } from '../core/active-hours.js';
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
  const hours = new Map<string, (wallMs: number) => boolean>();
  for (const { name, from, stages, report } of pipelines) {
    if (report.active !== undefined) hours.set(name, compileHours(report.active));
    const variables = Object.fromEntries(stages.map(({ as }) => [as, 'list'] as const));
    const known = from.flatMap((input) => Object.keys(zones[input] ?? {}));
    if (report.when !== undefined) conditions.set(name, await compileCondition(report.when, variables, { zones: known }));
  }
  return ({ name, report }, observations, { input, capturedAt, clockSynced }) => {
    // A clock that may be wrong must not keep an alarm silent: the body says that it may be.
    const awake = !clockSynced || (hours.get(name)?.(Date.parse(capturedAt)) ?? true);
    if (!awake && report.active !== undefined) return `it is outside report.active: ${hoursText(report.active)}`;
    const verdict = conditions.get(name)?.evaluate(observations, zones[input]);
    if (verdict?.trouble) onTrouble(name, verdict.trouble.message);
    return (verdict?.holds ?? true) ? null : `report.when is false: ${report.when}`;
  };
}
