/**
 * Conditions: CEL over the observations of a pipeline's stages, or over the fields of one observation, behind one door.
 *
 * Guarantees: a condition is checked when it is compiled, and its text and lists are bounded (cel.ts). Evaluating never throws: what a
 * condition cannot answer (an observation without the field it asks for, an index beyond the end) is `false`, and the verdict says why.
 * A stage that did not run has no observations.
 * `in_zone(box, 'door')` asks where the capture's input has its zones. Deliberately knows only observations and zones: no time, no state.
 */
import { checkZones, compile, inspect, ObservationValue, observationFields, type Parsed, wordsIn } from './cel.js';
import { ConditionError } from './condition-error.js';
import { limits } from './limits.js';
import type { Box, Observation } from './result.js';
import { nearest } from './suggest.js';
import { standsIn, type Zones } from './zone.js';

export interface Verdict {
  readonly holds: boolean;
  /** Why the condition could not be answered in full; null when it could. `missing`: a field or index that is not there. `cut`: more observations than a nested condition looks at. */
  readonly trouble: { readonly kind: 'missing' | 'failed' | 'cut'; readonly message: string } | null;
}

export interface Condition {
  readonly text: string;
  /** The stages it speaks of, in the order of the pipeline; none where it is always the same. */
  readonly stages: readonly string[];
  /** `zones` are those of the capture's input; in one that it does not have nothing stands. */
  evaluate(observations: Readonly<Record<string, readonly Observation[]>>, zones?: Zones): Verdict;
}

/** A condition over the fields of one observation. */
export interface Acceptance {
  readonly text: string;
  /** Whether it speaks of any field: where not, it is always the same. */
  readonly looks: boolean;
  /** `zones` as for a Condition. */
  evaluate(observation: Observation, zones?: Zones): Verdict;
}

/** What a stage may be called, so that a condition can speak of it. */
export const variablePattern = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

const reservedWords = new Set(
  (
    'as break const continue else false for function if import in let loop namespace null package return true var void while ' +
    'int uint double string bool bytes list map type dyn timestamp duration null_type optional cel google math has size'
  ).split(' '),
);

export function isReservedVariable(name: string): boolean {
  return reservedWords.has(name);
}

/**
 * Compiles a condition over the named stages; each name is a list of observations with `score`, `label`, `group`, `text`,
 * `of`, `box.{x_min,y_min,x_max,y_max}`, `segment.{start_s,end_s}` and `values.<name>`. `later` are stages that have not run when
 * it is asked: they are refused by name. `zones` are the names that `in_zone` may be asked for; null where it may not be asked. Rejects with
 * a ConditionError.
 */
export async function compileCondition(
  text: string,
  variables: Readonly<Record<string, 'list'>>,
  { later = [], zones = null }: { readonly later?: readonly string[]; readonly zones?: readonly string[] | null } = {},
): Promise<Condition> {
  const names = Object.keys(variables);
  let here: Zones = {};
  const parsed = await compile(text, {
    variables: Object.fromEntries(names.map((name) => [name, 'list<Observation>'])),
    unknown: (word) => unknownStage(word, names, later),
    inZone: (box, name) => isIn(here, name, box),
  });
  const loops = inspect(parsed.ast, text);
  checkZones(parsed.ast, text, zones);
  const itemsMax = loops > 1 ? limits.conditionNestedItemsMax : limits.observationsMax;
  const words = wordsIn(parsed.ast);
  const stages = names.filter((name) => words.has(name));
  const answered: Condition['evaluate'] = (observations, at = {}) => {
    here = at;
    return evaluate(parsed, stages, observations, itemsMax);
  };
  return { text, stages, evaluate: answered };
}

/**
 * Compiles a condition over one observation: its fields are the variables, `score >= 0.8`, `label == 'cat'`, `values.yaw_deg < 30.0`.
 * Of a field the observation lacks it is false. `zones` are the names that `in_zone(box, 'door')` may be asked for; without, it is no
 * function here. Rejects with a ConditionError.
 */
export async function compileAcceptance(text: string, zones?: readonly string[]): Promise<Acceptance> {
  const fields = Object.keys(observationFields);
  let here: Zones = {};
  const inZone = zones === undefined ? {} : { inZone: (box: Box, name: string) => isIn(here, name, box) };
  const parsed = await compile(text, { variables: observationFields, unknown: (word) => unknownField(word, fields), ...inZone });
  if (zones !== undefined) checkZones(parsed.ast, text, zones);
  // It is asked for each of as many observations as a stage may find.
  if (inspect(parsed.ast, text) > 1) throw new ConditionError(text, 0, 'macros may not be nested in a condition over one observation');
  const words = wordsIn(parsed.ast);
  return {
    text,
    looks: fields.some((field) => words.has(field)),
    evaluate: (observation, at = {}) => {
      here = at;
      return answer(parsed, { ...new ObservationValue(observation) }, null);
    },
  };
}

/** In an input that does not have the zone nothing stands in it. */
function isIn(zones: Zones, name: string, box: Box): boolean {
  const zone = Object.hasOwn(zones, name) ? zones[name] : undefined;
  return zone !== undefined && standsIn(zone, box);
}

function unknownStage(word: string, names: readonly string[], later: readonly string[]): [string, string] {
  if (later.includes(word)) return [`"${word}" has not run yet at this condition`, `stages before it: ${names.join(', ') || 'none'}`];
  const near = nearest(word, names);
  const hint = near === null ? `stages: ${names.join(', ') || 'none'}` : `did you mean ${near}?`;
  return [`"${word}" is no stage before this condition`, hint];
}

function unknownField(word: string, fields: readonly string[]): [string, string] {
  const near = nearest(word, fields);
  return [`"${word}" is no field of an observation`, near === null ? `fields: ${fields.join(', ')}` : `did you mean ${near}?`];
}

function evaluate(
  parsed: Parsed,
  names: readonly string[],
  observations: Readonly<Record<string, readonly Observation[]>>,
  itemsMax: number,
): Verdict {
  const context: Record<string, ObservationValue[]> = {};
  let trouble: Verdict['trouble'] = null;
  for (const name of names) {
    const found = (Object.hasOwn(observations, name) ? observations[name] : undefined) ?? [];
    if (found.length > itemsMax) {
      trouble = { kind: 'cut', message: `${name} has ${found.length} observations; the condition looked at the first ${itemsMax}` };
    }
    context[name] = found.slice(0, itemsMax).map((observation) => new ObservationValue(observation));
  }
  return answer(parsed, context, trouble);
}

function answer(parsed: Parsed, context: Record<string, unknown>, trouble: Verdict['trouble']): Verdict {
  try {
    return { holds: parsed(context) === true, trouble };
  } catch (error) {
    const { summary = String(error), code = '' } = error as { summary?: string; code?: string };
    // A variable that was declared and has no value: a field that this observation does not have.
    const kind = ['no_such_key', 'index_out_of_bounds', 'unknown_variable'].includes(code) ? 'missing' : 'failed';
    return { holds: false, trouble: { kind, message: summary.slice(0, 200).replace(/^Unknown variable/, 'No such field') } };
  }
}
