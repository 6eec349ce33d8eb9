/**
 * What a stage's `accept` comes to on a capture, with the values that decided it, small enough for a trace. Pure.
 */
import type { Acceptance } from '../core/condition.js';
import { clip, shown } from '../core/decision.js';
import type { AcceptDecision, Observation } from '../core/result.js';

export interface Judgement {
  readonly decision: AcceptDecision;
  /** Indices of the things looked at that are not accepted, ascending; for a stage over the whole capture, of its observations. */
  readonly refused: readonly number[];
}

/**
 * Judges what a stage found. `items` is how many things it looked at one by one: a thing is accepted if it has an answer and all its
 * answers are accepted. Null for a stage over the whole capture: each observation is judged, and to have found nothing is accepted.
 */
export function judge(acceptance: Acceptance, found: readonly Observation[], items: number | null): Judgement {
  const silent = items === null ? [] : unanswered(found, items);
  const refused = new Set(silent);
  let worst: Observation | null = null;
  let trouble: string | null = null;
  for (const [index, observation] of found.entries()) {
    const verdict = acceptance.evaluate(observation);
    if (verdict.holds) continue;
    trouble ??= verdict.trouble?.message ?? null;
    if (worst === null || observation.score < worst.score) worst = observation;
    refused.add(items === null ? index : (observation.of ?? 0));
  }
  const of = items ?? found.length;
  const decision = {
    text: clip(acceptance.text),
    of,
    accepted: of - refused.size,
    ...(silent.length === 0 ? {} : { unanswered: silent.length }),
    ...(trouble === null ? {} : { trouble: clip(trouble) }),
    ...(worst === null ? {} : { worst: shown(worst, acceptance.text) }),
  };
  return { decision, refused: [...refused].sort((a, b) => a - b) };
}

/** Puts the answers about the things looked at again in the place of those about them before; in the order of the things. */
export function replaced(before: readonly Observation[], refused: readonly number[], again: readonly Observation[]): Observation[] {
  const gone = new Set(refused);
  const kept = before.filter(({ of }) => of === undefined || !gone.has(of));
  const better = again.map((observation) => ({ ...observation, of: refused[observation.of ?? 0] ?? 0 }));
  return [...kept, ...better].sort((a, b) => (a.of ?? 0) - (b.of ?? 0));
}

function unanswered(found: readonly Observation[], items: number): number[] {
  const answered = new Set(found.map(({ of }) => of));
  return Array.from({ length: items }, (_, index) => index).filter((index) => !answered.has(index));
}
