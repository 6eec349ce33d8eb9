/**
 * From pipelines as configured to pipelines as run: every stage gets its model and variant, and what cannot work is said now.
 *
 * Guarantees: all problems at once, each with its path in the configuration; a pipeline with a problem is not among the answers.
 * Pure. Conditions, inputs and sinks are the configuration's to check.
 */

import { reasonOf } from '../core/errors.js';
import { eventDefaults } from '../core/event.js';
import { asVariant, type EventAdvice, type Model, modelRef } from '../core/model.js';
import {
  type CheaperWay,
  type CropSpec,
  cropDefaults,
  type ModelChoice,
  type PipelineConfig,
  type PipelineSpec,
  type StageConfig,
  type StageSpec,
  type TrackConfig,
  type TrackSpec,
} from '../core/pipeline.js';
import { nearest } from '../core/suggest.js';
import type { Task } from '../core/task.js';
import { chooseVariant, type VariantChoice, type VariantPolicy } from './choose-variant.js';
import type { Registry } from './registry.js';
import { resolveDegrade } from './resolve-degrade.js';
import { orderProblems, type ResolveProblem, readsOf } from './stage-order.js';

export interface ResolveDefaults {
  /** Sinks of a pipeline that names none. */
  readonly sinks: readonly string[];
  readonly hangMs: number;
  /** For stages that name no variant. */
  readonly policy: VariantPolicy;
}

/** A variant of a model that runs, and why that one. */
export interface VariantRun extends VariantChoice {
  readonly model: Model;
  /** Names of the pipelines that run it. */
  readonly pipelines: readonly string[];
}

export interface Resolution {
  readonly pipelines: readonly PipelineSpec[];
  /** Of those pipelines, each variant once. */
  readonly runs: readonly VariantRun[];
  readonly problems: readonly ResolveProblem[];
  /** By pipeline, also of those with a problem: each stage as far as it could be resolved. */
  readonly stages: Readonly<Record<string, readonly (StageSpec | null)[]>>;
}

export function resolvePipelines(
  configs: Readonly<Record<string, PipelineConfig>>,
  registry: Registry,
  tasks: readonly Task[],
  defaults: ResolveDefaults,
): Resolution {
  const pipelines: PipelineSpec[] = [];
  const problems: ResolveProblem[] = [];
  const runs: VariantRun[] = [];
  const all: Record<string, readonly (StageSpec | null)[]> = {};
  for (const [name, config] of Object.entries(configs)) {
    const before = problems.length;
    const stages = config.stages.map((stage, i) => {
      const at = `pipelines.${name}.stages[${i}]`;
      problems.push(...orderProblems(stage, config.stages.slice(0, i), tasks, at));
      return resolveStage(stage, registry, tasks, defaults.policy, at, problems);
    });
    const resolve = (stage: StageConfig, at: string) => resolveStage(stage, registry, tasks, defaults.policy, at, problems);
    const specs = stages.flatMap((stage) => stage?.spec ?? []);
    const ways =
      problems.length > before
        ? { cheaper: [], runs: [] }
        : resolveDegrade(config.degrade ?? [], config.stages, specs, `pipelines.${name}.degrade`, resolve);
    all[name] = stages.map((stage) => stage?.spec ?? null);
    if (config.stages.length === 0) problems.push({ path: `pipelines.${name}.stages`, found: 'no stages', expected: 'at least one' });
    if (problems.length > before) continue;
    pipelines.push({
      name,
      from: config.from,
      reads: readsOf(config.stages, tasks),
      stages: specs,
      budgetMs: config.budget_ms ?? null,
      hangMs: config.hang_ms ?? defaults.hangMs,
      priority: config.priority,
      report: resolveReport(
        config.report,
        stages.flatMap((stage) => stage?.runs[0]?.model.events ?? []),
      ),
      sinks: config.sinks ?? defaults.sinks,
      ...(config.abstain === undefined ? {} : { abstain: config.abstain }),
      ...(config.max_rate_hz === undefined ? {} : { maxRateHz: config.max_rate_hz }),
      ...(ways.cheaper.length === 0 ? {} : { cheaper: ways.cheaper }),
    });
    for (const run of [...stages.flatMap((stage) => stage?.runs ?? []), ...ways.runs]) addRun(runs, name, run);
  }
  return { pipelines: withStandIns(pipelines), runs, problems, stages: all };
}

/** A pipeline that cannot run, or reads other captures, stands in for none: the way to it is given up, those before stay. */
function withStandIns(pipelines: readonly PipelineSpec[]): PipelineSpec[] {
  return pipelines.map((spec) => {
    const able = (way: CheaperWay) => {
      const standIn = pipelines.find(({ name }) => name === way.instead);
      return way.instead === undefined || spec.reads.every((kind) => standIn?.reads.includes(kind));
    };
    return spec.cheaper === undefined ? spec : { ...spec, cheaper: spec.cheaper.filter(able) };
  });
}

/**
 * Defaults that hold only in some modes, so that the configuration can say where a key means nothing. What it does not say of events the
 * models of the stages may: the most patient counts.
 */
function resolveReport(config: PipelineConfig['report'], advice: readonly EventAdvice[]): PipelineSpec['report'] {
  const { trace, when, mode, active, on_after_ms, off_after_ms, cooldown_ms, update_every_ms, track, snapshot } = config;
  const advised = (key: keyof EventAdvice, otherwise: number): number => {
    const all = advice.flatMap((each) => each[key] ?? []);
    return all.length === 0 ? otherwise : Math.max(...all);
  };
  const events = {
    onAfterMs: on_after_ms ?? advised('on_after_ms', 0),
    offAfterMs: off_after_ms ?? advised('off_after_ms', eventDefaults.off_after_ms),
    cooldownMs: cooldown_ms ?? advised('cooldown_ms', 0),
    updateEveryMs: update_every_ms ?? eventDefaults.update_every_ms,
  };
  return {
    trace,
    ...(when === undefined ? {} : { when }),
    ...(mode === 'events' ? { events } : {}),
    ...(mode === 'events' && track !== undefined ? { track: resolveTrack(track) } : {}),
    ...(mode === 'events' && snapshot === true ? { snapshot } : {}),
    ...(mode === 'on_change' ? { onChange: { updateEveryMs: update_every_ms ?? 0 } } : {}),
    ...(active === undefined ? {} : { active }),
  };
}

function resolveTrack({ boxes, where, min_iou, max_gap_ms }: TrackConfig): TrackSpec {
  return { boxes, minIou: min_iou, maxGapMs: max_gap_ms, ...(where === undefined ? {} : { where }) };
}

interface ModelRun extends VariantChoice {
  readonly model: Model;
}

interface ResolvedStage {
  readonly spec: StageSpec;
  /** What it runs, and what it escalates to. */
  readonly runs: readonly ModelRun[];
}

function addRun(runs: VariantRun[], pipeline: string, { model, variant, by, reason }: ModelRun): void {
  const at = runs.findIndex((run) => modelRef(run.model) === modelRef(model) && run.variant.name === variant.name);
  const known = runs[at];
  if (known === undefined) runs.push({ model, variant, by, reason, pipelines: [pipeline] });
  else if (!known.pipelines.includes(pipeline)) runs[at] = { ...known, pipelines: [...known.pipelines, pipeline] };
}

function resolveStage(
  stage: StageConfig,
  registry: Registry,
  tasks: readonly Task[],
  policy: VariantPolicy,
  at: string,
  problems: ResolveProblem[],
): ResolvedStage | null {
  const task = tasks.find((candidate) => candidate.name === stage.task);
  if (task === undefined) {
    problems.push({ path: `${at}.task`, found: `"${stage.task}" is no task`, expected: tasks.map((each) => each.name).join(', ') });
    return null;
  }
  const run = resolveRun(stage, stage, task, { registry, policy, at, problems });
  if (run === null) return null;
  const escalated = resolveEscalation(stage, run, task, { registry, policy, at: `${at}.escalate`, problems });
  const spec = {
    as: stage.as,
    task: task.name,
    ...choiceOf(run),
    options: stage.options,
    ...(stage.each === undefined ? {} : { each: stage.each }),
    ...(stage.crop === undefined ? {} : { crop: cropOf(stage.crop) }),
    ...(stage.when === undefined ? {} : { when: stage.when }),
    ...(stage.accept === undefined ? {} : { accept: stage.accept }),
    ...(escalated === null ? {} : { escalate: choiceOf(escalated) }),
    ...(stage.stop === undefined ? {} : { stop: stage.stop }),
    // Things looked at one by one are no stream.
    ...(task.stateful === undefined || stage.each !== undefined ? {} : { stateful: task.stateful }),
  };
  return { spec, runs: escalated === null ? [run] : [run, escalated] };
}

function cropOf(crop: NonNullable<StageConfig['crop']>): CropSpec {
  if (crop === true) return cropDefaults;
  const { margin, square, min_px: minPx } = crop;
  return { margin, square, minPx };
}

function choiceOf({ model, variant }: ModelRun): ModelChoice {
  return { model: modelRef(model), variant: variant.name };
}

interface Place {
  readonly registry: Registry;
  readonly policy: VariantPolicy;
  /** Of the keys `model` and `variant`, in the configuration. */
  readonly at: string;
  readonly problems: ResolveProblem[];
}

type Named = Pick<StageConfig, 'model' | 'variant'>;

/** A model and variant for a stage, fit for its task and options; null, with the problem noted, where there is none. */
function resolveRun(named: Named, stage: StageConfig, task: Task, place: Place): ModelRun | null {
  const { registry, policy, at, problems } = place;
  const model = chooseModel(named, task, registry, at, problems);
  if (model === null) return null;
  const choice = named.variant === undefined ? chooseVariant(model, policy) : namedVariant(model, named.variant);
  if (choice === null) {
    const names = model.variants.map((each) => each.name);
    problems.push({
      path: `${at}.variant`,
      found: `${modelRef(model)} has no variant "${named.variant}"`,
      expected: near(named.variant, names, names.join(', ')),
    });
    return null;
  }
  try {
    task.fit(asVariant(model, choice.variant));
  } catch (error) {
    problems.push({ path: `${at}.model`, found: reasonOf(error), expected: 'a card that suits the task' });
    return null;
  }
  try {
    task.fitOptions?.(asVariant(model, choice.variant), stage.options);
  } catch (error) {
    problems.push({ path: at, found: reasonOf(error), expected: `options that suit ${modelRef(model)}` });
    return null;
  }
  return { ...choice, model };
}

/**
 * What looks again at what is not accepted. Null where nothing does: where the board's own choice for the stage is that very variant already,
 * there is nothing better to ask; where a person named the same twice, it is a mistake.
 */
function resolveEscalation(stage: StageConfig, first: ModelRun, task: Task, place: Place): ModelRun | null {
  if (stage.escalate === undefined) return null;
  const { at, problems } = place;
  if (stage.accept === undefined) {
    problems.push({ path: at, found: 'escalate without accept', expected: 'accept, which says what is good enough' });
    return null;
  }
  const second = resolveRun({ ...stage.escalate, model: stage.escalate.model ?? modelRef(first.model) }, stage, task, place);
  if (second === null || JSON.stringify(choiceOf(second)) !== JSON.stringify(choiceOf(first))) return second;
  if (first.by === 'stage') {
    const { model, variant } = choiceOf(first);
    problems.push({
      path: at,
      found: `${model}, variant ${variant}, is what the stage runs already`,
      expected: 'another variant or model',
    });
  }
  return null;
}

function near(word: string | undefined, known: readonly string[], list: string): string {
  const name = word === undefined ? null : nearest(word, known);
  return name === null ? list : `${list} (did you mean ${name}?)`;
}

function namedVariant(model: Model, name: string): VariantChoice | null {
  const variant = model.variants.find((each) => each.name === name);
  return variant === undefined ? null : { variant, by: 'stage', reason: 'the stage names it' };
}

function chooseModel(stage: Named, task: Task, registry: Registry, at: string, problems: ResolveProblem[]): Model | null {
  const path = `${at}.model`;
  const suitable = registry.list().filter((model) => model.task === task.name);
  const model = stage.model === undefined ? registry.defaultFor(task.name) : registry.find(stage.model);
  if (suitable.length === 0 && (model === null || model.task !== task.name)) {
    const named = stage.model === undefined ? '' : `, nor "${stage.model}"`;
    const other = model === null ? named : `; ${modelRef(model)} is for ${model.task}`;
    const found = `no model for ${task.name} is installed${other}`;
    problems.push({ path, found, expected: `${howToGet(task)}${unreadable(registry)}`, advice: true });
    return null;
  }
  const exists = suitable.map(modelRef).join(', ');
  if (model === null) {
    const found = stage.model === undefined ? 'no model named' : `"${stage.model}" is not installed`;
    const [name] = (stage.model ?? '').split('@', 1);
    const names = suitable.map((each) => each.name);
    const list = names.includes(name ?? '') ? exists : near(name, names, exists);
    problems.push({ path, found, expected: `${list}${unreadable(registry)}` });
    return null;
  }
  if (model.task !== task.name) {
    problems.push({ path, found: `${modelRef(model)} is for ${model.task}`, expected: `a model for ${task.name}: ${exists}` });
    return null;
  }
  return model;
}

function howToGet({ learnedBy }: Task): string {
  if (learnedBy === undefined) return '"shoal models catalogue" shows those to be had';
  return `learn one: "${learnedBy.command} --name NAME ${learnedBy.from}"`;
}

function unreadable(registry: Registry): string {
  const [first, ...more] = registry.problems;
  if (first === undefined) return '';
  return `; ${first.path}: ${first.reason}${more.length === 0 ? '' : ` (and ${more.length} more problems)`}`;
}
