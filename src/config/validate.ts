/**
 * A merged tree -> settings, complete, with every problem noted.
 *
 * Guarantees: all problems of all sections are found in one go; nothing is looked up outside the tree, the environment handed in and the
 * parts; settings come out only when there was no error. Does not fetch secrets.
 */
import type { z } from 'zod';
import { idPattern } from '../core/id.js';
import { limits } from '../core/limits.js';
import type { PipelineConfig } from '../core/pipeline.js';
import { nearest } from '../core/suggest.js';
import type { ConfigKind, ConfigParts, ConfigSections, DeviceSettings, PartSettings, PathSettings, Settings } from './config-parts.js';
import type { TreeNode } from './config-tree.js';
import { crossCheck } from './cross-check.js';
import { Draft } from './draft.js';
import { describe, suggestKey } from './explain-issue.js';
import type { Variables } from './merge-tree.js';
import { type Problem, printable } from './problem.js';
import { inputsOf } from './route.js';
import { deviceSchema, inputKeys, inputSchema, pathsSchema, pipelineSchema, stageKeys, stageSchema, variantsSchema } from './schemas.js';
import { takeDegrade, type WrittenStage } from './take-degrade.js';
import { defaultName } from './written-stage.js';

/** Settings, or null when `problems` holds an error afterwards. */
export async function validateTree<Sections extends ConfigSections>(
  file: string,
  tree: TreeNode,
  parts: ConfigParts<Sections>,
  variables: Variables,
  problems: Problem[],
): Promise<Settings<Sections> | null> {
  if (!(tree.value instanceof Map)) {
    problems.push({
      severity: 'error',
      place: tree.place,
      path: '',
      message: 'the file is no map of sections',
      hint: 'begin with version: 1',
    });
    return null;
  }
  const draft = new Draft(file, tree, parts, problems);
  checkTop(draft);
  const device = takeDevice(draft, variables);
  const paths = takePaths(draft, variables);
  const sections = Object.fromEntries(
    sectionNames.map((name) => [name, draft.take(parts.sections[name], [name], draft.value[name] ?? {})]),
  );
  const connections = takeParts(draft, 'connections', parts.connections, 64);
  const sinks = takeParts(draft, 'sinks', parts.sinks, limits.sinksMax);
  const inputs = takeParts(draft, 'inputs', parts.inputs, limits.inputsMax);
  const pipelines = takePipelines(draft);
  const variants = draft.take(variantsSchema, ['variants'], draft.value.variants);
  await crossCheck(draft, { connections, sinks, inputs, pipelines });
  if (problems.some((problem) => problem.severity === 'error') || !device || !paths) return null;
  return { version: 1, device, paths, connections, sinks, inputs, pipelines, variants, ...sections } as unknown as Settings<Sections>;
}

const sectionNames = ['models', 'engine', 'board', 'store', 'http', 'log'] as const;

function checkTop(draft: Draft): void {
  const known = Object.keys(draft.schema.properties ?? {});
  for (const key of Object.keys(draft.value)) {
    if (!known.includes(key)) draft.add([key], 'unknown section', suggestKey([key], known), { atKey: true });
    else if (draft.value[key] === null) delete draft.value[key];
  }
  const { version } = draft.value;
  if (version === undefined) draft.add(['version'], 'is missing, need 1', 'begin the file with version: 1');
  else if (version !== 1) draft.add(['version'], `got ${describe(version)}, need 1`, 'this Shoal reads version 1');
}

function takeDevice(draft: Draft, { hostname }: Variables): DeviceSettings | undefined {
  const device = draft.take(deviceSchema, ['device'], draft.value.device ?? {});
  if (!device) return undefined;
  const id = device.id ?? (hostname.replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, 64) || 'shoal');
  return { id, name: device.name ?? id, site: device.site };
}

function takePaths(draft: Draft, { env }: Variables): PathSettings | undefined {
  const paths = draft.take(pathsSchema, ['paths'], draft.value.paths ?? {});
  if (!paths) return undefined;
  const { state_dir = defaultStateDir(env), run_dir = firstOf(env.RUNTIME_DIRECTORY) ?? '/run/shoal', models_dirs } = paths;
  return { state_dir, run_dir, models_dirs };
}

export function defaultStateDir(env: Variables['env']): string {
  return firstOf(env.STATE_DIRECTORY) ?? '/var/lib/shoal';
}

/** systemd writes several directories with colons between. */
function firstOf(directories: string | undefined): string | undefined {
  return directories?.split(':', 1)[0] || undefined;
}

type Named<T> = Record<string, T>;

/** The entries of a section of named things whose names and shapes will do. */
function entries(draft: Draft, section: string, max: number): [string, Record<string, unknown>][] {
  const value = draft.value[section];
  if (value === undefined) return [];
  const map = draft.map([section]);
  if (map === null) {
    draft.add([section], `got ${describe(value)}, need a map of names`);
    return [];
  }
  const names = Object.keys(map);
  if (names.length > max) draft.add([section], `${names.length} are given, at most ${max} are possible`);
  return names.slice(0, max).flatMap((name): [string, Record<string, unknown>][] => {
    if (!idPattern.test(name)) {
      draft.add([section, name], `"${printable(name)}" is no name`, 'use 1 .. 64 letters, digits, _ and -', { atKey: true });
    }
    const entry = draft.map([section, name]);
    if (entry === null) draft.add([section, name], `got ${describe(map[name])}, need a map`);
    return entry === null ? [] : [[name, entry]];
  });
}

function takeParts(
  draft: Draft,
  section: 'connections' | 'sinks' | 'inputs',
  kinds: readonly ConfigKind[],
  max: number,
): Named<PartSettings> {
  const parts: Named<PartSettings> = {};
  for (const [name, { type, ...rest }] of entries(draft, section, max)) {
    const common = section === 'inputs' ? Object.fromEntries(Object.entries(rest).filter(([key]) => inputKeys.includes(key))) : {};
    const options = Object.fromEntries(Object.entries(rest).filter(([key]) => !Object.hasOwn(common, key)));
    const kind = kinds.find((candidate) => candidate.type === type);
    if (!kind) {
      complainOfChoice(
        draft,
        [section, name, 'type'],
        type,
        kinds.map((candidate) => candidate.type),
        `no type of ${section.slice(0, -1)}`,
      );
      continue;
    }
    const shared = section === 'inputs' ? draft.take(inputSchema, [section, name], common) : {};
    const parsed = draft.take(kind.options, [section, name], options);
    if (parsed !== undefined) parts[name] = { type: kind.type, options: parsed, ...shared };
  }
  return parts;
}

function complainOfChoice(draft: Draft, path: (string | number)[], found: unknown, choices: readonly string[], what: string): void {
  const list = `known: ${choices.join(', ')}`;
  if (found === undefined) draft.add(path, `is missing, need one of ${choices.join(', ')}`);
  else if (typeof found !== 'string') draft.add(path, `got ${describe(found)}, need one of ${choices.join(', ')}`);
  else {
    const near = nearest(found, choices);
    draft.add(path, `"${printable(found)}" is ${what}`, near === null ? list : `did you mean ${near}?`);
  }
}

function takePipelines(draft: Draft): Named<PipelineConfig> {
  const pipelines: Named<PipelineConfig> = {};
  const allSinks = Object.keys(draft.map(['sinks']) ?? {});
  for (const [name, entry] of entries(draft, 'pipelines', limits.pipelinesMax)) {
    const path = ['pipelines', name];
    const parsed = draft.take(pipelineSchema, path, entry);
    const stages = (Array.isArray(entry.stages) ? entry.stages.slice(0, limits.stagesMax) : []).flatMap(
      (stage, i) => takeStage(draft, [...path, 'stages', i], stage) ?? [],
    );
    const degrade = takeDegrade(draft, [...path, 'degrade'], entry.degrade, stages);
    if (!parsed) continue;
    const { degrade: _, ...rest } = parsed;
    const from = inputsOf(draft, parsed.from ?? []);
    const complete = { ...rest, from, sinks: parsed.sinks ?? allSinks, stages: stages.map(({ stage }) => stage) };
    pipelines[name] = degrade === null ? complete : { ...complete, degrade };
  }
  return pipelines;
}

function takeStage(draft: Draft, path: (string | number)[], value: unknown): WrittenStage | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    draft.add(path, `got ${describe(value)}, need a map with a task`);
    return undefined;
  }
  const fields = value as Record<string, unknown>;
  const task = draft.parts.tasks.find((candidate) => candidate.name === fields.task);
  if (!task) {
    complainOfChoice(
      draft,
      [...path, 'task'],
      fields.task,
      draft.parts.tasks.map((candidate) => candidate.name),
      'no task',
    );
    return undefined;
  }
  const own = Object.fromEntries(Object.entries(fields).filter(([key]) => stageKeys.includes(key)));
  const rest = Object.fromEntries(Object.entries(fields).filter(([key]) => !stageKeys.includes(key)));
  const stage = draft.take(stageSchema, path, own);
  const options = draft.take(task.options as z.ZodType<Record<string, unknown>>, path, rest);
  if (!stage || options === undefined) return undefined;
  return { stage: { ...stage, as: stage.as ?? defaultName(task), options }, path, written: rest };
}
