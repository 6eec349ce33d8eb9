/**
 * CEL as conditions use it: the only place that knows the library.
 *
 * Guarantees: an expression is parsed and type-checked against its vocabulary when it is compiled, and answers yes or no; its tree, nesting
 * and lists are bounded; `matches()` does not exist (a regular expression could block the core for seconds). Integers and doubles mix.
 */
import type { ASTNode, Environment } from '@marcbachmann/cel-js';
import { ConditionError } from './condition-error.js';
import { slipOf, wordHint, zonesElsewhere } from './condition-slips.js';
import { limits } from './limits.js';
import type { Box as BoxFields, Observation } from './result.js';
import { nearest } from './suggest.js';

const boxFields = { x_min: 'double', y_min: 'double', x_max: 'double', y_max: 'double' };
const segmentFields = { start_s: 'double', end_s: 'double' };
export const observationFields = {
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

export class ObservationValue {
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
export interface Vocabulary {
  /** Name and CEL type of each variable. */
  readonly variables: Readonly<Record<string, string>>;
  /** Of a word that is no variable: what is wrong, and what to do. */
  unknown(word: string): readonly [summary: string, hint: string];
  /** Answers `in_zone`, where it may be asked. */
  readonly inZone?: (box: BoxFields, name: string) => boolean;
}

export type Parsed = ReturnType<Environment['parse']>;

export async function compile(text: string, vocabulary: Vocabulary): Promise<Parsed> {
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
    const hint = checked.type?.startsWith('list') ? 'ask how many: size() > 0' : 'compare it with something';
    throw new ConditionError(text, 0, `the condition gives ${checked.type}, need true or false`, hint);
  }
  return parsed;
}

function explain(error: unknown, text: string, vocabulary: Vocabulary): ConditionError {
  const { summary = String(error), range, code = '' } = error as { summary?: string; range?: { start: number }; code?: string };
  const offset = range?.start ?? 0;
  const word = /: ([A-Za-z_][A-Za-z0-9_]*)$/.exec(summary)?.[1] ?? '';
  if (code === 'unknown_variable') {
    const [what, hint] = vocabulary.unknown(word);
    return new ConditionError(text, offset, what, wordHint(word, text, offset) ?? hint);
  }
  if (code === 'no_such_key') {
    const near = nearest(word, fieldNames);
    const hint = near === null ? `fields: ${fieldNames.join(', ')}` : `did you mean ${near}?`;
    return new ConditionError(text, offset, `"${word}" is no field of it`, hint);
  }
  const slip = slipOf(summary, text, offset);
  return new ConditionError(text, offset, slip.summary, slip.hint);
}

const macros = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** Refuses `matches` and deep nesting of macros; answers how deep they nest. */
export function inspect(node: ASTNode, text: string, depth = 0): number {
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

/** Zones are named in the condition itself, so that a name that no input has is found when it is loaded. `zones` is null where none may be asked for. */
export function checkZones(node: ASTNode, text: string, zones: readonly string[] | null): void {
  const { op, args, start } = node as unknown as { op: string; args: unknown; start: number };
  if (op === 'call' && Array.isArray(args) && args[0] === 'in_zone') {
    if (zones === null) throw new ConditionError(text, start, zonesElsewhere.summary, zonesElsewhere.hint);
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
export function wordsIn(node: ASTNode, words = new Set<string>()): Set<string> {
  const { op, args } = node as unknown as { op: string; args: unknown };
  if (op === 'id') words.add(String(args));
  for (const child of nodesIn(args)) wordsIn(child, words);
  return words;
}
