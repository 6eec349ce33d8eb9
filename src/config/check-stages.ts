/**
 * The stages of one pipeline: do they know those before them, can they look at the same captures, and can what is written about deciding
 * decide anything?
 */
import { isReservedVariable } from '../core/condition.js';
import { mayFollow, takesCrop } from '../core/pipeline.js';
import { checkAcceptance, checkCondition, sameCondition } from './check-condition.js';
import { checkName } from './check-name.js';
import type { ConfigTask } from './config-parts.js';
import type { Draft } from './draft.js';
import { type PathSegment, printable } from './problem.js';
import { stageName, taskOf } from './written-stage.js';

const wordFor = { image: 'images', audio: 'audio', series: 'series', text: 'text', file: 'any file' } as const;

type Fields = Readonly<Record<string, unknown>>;

/** Answers the names the stages go by. */
export async function checkStages(draft: Draft, path: readonly PathSegment[], stages: readonly unknown[]): Promise<string[]> {
  const names: string[] = [];
  let reads: ConfigTask['reads'] | null = null;
  const all = stages.map((stage) => stageName(draft, stage));
  for (const [i, stage] of stages.entries()) {
    const at = [...path, 'stages', i];
    const fields = fieldsOf(stage);
    if (fields === null) continue;
    const task = taskOf(draft, stage);
    const name = all[i] ?? null;
    checkEach(draft, [...at, 'each'], fields.each, names, all.slice(i));
    if (task) checkCrop(draft, at, fields, task);
    if (task && reads !== null && !mayFollow(reads, task.reads)) {
      const hint = task.reads === 'file' ? 'put it first: those behind it then run where they can' : 'make it a pipeline of its own';
      draft.add([...at, 'task'], `${task.name} reads ${wordFor[task.reads]}, the stages before it read ${wordFor[reads]}`, hint);
    }
    if (task && (task.takesEach || (takesCrop(task) && fields.crop !== undefined)))
      checkKinds(draft, [...at, 'each'], fields.each, task, stages.slice(0, i));
    reads ??= task?.reads ?? null;
    checkEscalation(draft, at, fields);
    checkReach(draft, [...at, 'when'], fields, stages.slice(0, i));
    await checkDecisions(draft, at, fields, { before: [...names], all, index: i });
    if (name === null) continue;
    const key = fields.as === undefined ? at : [...at, 'as'];
    if (isReservedVariable(name)) draft.add(key, `"${name}" means something else in conditions`, 'choose another name');
    if (names.includes(name)) {
      draft.add(key, `"${printable(name)}" is the name of stages[${names.indexOf(name)}] already`, 'give this stage another name with as');
    }
    names.push(name);
  }
  return names;
}

function checkEach(
  draft: Draft,
  path: readonly PathSegment[],
  each: unknown,
  before: readonly string[],
  after: readonly (string | null)[],
): void {
  const list = Array.isArray(each) ? each : [each];
  for (const [i, name] of list.entries()) {
    if (typeof name !== 'string') continue;
    const at = Array.isArray(each) ? [...path, i] : path;
    if (list.indexOf(name) < i) draft.add(at, `"${printable(name)}" is named twice`, 'keep one of them');
    else if (before.includes(name)) continue;
    else if (after[0] === name) draft.add(at, `"${printable(name)}" is this stage itself`, 'name an earlier stage');
    else if (after.includes(name)) draft.add(at, `"${printable(name)}" comes later`, 'change the order of the stages');
    else checkName(draft, at, name, before, 'earlier stage');
  }
}

/** What looks at things one by one needs a crop, unless it cuts them out by itself. */
function checkCrop(draft: Draft, at: readonly PathSegment[], { each, crop }: Fields, task: ConfigTask): void {
  const { name, reads, takesEach, cutsOut } = task;
  const canCrop = takesCrop(task);
  if (each !== undefined && !takesEach && !(canCrop && crop !== undefined)) {
    const hint = canCrop ? 'add crop: true to show it each of them alone, or remove each' : 'remove each';
    draft.add([...at, 'each'], `${name} looks at the whole capture, not at the observations of a stage`, hint);
  }
  if (crop === undefined) return;
  const path = [...at, 'crop'];
  if (reads !== 'image') draft.add(path, `${name} reads ${reads}, and only images are cut`, 'remove crop');
  else if (cutsOut !== undefined) draft.add(path, `${name} ${cutsOut}, which a cut-out would hide`, 'remove crop');
  else if (each === undefined) draft.add(path, 'nothing says what to cut out', 'add each: NAME, an earlier stage that finds places');
}

/** What is said of a file as a whole has no place in an image, and a time in a recording none in a picture. */
function checkKinds(draft: Draft, path: readonly PathSegment[], each: unknown, task: ConfigTask, before: readonly unknown[]): void {
  for (const [i, name] of (Array.isArray(each) ? each : [each]).entries()) {
    const source = taskOf(
      draft,
      before.find((stage) => stageName(draft, stage) === name),
    );
    if (source === undefined || source.reads === task.reads) continue;
    const about = source.reads === 'file' ? 'the file as a whole' : wordFor[source.reads];
    draft.add(
      Array.isArray(each) ? [...path, i] : path,
      `"${printable(String(name))}" is about ${about}, ${task.name} looks at places in ${wordFor[task.reads]}`,
      `name a stage that reads ${wordFor[task.reads]}, or ask of it with when`,
    );
  }
}

/** An escalation needs to be told when, something else to ask, and a reason to be asked. */
function checkEscalation(draft: Draft, at: readonly PathSegment[], stage: Fields): void {
  const { accept, model, variant } = stage;
  const escalate = fieldsOf(stage.escalate);
  if (stage.escalate === undefined && typeof accept === 'string') {
    draft.add([...at, 'accept'], 'what is not accepted has nowhere to go', 'add escalate: { variant: NAME } or { model: NAME }');
  }
  if (escalate === null) return;
  const path = [...at, 'escalate'];
  if (accept === undefined) draft.add(path, 'nothing says what is good enough', 'add accept, such as accept: "score >= 0.8"');
  if (Object.keys(escalate).length === 0) draft.add(path, 'names neither variant nor model', 'write { variant: NAME } or { model: NAME }');
  const sameModel = escalate.model === undefined || escalate.model === model;
  const sameVariant = escalate.variant === variant;
  if (sameModel && sameVariant && (escalate.variant ?? escalate.model) !== undefined) {
    const key = escalate.variant === undefined ? 'model' : 'variant';
    draft.add([...path, key], `"${printable(String(escalate[key]))}" is what the stage runs already`, 'name another variant or model');
  }
}

/** What can be told for certain: a condition that holds only where the stage does not run for another reason. */
function checkReach(draft: Draft, path: readonly PathSegment[], { when, each }: Fields, before: readonly unknown[]): void {
  const ended = before.findIndex((stage) => sameCondition(fieldsOf(fieldsOf(stage)?.stop)?.when, when));
  if (ended !== -1) {
    draft.add(path, `no capture gets here: where it holds, stages[${ended}].stop has ended the pipeline`, 'remove one of them');
  } else if (typeof each === 'string' && sameCondition(when, `${each}.size() == 0`)) {
    draft.add(path, `no capture gets here: each looks at what ${printable(each)} found, and here it found nothing`, 'remove one of them');
  }
}

interface Surroundings {
  readonly before: readonly string[];
  readonly all: readonly (string | null)[];
  readonly index: number;
}

async function checkDecisions(
  draft: Draft,
  at: readonly PathSegment[],
  fields: Fields,
  { before, all, index }: Surroundings,
): Promise<void> {
  const { when, accept } = fields;
  const stop = fieldsOf(fields.stop);
  const from = (i: number) => all.slice(i).filter((name) => name !== null && !before.includes(name)) as string[];
  if (typeof when === 'string' && index === 0) {
    draft.add([...at, 'when'], 'nothing has run before the first stage', 'remove when, or put a stage in front that tells');
  } else if (typeof when === 'string') {
    await checkCondition(draft, [...at, 'when'], when, { names: before, later: from(index), decides: 'when' });
  }
  if (typeof accept === 'string') await checkAcceptance(draft, [...at, 'accept'], accept);
  if (stop === null) return;
  if (index === all.length - 1)
    draft.add([...at, 'stop'], 'no stage comes after the last one', 'remove stop, or put it on an earlier stage');
  if (typeof stop.when !== 'string') return;
  const name = all[index] ?? null;
  const names = name === null ? before : [...before, name];
  await checkCondition(draft, [...at, 'stop', 'when'], stop.when, { names, later: from(index + 1), decides: 'stop' });
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}
