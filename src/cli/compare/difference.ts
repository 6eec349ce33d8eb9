/**
 * What two runs of a pipeline on one capture have in common. Pure.
 *
 * Two findings are the same when each stage found as many things, with the same labels and texts. Scores and places are not compared: another
 * variant moves every one of them a little.
 */
import type { Observation, Outcome, StageTrace } from '../../core/result.js';

/** What a pipeline made of a capture. `holds`: of one told as events, that it would count towards an event. */
export interface Look {
  readonly outcome: Outcome | 'holds';
  readonly reason: string | null;
  readonly observations: Readonly<Record<string, readonly Observation[]>>;
  readonly stages: readonly StageTrace[];
}

export interface StageDifference {
  readonly stage: string;
  /** How many things, before and after. */
  readonly found: readonly [number, number];
  /** Labels and texts of the one that the other does not have, each as often as it is missing. */
  readonly gone: readonly string[];
  readonly came: readonly string[];
}

export interface Difference {
  /** Before and after; absent where it is the same. */
  readonly outcome?: readonly [Look['outcome'], Look['outcome']];
  /** Why it is so after; of a change of the outcome. */
  readonly reason?: string;
  readonly stages: readonly StageDifference[];
}

/** Null where nothing changed. */
export function differenceOf(before: Look, after: Look): Difference | null {
  const names = new Set([...Object.keys(before.observations), ...Object.keys(after.observations)]);
  const stages = [...names].flatMap(
    (stage) => stageDifference(stage, before.observations[stage] ?? [], after.observations[stage] ?? []) ?? [],
  );
  if (before.outcome === after.outcome) return stages.length === 0 ? null : { stages };
  return { outcome: [before.outcome, after.outcome], ...(after.reason === null ? {} : { reason: after.reason }), stages };
}

function stageDifference(stage: string, before: readonly Observation[], after: readonly Observation[]): StageDifference | null {
  const gone = missing(before, after);
  const came = missing(after, before);
  if (before.length === after.length && gone.length === 0 && came.length === 0) return null;
  return { stage, found: [before.length, after.length], gone, came };
}

/** The words of the first that the second does not have. */
function missing(first: readonly Observation[], second: readonly Observation[]): string[] {
  const left = second.flatMap(wordsOf);
  return first.flatMap(wordsOf).filter((words) => {
    const at = left.indexOf(words);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function wordsOf({ text, label }: Observation): string[] {
  const words = [...(label === undefined ? [] : [label]), ...(text === undefined ? [] : [JSON.stringify(text)])];
  return words.length === 0 ? [] : [words.join(' ')];
}
