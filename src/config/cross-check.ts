/**
 * What the shape of a file cannot show: do its parts know each other, and can its conditions be compiled?
 *
 * Looks names up in the file as written, so that one mistake in an input does not make every pipeline complain about it too.
 */
import { resolve } from 'node:path';
import { ConditionError, compileCondition, isReservedVariable } from '../core/condition.js';
import { ShoalError } from '../core/errors.js';
import type { PipelineConfig } from '../core/pipeline.js';
import { nearest } from '../core/suggest.js';
import type { PartSettings } from './config-parts.js';
import type { Draft } from './draft.js';
import { type PathSegment, printable } from './problem.js';
import { checkReport } from './report-check.js';
import { defaultName } from './stage-name.js';

interface Checked {
  readonly connections: Readonly<Record<string, PartSettings>>;
  readonly sinks: Readonly<Record<string, PartSettings>>;
  readonly inputs: Readonly<Record<string, PartSettings>>;
  readonly pipelines: Readonly<Record<string, PipelineConfig>>;
}

export async function crossCheck(draft: Draft, checked: Checked): Promise<void> {
  for (const section of ['inputs', 'pipelines', 'sinks'] as const) {
    const given = draft.map([section]);
    if (given !== null && Object.keys(given).length === 0) draft.add([section], `is empty, need at least one ${section.slice(0, -1)}`);
    else if (draft.value[section] === undefined) draft.add([section], `is missing, need at least one ${section.slice(0, -1)}`);
  }
  checkConnections(draft);
  for (const section of ['inputs', 'sinks']) checkPaths(draft, section);
  for (const name of Object.keys(draft.map(['pipelines']) ?? {})) {
    if (draft.map(['pipelines', name]) !== null) await checkPipeline(draft, name);
  }
  warnOfUnused(draft, checked);
}

function checkConnections(draft: Draft): void {
  const known = Object.keys(draft.map(['connections']) ?? {});
  for (const section of ['sinks', 'inputs']) {
    for (const name of Object.keys(draft.map([section]) ?? {})) {
      const connection = draft.map([section, name])?.connection;
      if (typeof connection === 'string') checkName(draft, [section, name, 'connection'], connection, known, 'connection');
    }
  }
}

/** Two parts on one folder would take each other's claims; two on one file would tear each other's lines. */
function checkPaths(draft: Draft, section: string): void {
  const owners = new Map<string, string>();
  for (const name of Object.keys(draft.map([section]) ?? {})) {
    const path = draft.map([section, name])?.path;
    if (typeof path !== 'string') continue;
    const place = resolve(path);
    const owner = owners.get(place);
    if (owner === undefined) owners.set(place, name);
    else draft.add([section, name, 'path'], `"${printable(path)}" belongs to ${section}.${owner} already`, 'give each its own');
  }
}

function checkName(draft: Draft, path: readonly PathSegment[], name: string, known: readonly string[], noun: string): void {
  if (known.includes(name)) return;
  const near = nearest(name, known);
  const list =
    known.length === 0
      ? `there is no ${noun} yet`
      : `known: ${known
          .slice(0, 8)
          .map((word) => printable(word, 32))
          .join(', ')}`;
  draft.add(path, `"${printable(name)}" is no ${noun}`, near === null ? list : `did you mean ${near}?`);
}

async function checkPipeline(draft: Draft, name: string): Promise<void> {
  const path = ['pipelines', name];
  const pipeline = draft.map(path) ?? {};
  for (const [key, section] of [
    ['from', 'inputs'],
    ['sinks', 'sinks'],
  ] as const) {
    const known = Object.keys(draft.map([section]) ?? {});
    const names = asList(pipeline[key]);
    names.forEach((entry, i) => {
      if (typeof entry !== 'string') return;
      checkName(draft, [...path, key, i], entry, known, section.slice(0, -1));
      if (names.indexOf(entry) < i) draft.add([...path, key, i], `"${printable(entry)}" is named twice`, 'keep one of them');
    });
  }
  const { budget_ms: budget, hang_ms: hang } = pipeline;
  if (typeof budget === 'number' && typeof hang === 'number' && budget > hang) {
    draft.add([...path, 'budget_ms'], `${budget} is above hang_ms (${hang}), the hard end`, 'lower one or raise the other');
  }
  const names = checkStages(draft, path, asList(pipeline.stages));
  checkReport(draft, [...path, 'report']);
  const when = draft.map([...path, 'report'])?.when;
  if (typeof when === 'string')
    await checkCondition(draft, [...path, 'report', 'when'], when, names, zonesOf(draft, asList(pipeline.from)));
}

/** Answers the names the stages go by. */
function checkStages(draft: Draft, path: readonly PathSegment[], stages: readonly unknown[]): string[] {
  const names: string[] = [];
  let reads: string | null = null;
  const all = stages.map((stage) => stageName(draft, stage));
  stages.forEach((stage, i) => {
    const at = [...path, 'stages', i];
    if (typeof stage !== 'object' || stage === null || Array.isArray(stage)) return;
    const { as, each } = stage as Record<string, unknown>;
    const task = taskOf(draft, stage);
    const name = all[i] ?? null;
    if (typeof each === 'string') checkEach(draft, [...at, 'each'], each, names, all.slice(i));
    if (task && !task.takesEach && each !== undefined) {
      draft.add([...at, 'each'], `${task.name} looks at the whole capture, not at the observations of a stage`, 'remove each');
    }
    if (task && reads !== null && task.reads !== reads) {
      draft.add([...at, 'task'], `${task.name} reads ${task.reads}, the stages before it read ${reads}`, 'make it a pipeline of its own');
    }
    reads ??= task?.reads ?? null;
    if (name === null) return;
    const key = as === undefined ? at : [...at, 'as'];
    if (isReservedVariable(name)) draft.add(key, `"${name}" means something else in conditions`, 'choose another name');
    if (names.includes(name)) {
      draft.add(key, `"${printable(name)}" is the name of stages[${names.indexOf(name)}] already`, 'give this stage another name with as');
    }
    names.push(name);
  });
  return names;
}

function checkEach(
  draft: Draft,
  path: readonly PathSegment[],
  each: string,
  before: readonly string[],
  after: readonly (string | null)[],
): void {
  if (before.includes(each)) return;
  if (after[0] === each) draft.add(path, `"${printable(each)}" is this stage itself`, 'name an earlier stage');
  else if (after.includes(each)) draft.add(path, `"${printable(each)}" comes later`, 'change the order of the stages');
  else checkName(draft, path, each, before, 'earlier stage');
}

function taskOf(draft: Draft, stage: unknown) {
  const { task } = (stage ?? {}) as { task?: unknown };
  return draft.parts.tasks.find((candidate) => candidate.name === task);
}

function stageName(draft: Draft, stage: unknown): string | null {
  const { as } = (stage ?? {}) as { as?: unknown };
  if (typeof as === 'string') return as;
  const task = taskOf(draft, stage);
  return task ? defaultName(task) : null;
}

/** Names of the zones that any of these inputs has, as written. */
function zonesOf(draft: Draft, inputs: readonly unknown[]): string[] {
  return inputs.flatMap((input) => (typeof input === 'string' ? Object.keys(draft.map(['inputs', input, 'zones']) ?? {}) : []));
}

async function checkCondition(
  draft: Draft,
  path: readonly PathSegment[],
  text: string,
  names: readonly string[],
  zones: readonly string[],
): Promise<void> {
  const variables = Object.fromEntries(
    names.filter((name) => /^[A-Za-z_]\w*$/.test(name) && !isReservedVariable(name)).map((name) => [name, 'list' as const]),
  );
  try {
    await compileCondition(text, variables, zones);
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    if (!(error instanceof ConditionError)) return draft.add(path, error.message);
    const where = text.includes('\n') ? `line ${error.line}, column ${error.column}` : `column ${error.column}`;
    draft.add(path, `${printable(error.summary, 120)} (${where} of the condition)`, error.hint);
  }
}

function warnOfUnused(draft: Draft, { inputs, sinks, pipelines }: Checked): void {
  const read = new Set(Object.values(pipelines).flatMap((pipeline) => pipeline.from));
  const fed = new Set(Object.values(pipelines).flatMap((pipeline) => pipeline.sinks ?? []));
  if (draft.problems.some((problem) => problem.severity === 'error')) return;
  for (const name of Object.keys(inputs)) {
    if (!read.has(name))
      draft.add(['inputs', name], 'no pipeline reads it: all it sees is dropped', 'name it in a from', { atKey: true, warning: true });
  }
  for (const name of Object.keys(sinks)) {
    if (!fed.has(name)) draft.add(['sinks', name], 'no pipeline sends to it', 'name it in sinks', { atKey: true, warning: true });
  }
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, 256) : [];
}
