/**
 * Conditions: CEL over the observations of a pipeline's stages, or over the fields of one observation, behind one door.
 *
 * Guarantees: a condition is type-checked when it is compiled and answers yes or no; its text, tree, nesting and lists are bounded;
 * `matches()` does not exist (a regular expression could block the core for seconds). Evaluating never throws: what a condition
 * cannot answer (an observation without the field it asks for, an index beyond the end) is `false`, and the verdict says why.
 * A stage that did not run has no observations.
 * `in_zone(box, 'door')` asks where the capture's input has its zones. Deliberately knows only observations and zones: no time, no state.
 */
import type { ASTNode, Environment } from '@marcbachmann/cel-js';
import { ShoalError } from './errors.js';
import { limits } from './limits.js';
import type { Box as BoxFields, Observation } from './result.js';
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
  evaluate(observation: Observation): Verdict;
}

/** A condition that cannot be used; `line` and `column` count from 1 within its text. */
export class ConditionError extends ShoalError {
  readonly summary: string;
  readonly hint: string | null;
  readonly line: number;
  readonly column: number;

  constructor(text: string, offset: number, summary: string, hint: string | null = null) {
    const before = text.slice(0, offset).split('\n');
    const line = before.length;
    const column = (before.at(-1)?.length ?? 0) + 1;
    super('CONFIG_INVALID', `${summary} at line ${line}, column ${column}${hint === null ? '' : `; ${hint}`}`);
    this.name = 'ConditionError';
    this.summary = summary;
    this.hint = hint;
    this.line = line;
    this.column = column;
  }
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

const boxFields = { x_min: 'double', y_min: 'double', x_max: 'double', y_max: 'double' };
const segmentFields = { start_s: 'double', end_s: 'double' };
const observationFields = {
  score: 'double',
  label: 'string',
  group: 'string',
  text: 'string',
  of: 'double',
  box: 'Box',
  segment: 'Segment',
  values: 'map<string, double>',
};
const fieldNames = [...new Set([observationFields, boxFields, segmentFields].flatMap((fields) => Object.keys(fields)))];

class Box {
  constructor(fields: object) {
    Object.assign(this, fields);
  }
}

class Segment {
  constructor(fields: object) {
    Object.assign(this, fields);
  }
}

class ObservationValue {
  constructor(observation: Observation) {
    const { score, label, group, text, of, box, segment, values } = observation;
    Object.assign(
      this,
      { score },
      label !== undefined && { label },
      group !== undefined && { group },
      text !== undefined && { text },
      of !== undefined && { of },
    );
    if (values) Object.assign(this, { values });
    if (box) Object.assign(this, { box: new Box(box) });
    if (segment) Object.assign(this, { segment: new Segment(segment) });
  }
}

/** What a condition may speak of, and how it is told that it speaks of something else. */
interface Vocabulary {
  /** Name and CEL type of each variable. */
  readonly variables: Readonly<Record<string, string>>;
  /** Of a word that is no variable: what is wrong, and what to do. */
  unknown(word: string): readonly [summary: string, hint: string];
  /** Answers `in_zone`, where it may be asked. */
  readonly inZone?: (box: BoxFields, name: string) => boolean;
}

/**
 * Compiles a condition over the named stages; each name is a list of observations with `score`, `label`, `group`, `text`,
 * `of`, `box.{x_min,y_min,x_max,y_max}`, `segment.{start_s,end_s}` and `values.<name>`. `later` are stages that have not run when
 * it is asked: they are refused by name. `zones` are the names that `in_zone` may be asked for. Rejects with a ConditionError.
 */
export async function compileCondition(
  text: string,
  variables: Readonly<Record<string, 'list'>>,
  { later = [], zones = [] }: { readonly later?: readonly string[]; readonly zones?: readonly string[] } = {},
): Promise<Condition> {
  const names = Object.keys(variables);
  let here: Zones = {};
  const parsed = await compile(text, {
    variables: Object.fromEntries(names.map((name) => [name, 'list<Observation>'])),
    unknown: (word) => unknownStage(word, names, later),
    inZone: (box, name) => {
      const zone = Object.hasOwn(here, name) ? here[name] : undefined;
      return zone !== undefined && standsIn(zone, box);
    },
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
 * Of a field the observation lacks it is false. Rejects with a ConditionError.
 */
export async function compileAcceptance(text: string): Promise<Acceptance> {
  const fields = Object.keys(observationFields);
  const parsed = await compile(text, { variables: observationFields, unknown: (word) => unknownField(word, fields) });
  // It is asked for each of as many observations as a stage may find.
  if (inspect(parsed.ast, text) > 1) throw new ConditionError(text, 0, 'macros may not be nested in a condition over one observation');
  const words = wordsIn(parsed.ast);
  return {
    text,
    looks: fields.some((field) => words.has(field)),
    evaluate: (observation) => answer(parsed, { ...new ObservationValue(observation) }, null),
  };
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

type Parsed = ReturnType<Environment['parse']>;

async function compile(text: string, vocabulary: Vocabulary): Promise<Parsed> {
  if (text.length > limits.conditionCharsMax) {
    throw new ConditionError(text, 0, `the condition is ${text.length} characters long, at most ${limits.conditionCharsMax} are read`);
  }
  return parse(await makeEnvironment(vocabulary), text, vocabulary);
}

async function makeEnvironment({ variables, inZone }: Vocabulary): Promise<Environment> {
  const { Environment } = await import('@marcbachmann/cel-js');
  const environment = new Environment({
    limits: {
      maxAstNodes: limits.conditionNodesMax,
      maxDepth: limits.conditionDepthMax,
      maxListElements: 64,
      maxMapEntries: 16,
      maxCallArguments: 8,
    },
  });
  environment.registerType('Box', { ctor: Box, fields: boxFields });
  environment.registerType('Segment', { ctor: Segment, fields: segmentFields });
  environment.registerType('Observation', { ctor: ObservationValue, fields: observationFields });
  const arithmetic: Record<string, (a: number, b: number) => number> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
    '%': (a, b) => a % b,
  };
  for (const [operator, apply] of Object.entries(arithmetic)) {
    const mixed = (a: bigint | number, b: bigint | number) => apply(Number(a), Number(b));
    environment.registerOperator(`int ${operator} double: double`, mixed);
    environment.registerOperator(`double ${operator} int: double`, mixed);
  }
  environment.registerOperator('int == double: bool', (a: bigint, b: number) => Number(a) === b);
  if (inZone !== undefined) environment.registerFunction('in_zone(Box, string): bool', inZone);
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type);
  return environment;
}

function parse(environment: Environment, text: string, vocabulary: Vocabulary): Parsed {
  let parsed: Parsed;
  try {
    parsed = environment.parse(text);
  } catch (error) {
    throw explain(error, text, vocabulary);
  }
  const checked = parsed.check();
  if (!checked.valid) throw explain(checked.error, text, vocabulary);
  if (checked.type !== 'bool') {
    throw new ConditionError(text, 0, `the condition gives ${checked.type}, need true or false`, 'compare it with something');
  }
  return parsed;
}

function explain(error: unknown, text: string, vocabulary: Vocabulary): ConditionError {
  const { summary = String(error), range, code = '' } = error as { summary?: string; range?: { start: number }; code?: string };
  const offset = range?.start ?? 0;
  const word = /: ([A-Za-z_][A-Za-z0-9_]*)$/.exec(summary)?.[1] ?? '';
  if (code === 'unknown_variable') {
    return new ConditionError(text, offset, ...vocabulary.unknown(word));
  }
  if (code === 'no_such_key') {
    const near = nearest(word, fieldNames);
    const hint = near === null ? `fields: ${fieldNames.join(', ')}` : `did you mean ${near}?`;
    return new ConditionError(text, offset, `"${word}" is no field of it`, hint);
  }
  if (summary.endsWith('Unexpected token: EOF')) return new ConditionError(text, offset, 'the condition ends too early');
  return new ConditionError(text, offset, summary.slice(0, 200));
}

const macros = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** Refuses `matches` and deep nesting of macros; answers how deep they nest. */
function inspect(node: ASTNode, text: string, depth = 0): number {
  const { op, args, start } = node as unknown as { op: string; args: unknown; start: number };
  let inside = depth;
  if ((op === 'rcall' || op === 'call') && Array.isArray(args)) {
    const offset = Number.isInteger(start) ? start : 0;
    if (args[0] === 'matches') {
      throw new ConditionError(text, offset, 'matches() is not available', 'use ==, contains(), startsWith() or endsWith()');
    }
    if (macros.has(String(args[0]))) inside++;
    if (inside > limits.conditionLoopsMax) {
      throw new ConditionError(text, offset, `${args[0]}() is nested more than ${limits.conditionLoopsMax} deep`);
    }
  }
  let deepest = inside;
  for (const child of nodesIn(args)) deepest = Math.max(deepest, inspect(child, text, inside));
  return deepest;
}

/** Zones are named in the condition itself, so that a name that no input has is found when it is loaded. */
function checkZones(node: ASTNode, text: string, zones: readonly string[]): void {
  const { op, args, start } = node as unknown as { op: string; args: unknown; start: number };
  if (op === 'call' && Array.isArray(args) && args[0] === 'in_zone') {
    const [, zone] = nodesIn(args[1]) as unknown as { op: string; args: unknown; start: number }[];
    const offset = zone?.start ?? start;
    if (zone?.op !== 'value')
      throw new ConditionError(text, offset, 'in_zone() needs the name of a zone', "write it out: in_zone(p.box, 'door')");
    const name = String(zone.args);
    if (!zones.includes(name)) {
      const near = nearest(name, zones);
      const hint = near !== null ? `did you mean ${near}?` : zones.length > 0 ? `zones: ${zones.slice(0, 8).join(', ')}` : 'give it zones';
      throw new ConditionError(text, offset, `"${name.slice(0, 64)}" is no zone of the inputs`, hint);
    }
  }
  for (const child of nodesIn(args)) checkZones(child, text, zones);
}

function nodesIn(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(nodesIn);
  return typeof args === 'object' && args !== null && 'op' in args ? [args as ASTNode] : [];
}

/** Every identifier, those that macros bind included. */
function wordsIn(node: ASTNode, words = new Set<string>()): Set<string> {
  const { op, args } = node as unknown as { op: string; args: unknown };
  if (op === 'id') words.add(String(args));
  for (const child of nodesIn(args)) wordsIn(child, words);
  return words;
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
