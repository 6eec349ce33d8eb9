/**
 * What conditions come to on a capture, with the values that decided it, small enough for a trace. Pure.
 */
import type { Condition } from './condition.js';
import { limits } from './limits.js';
import type { Decision, Observation, Witness } from './result.js';
import type { Zones } from './zone.js';

type Found = Readonly<Record<string, readonly Observation[]>>;

/** `zones` are those of the capture's input. */
export function decide(condition: Condition, found: Found, zones?: Zones): Decision {
  const { holds, trouble } = condition.evaluate(found, zones);
  const saw = condition.stages.slice(0, limits.traceWitnessesMax).map((stage) => witness(stage, found[stage] ?? [], condition.text));
  return { text: clip(condition.text), holds, ...(trouble === null ? {} : { trouble: clip(trouble.message) }), saw };
}

function witness(stage: string, list: readonly Observation[], text: string): Witness {
  const [first, ...others] = list;
  if (first === undefined) return { stage, found: 0 };
  const best = others.reduce((highest, other) => (other.score > highest.score ? other : highest), first);
  return { stage, found: list.length, best: shown(best, text) };
}

/** Of an observation, what tells it to a person and what the condition speaks of. */
export function shown({ score, label, text, values }: Observation, condition: string): NonNullable<Witness['best']> {
  const spoken = Object.entries(values ?? {})
    .filter(([name]) => condition.includes(name))
    .slice(0, limits.traceValuesMax);
  return {
    score,
    ...(label === undefined ? {} : { label: clip(label, limits.traceFoundCharsMax) }),
    ...(text === undefined ? {} : { text: clip(text, limits.traceFoundCharsMax) }),
    ...(spoken.length === 0 ? {} : { values: Object.fromEntries(spoken) }),
  };
}

export function clip(text: string, most: number = limits.traceTextCharsMax): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
