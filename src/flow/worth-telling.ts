/**
 * The conditions of `report.when` and `report.track.where` and the hours of `report.active`, compiled once: whether what a pipeline found
 * is worth telling.
 *
 * Guarantees: answers, and never throws; what a condition could not answer is handed to `onTrouble`.
 */
import { compileHours, hoursText } from '../core/active-hours.js';
import type { CaptureHeader } from '../core/capture.js';
import { type Acceptance, type Condition, compileAcceptance, compileCondition } from '../core/condition.js';
import { decide } from '../core/decision.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec } from '../core/pipeline.js';
import { roundedBox } from '../core/rectangle.js';
import type { Decision, Observation } from '../core/result.js';
import type { Thing } from '../core/track.js';
import type { Zones } from '../core/zone.js';

type Found = Readonly<Record<string, readonly Observation[]>>;

export interface Worth {
  /** What `report.when` says; true where there is none. */
  readonly holds: boolean;
  /** False outside `report.active`: then nothing holds. */
  readonly awake: boolean;
  /** Why it is not worth telling; null where it is. */
  readonly reason: string | null;
  /** What `report.when` came to, where it was asked. */
  readonly decision?: Decision;
}

export interface WorthTelling {
  ask(pipeline: PipelineSpec, found: Found, header: Pick<CaptureHeader, 'input' | 'capturedAt' | 'clockSynced'>): Worth;
  /** The things a pipeline follows on a capture, at most `limits.observationsMax`; what has no box is none. */
  things(pipeline: PipelineSpec, found: Found, header: Pick<CaptureHeader, 'input'>): readonly Thing[];
}

export type OnTrouble = (pipeline: string, key: 'report.when' | 'report.track', message: string) => void;

/** `zones` by input. Throws a ConditionError for a condition that does not fit its pipeline's stages or inputs. */
export async function compileWorthTelling(
  pipelines: readonly PipelineSpec[],
  onTrouble: OnTrouble,
  zones: Readonly<Record<string, Zones>> = {},
): Promise<WorthTelling> {
  const conditions = new Map<string, Condition>();
  const acceptances = new Map<string, Acceptance>();
  const hours = new Map<string, (wallMs: number) => boolean>();
  for (const { name, from, stages, report } of pipelines) {
    if (report.active !== undefined) hours.set(name, compileHours(report.active));
    const variables = Object.fromEntries(stages.map(({ as }) => [as, 'list'] as const));
    const known = from.flatMap((input) => Object.keys(zones[input] ?? {}));
    if (report.when !== undefined) conditions.set(name, await compileCondition(report.when, variables, { zones: known }));
    if (report.track?.where !== undefined) acceptances.set(name, await compileAcceptance(report.track.where, known));
  }
  const ask: WorthTelling['ask'] = ({ name, report }, found, { input, capturedAt, clockSynced }) => {
    // A clock that may be wrong must not keep an alarm silent: the body says that it may be.
    const awake = !clockSynced || (hours.get(name)?.(Date.parse(capturedAt)) ?? true);
    if (!awake && report.active !== undefined) {
      return { holds: false, awake, reason: `it is outside report.active: ${hoursText(report.active)}` };
    }
    const condition = conditions.get(name);
    if (condition === undefined) return { holds: true, awake, reason: null };
    const decision = decide(condition, found, zones[input]);
    const { holds, trouble } = decision;
    if (trouble !== undefined) onTrouble(name, 'report.when', trouble);
    return { holds, awake, reason: holds ? null : `report.when is false: ${report.when}`, decision };
  };
  const things: WorthTelling['things'] = ({ name, report: { track } }, found, { input }) => {
    const all = (track === undefined ? undefined : found[track.boxes]) ?? [];
    return all.slice(0, limits.observationsMax).flatMap((observation): Thing[] => {
      const { box, label = null, score } = observation;
      if (box === undefined) {
        onTrouble(name, 'report.track', `what ${track?.boxes} finds has no box to follow`);
        return [];
      }
      // A field that it lacks is no trouble here: things of several kinds may be told apart by what they have.
      const accepted = acceptances.get(name)?.evaluate(observation, zones[input]).holds ?? true;
      return [{ box: roundedBox(box), label, score, accepted }];
    });
  };
  return { ask, things };
}
