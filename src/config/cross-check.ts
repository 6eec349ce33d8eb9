/**
 * What the shape of a file cannot show: do its parts know each other, and can its conditions be compiled?
 *
 * Looks names up in the file as written, so that one mistake in an input does not make every pipeline complain about it too.
 */
import { resolve } from 'node:path';
import { isLoopback } from '../core/loopback.js';
import type { PipelineConfig } from '../core/pipeline.js';
import { filterCovers, ownFilters } from '../core/topic-filter.js';
import { checkCondition, sameCondition } from './check-condition.js';
import { checkKeep } from './check-keep.js';
import { checkName } from './check-name.js';
import { checkStages } from './check-stages.js';
import type { PartSettings } from './config-parts.js';
import type { Draft } from './draft.js';
import { printable } from './problem.js';
import { checkReport } from './report-check.js';
import { inputsOf } from './route.js';
import { taskOf } from './written-stage.js';

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
  checkOpenDoor(draft);
  checkTopics(draft);
  for (const name of Object.keys(draft.map(['pipelines']) ?? {})) {
    if (draft.map(['pipelines', name]) !== null) await checkPipeline(draft, name);
  }
  checkKeep(draft);
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

/** Whoever reaches the port could bring captures. */
function checkOpenDoor(draft: Draft): void {
  const { host, enabled } = draft.map(['http']) ?? {};
  if (enabled === false || typeof host !== 'string' || isLoopback(host)) return;
  for (const name of Object.keys(draft.map(['inputs']) ?? {})) {
    const { type, token } = draft.map(['inputs', name]) ?? {};
    const open = token === undefined && draft.parts.inputs.some((kind) => kind.byHttp && kind.type === type);
    const message = `is missing, and http.host "${printable(host)}" can be reached from other machines`;
    if (open) draft.add(['inputs', name, 'token'], message, 'add token: { credential: NAME } or { file: /PATH }, or listen on 127.0.0.1');
  }
}

/** What this device says never comes back to it: an input that listens to nothing else would be silent for ever. */
function checkTopics(draft: Draft): void {
  const device = draft.map(['device'])?.id;
  if (typeof device !== 'string') return;
  const own = ownFilters(device);
  for (const name of Object.keys(draft.map(['inputs']) ?? {})) {
    for (const [i, topic] of asList(draft.map(['inputs', name])?.topics).entries()) {
      if (typeof topic !== 'string' || !own.some((filter) => filterCovers(filter, topic))) continue;
      const what = `"${printable(topic)}" is what this device says itself, which it never hears: each result would make another`;
      draft.add(['inputs', name, 'topics', i], what, 'let another device listen, or name what others publish');
    }
  }
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
  const inputs = takenBy(draft, pipeline.from);
  if (pipeline.from === undefined && inputs.length === 0) {
    draft.add([...path, 'from'], 'is missing, and no input has route: auto', 'name inputs: from: [NAME], or give an input route: auto');
  }
  const { budget_ms: budget, hang_ms: hang } = pipeline;
  if (typeof budget === 'number' && typeof hang === 'number' && budget > hang) {
    draft.add([...path, 'budget_ms'], `${budget} is above hang_ms (${hang}), the hard end`, 'lower one or raise the other');
  }
  checkStandIns(draft, path, name);
  const names = await checkStages(draft, path, asList(pipeline.stages));
  const zones = inputs.flatMap((input) => Object.keys(draft.map(['inputs', input, 'zones']) ?? {}));
  await checkReport(draft, [...path, 'report'], { stages: asList(pipeline.stages), names, zones, degrade: asList(pipeline.degrade) });
  const when = draft.map([...path, 'report'])?.when;
  if (typeof when === 'string') await checkCondition(draft, [...path, 'report', 'when'], when, { names, zones, decides: 'report.when' });
  const { abstain } = pipeline;
  if (draft.map([...path, 'report'])?.mode === 'events' && sameCondition(when, abstain)) {
    draft.add([...path, 'report', 'when'], 'no event ever begins: where it holds, abstain does, and comes first', 'change one of them');
  }
  if (typeof abstain === 'string') await checkCondition(draft, [...path, 'abstain'], abstain, { names, decides: 'abstain' });
}

/** A pipeline that another names to look instead must be there for the same captures, and have nobody to pass them on to. */
function checkStandIns(draft: Draft, path: readonly string[], name: string): void {
  const { from, degrade } = draft.map(path) ?? {};
  for (const [i, step] of asList(degrade).entries()) {
    const at = [...path, 'degrade', i, 'pipeline'];
    const target = (step as { pipeline?: unknown } | null)?.pipeline;
    if (typeof target !== 'string') continue;
    const others = Object.keys(draft.map(['pipelines']) ?? {}).filter((other) => other !== name);
    if (target === name) draft.add(at, `"${printable(target)}" is this pipeline itself`, 'name a cheaper one');
    else checkName(draft, at, target, others, 'pipeline');
    const other = draft.map(['pipelines', target]);
    if (other === null || target === name) continue;
    const taken = takenBy(draft, other.from);
    const missing = takenBy(draft, from).find((input) => !taken.includes(input));
    if (missing !== undefined) draft.add(at, `${printable(target)} does not take ${printable(missing)}`, 'add it to its from');
    const [reads, needed] = [other.stages, draft.map(path)?.stages].map((stages) => taskOf(draft, asList(stages)[0])?.reads);
    if (reads !== undefined && needed !== undefined && reads !== 'file' && reads !== needed) {
      draft.add(at, `${printable(target)} reads ${reads}, this pipeline ${needed}`, 'name one that reads the same');
    }
    const passesOn = asList(other.degrade).some((its) => (its as { pipeline?: unknown } | null)?.pipeline !== undefined);
    if (passesOn) draft.add(at, `${printable(target)} itself names another pipeline in degrade`, 'name that one here, or remove it there');
  }
}

function warnOfUnused(draft: Draft, { inputs, sinks, pipelines }: Checked): void {
  const read = new Set(Object.values(pipelines).flatMap((pipeline) => pipeline.from));
  const fed = new Set(Object.values(pipelines).flatMap((pipeline) => pipeline.sinks ?? []));
  if (draft.problems.some((problem) => problem.severity === 'error')) return;
  for (const name of Object.keys(inputs)) {
    if (!read.has(name))
      draft.add(['inputs', name], 'no pipeline reads it: all it sees is dropped', 'name it in a from, or give it route: auto', {
        atKey: true,
        warning: true,
      });
  }
  for (const name of Object.keys(sinks)) {
    if (!fed.has(name)) draft.add(['sinks', name], 'no pipeline sends to it', 'name it in sinks', { atKey: true, warning: true });
  }
}

function takenBy(draft: Draft, from: unknown): string[] {
  const named = asList(from).filter((entry) => typeof entry === 'string');
  return inputsOf(draft, named);
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, 256) : [];
}
