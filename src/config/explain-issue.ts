/**
 * Turns what zod found into problems a person can act on: what was found, what is expected (unit, range), what was probably meant.
 *
 * Expectations come from the JSON Schema at the same place. A value at a place that holds a secret is never repeated.
 */
import type { z } from 'zod';
import { variablePattern } from '../core/condition.js';
import { idPattern } from '../core/id.js';
import { nearest } from '../core/suggest.js';
import { type JsonSchema, schemaAt } from './json-schema.js';
import { type PathSegment, printable } from './problem.js';

export interface Explained {
  readonly path: readonly PathSegment[];
  /** The problem is the key, not the value. */
  readonly atKey: boolean;
  readonly message: string;
  readonly hint: string | null;
}

type Issue = z.core.$ZodIssue;

/** `value` is what the schema was given, `schema` its JSON Schema; paths in the answer start at `base`. */
export function explainIssue(issue: Issue, value: unknown, schema: JsonSchema, base: readonly PathSegment[]): Explained[] {
  const inner = issue.path.map((segment) => (typeof segment === 'symbol' ? String(segment) : segment));
  const path = [...base, ...inner];
  const at = schemaAt(schema, inner, value);
  const found = valueAt(value, inner);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, path, at));
  if (issue.code === 'custom') return [{ path, atKey: false, message: printable(issue.message, 160), hint: null }];
  if (holdsSecret(schema, inner, value)) return [{ path, atKey: false, message: secretMessage(found), hint: secretHint }];
  if (issue.code === 'invalid_key') {
    return [{ path, atKey: true, message: `"${printable(String(inner.at(-1)))}" is no valid key here`, hint: null }];
  }
  if (issue.code === 'invalid_union') {
    const branch = bestBranch(issue.errors);
    if (branch) return branch.flatMap((deeper) => explainIssue({ ...deeper, path: [...issue.path, ...deeper.path] }, value, schema, base));
  }
  return [mismatch(found, at, path, issue.message)];
}

const secretHint = 'write { credential: NAME } or { file: /PATH }';

function secretMessage(found: unknown): string {
  return typeof found === 'object' && found !== null
    ? 'a secret is a reference to a credential or a file'
    : 'a secret may not stand in the configuration itself';
}

function holdsSecret(schema: JsonSchema, path: readonly PathSegment[], value: unknown): boolean {
  for (let length = path.length; length >= 0; length--) {
    if (schemaAt(schema, path.slice(0, length), value)?.secret === true) return true;
  }
  return false;
}

/** The branch of a union that came furthest into the value: the one that was probably meant. Null when all fail at its top. */
function bestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const inside = branches.filter(
    (issues) => issues.length > 0 && issues.every((issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys'),
  );
  return inside.sort((a, b) => a.length - b.length)[0] ?? null;
}

function unknownKey(key: string, path: readonly PathSegment[], schema: JsonSchema | null): Explained {
  return {
    path: [...path, key],
    atKey: true,
    message: 'unknown option',
    hint: suggestKey([...path, key], Object.keys(schema?.properties ?? {})),
  };
}

export function suggestKey(path: readonly PathSegment[], known: readonly string[]): string | null {
  const key = String(path.at(-1));
  const near = nearest(key, known);
  if (near !== null) {
    const parent = path.at(-2);
    return `did you mean ${typeof parent === 'string' ? `${printable(parent)}.` : ''}${near}?`;
  }
  return known.length > 0 && known.length <= 12 ? `known: ${known.join(', ')}` : null;
}

export function mismatch(found: unknown, schema: JsonSchema | null, path: readonly PathSegment[], fallback: string): Explained {
  const unit = unitOf(path);
  const expected = (schema && expectation(schema, unit)) ?? printable(fallback, 160);
  const message = found === undefined ? `is missing, need ${expected}` : `got ${describe(found, typesIn(schema))}, need ${expected}`;
  const choices = (schema?.enum ?? []).filter((choice) => typeof choice === 'string');
  const near = typeof found === 'string' ? nearest(found, choices) : null;
  return { path, atKey: false, message, hint: near === null ? null : `did you mean ${near}?` };
}

function valueAt(value: unknown, path: readonly PathSegment[]): unknown {
  let current = value;
  for (const segment of path) current = (current as Record<PathSegment, unknown> | null | undefined)?.[segment];
  return current;
}

function typesIn(schema: JsonSchema | null): string[] {
  return [schema ?? {}, ...(schema?.anyOf ?? []), ...(schema?.oneOf ?? [])].map(({ type }) =>
    type === 'integer' ? 'number' : (type ?? ''),
  );
}

/** What a person wrote, and its type unless it is one of the `wanted`: then the type is not the mistake. */
export function describe(value: unknown, wanted: readonly string[] = []): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  const type = wanted.includes(typeof value) ? '' : ` (${typeof value})`;
  return typeof value === 'string' ? `"${printable(value, 40)}"${type}` : `${String(value)}${type}`;
}

const units: Readonly<Record<string, string>> = {
  ms: 'ms',
  s: 's',
  hz: 'Hz',
  bytes: 'bytes',
  days: 'days',
  hours: 'hours',
  minutes: 'minutes',
  percent: '%',
  px: 'px',
  celsius: '°C',
};

/** The unit is the last word of the key it is written under. */
export function unitOf(path: readonly PathSegment[]): string | null {
  const key = path.filter((segment) => typeof segment === 'string').at(-1) ?? '';
  const last = key.split('_').at(-1) ?? '';
  return key.includes('_') && Object.hasOwn(units, last) ? (units[last] ?? null) : null;
}

/** What a schema wants, in words; null when it wants nothing that can be said. */
export function expectation(schema: JsonSchema, unit: string | null): string | null {
  if (schema.secret) return 'a secret: { credential: NAME } or { file: /PATH }';
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum) return either(schema.enum.map(String));
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants) {
    const words = variants.map((variant) => expectation(variant, unit)).filter((word) => word !== null);
    return words.length > 0 && words.length <= 6 ? either([...new Set(words)]) : null;
  }
  if (schema.type === 'number' || schema.type === 'integer') return numberExpectation(schema, unit);
  if (schema.type === 'string') return textExpectation(schema);
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'array') return `a list${countExpectation(schema.minItems, schema.maxItems)}`;
  if (schema.type === 'object') return 'a map';
  return null;
}

function either(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function numberExpectation(schema: JsonSchema, unit: string | null): string {
  const whole = schema.type === 'integer' ? 'a whole number' : 'a number';
  const { minimum, exclusiveMinimum, exclusiveMaximum } = schema;
  const low = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const high = schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER ? schema.maximum : undefined;
  const suffix = unit === null ? '' : ` (${unit})`;
  if (low !== undefined && high !== undefined) return `${schema.type === 'integer' ? 'a whole number, ' : ''}${low} .. ${high}${suffix}`;
  const bounds = [
    low !== undefined ? `at least ${low}` : null,
    exclusiveMinimum !== undefined ? `above ${exclusiveMinimum}` : null,
    high !== undefined ? `at most ${high}` : null,
    exclusiveMaximum !== undefined ? `below ${exclusiveMaximum}` : null,
    schema.multipleOf !== undefined && schema.type !== 'integer' ? `a multiple of ${schema.multipleOf}` : null,
  ].filter((bound) => bound !== null);
  return bounds.length === 0 ? `${whole}${suffix}` : `${whole} ${bounds.join(' and ')}${suffix}`;
}

function textExpectation(schema: JsonSchema): string {
  if (schema.expected !== undefined) return schema.expected;
  if (schema.pattern === idPattern.source) return 'a name of 1 .. 64 letters, digits, _ and -';
  if (schema.pattern === variablePattern.source) return 'a word of letters, digits and _, not beginning with a digit';
  if (schema.pattern === '^\\/') return 'an absolute path';
  if (schema.format === 'uri') return 'a URL';
  if (schema.pattern !== undefined) return `text like ${schema.pattern}`;
  if (schema.minLength !== undefined && schema.maxLength !== undefined)
    return `text of ${schema.minLength} .. ${schema.maxLength} characters`;
  if (schema.maxLength !== undefined) return `text of at most ${schema.maxLength} characters`;
  if (schema.minLength === 1) return 'text that is not empty';
  return 'text';
}

function countExpectation(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return min === max ? ` of ${min}` : ` of ${min} .. ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max === undefined ? '' : ` of at most ${max}`;
}
