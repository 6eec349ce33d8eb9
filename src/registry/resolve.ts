/**
 * From pipelines as configured to pipelines as run: every stage gets its model and variant, and what cannot work is said now.
 *
 * Guarantees: all problems at once, each with its path in the configuration; a pipeline with a problem is not among the answers.
 * Pure. Conditions, inputs and sinks are the configuration's to check.
 */
import type { Task } from '../core/contracts.js';
import { reasonOf } from '../core/errors.js';
import { type Model, modelRef } from '../core/model.js';
import type { PipelineConfig, PipelineSpec, StageConfig, StageSpec } from '../core/pipeline.js';
import type { Registry } from './registry.js';

export interface ResolveProblem {
  /** As in the configuration: `pipelines.signs.stages[0].model`. */
  readonly path: string;
  /** What was found. */
  readonly found: string;
  /** What exists, or what to do. */
  readonly expected: string;
}

export interface ResolveDefaults {
  /** Sinks of a pipeline that names none. */
  readonly sinks: readonly string[];
  readonly hangMs: number;
}

export interface Resolution {
  readonly pipelines: readonly PipelineSpec[];
  readonly problems: readonly ResolveProblem[];
}

export function resolvePipelines(
  configs: Readonly<Record<string, PipelineConfig>>,
  registry: Registry,
  tasks: readonly Task[],
  defaults: ResolveDefaults,
): Resolution {
  const pipelines: PipelineSpec[] = [];
  const problems: ResolveProblem[] = [];
  for (const [name, config] of Object.entries(configs)) {
    const before = problems.length;
    const stages = config.stages.map((stage, i) => {
      const at = `pipelines.${name}.stages[${i}]`;
      problems.push(...orderProblems(stage, config.stages.slice(0, i), tasks, at));
      return resolveStage(stage, registry, tasks, at, problems);
    });
    const first = tasks.find((task) => task.name === config.stages[0]?.task);
    if (config.stages.length === 0) problems.push({ path: `pipelines.${name}.stages`, found: 'no stages', expected: 'at least one' });
    if (problems.length > before || first === undefined) continue;
    pipelines.push({
      name,
      from: config.from,
      reads: [first.reads],
      stages: stages.filter((stage) => stage !== null),
      budgetMs: config.budget_ms ?? null,
      hangMs: config.hang_ms ?? defaults.hangMs,
      priority: config.priority,
      report: { trace: config.report.trace, ...(config.report.when === undefined ? {} : { when: config.report.when }) },
      sinks: config.sinks ?? defaults.sinks,
    });
  }
  return { pipelines, problems };
}

/** What is wrong with a stage's place among the stages before it. */
function orderProblems(stage: StageConfig, earlier: readonly StageConfig[], tasks: readonly Task[], at: string): ResolveProblem[] {
  const problems: ResolveProblem[] = [];
  const names = earlier.map((other) => other.as);
  if (names.includes(stage.as)) {
    problems.push({ path: `${at}.as`, found: `"${stage.as}" names an earlier stage too`, expected: 'a name of its own' });
  }
  if (stage.each !== undefined && !names.includes(stage.each)) {
    const exists = names.length === 0 ? 'nothing: it is the first stage' : names.join(', ');
    problems.push({ path: `${at}.each`, found: `"${stage.each}" is no earlier stage`, expected: exists });
  }
  const task = tasks.find((candidate) => candidate.name === stage.task);
  if (task === undefined) return problems;
  if (stage.each !== undefined && !task.takesEach) {
    problems.push({ path: `${at}.each`, found: `"${stage.each}"`, expected: `nothing: ${task.name} works on the whole capture` });
  }
  const first = tasks.find((candidate) => candidate.name === earlier[0]?.task);
  if (first !== undefined && first.reads !== task.reads) {
    problems.push({
      path: `${at}.task`,
      found: `${task.name} reads ${task.reads}`,
      expected: `a task that reads ${first.reads}, as ${first.name} does`,
    });
  }
  return problems;
}

function resolveStage(
  stage: StageConfig,
  registry: Registry,
  tasks: readonly Task[],
  at: string,
  problems: ResolveProblem[],
): StageSpec | null {
  const task = tasks.find((candidate) => candidate.name === stage.task);
  if (task === undefined) {
    problems.push({ path: `${at}.task`, found: `"${stage.task}" is no task`, expected: tasks.map((each) => each.name).join(', ') });
    return null;
  }
  const model = chooseModel(stage, task, registry, at, problems);
  if (model === null) return null;
  const variant = stage.variant === undefined ? model.variants[0] : model.variants.find((each) => each.name === stage.variant);
  if (variant === undefined) {
    const exists = model.variants.map((each) => each.name).join(', ');
    problems.push({ path: `${at}.variant`, found: `${modelRef(model)} has no variant "${stage.variant}"`, expected: exists });
    return null;
  }
  return {
    as: stage.as,
    task: task.name,
    model: modelRef(model),
    variant: variant.name,
    options: stage.options,
    ...(stage.each === undefined ? {} : { each: stage.each }),
  };
}

function chooseModel(stage: StageConfig, task: Task, registry: Registry, at: string, problems: ResolveProblem[]): Model | null {
  const path = `${at}.model`;
  const suitable = registry.list().filter((model) => model.task === task.name);
  const exists =
    suitable.length === 0 ? `no model for ${task.name} is installed${unreadable(registry)}` : suitable.map(modelRef).join(', ');
  const model = stage.model === undefined ? registry.defaultFor(task.name) : registry.find(stage.model);
  if (model === null) {
    const found = stage.model === undefined ? 'no model named' : `"${stage.model}" is not installed`;
    problems.push({ path, found, expected: suitable.length === 0 ? exists : `${exists}${unreadable(registry)}` });
    return null;
  }
  if (model.task !== task.name) {
    problems.push({ path, found: `${modelRef(model)} is for ${model.task}`, expected: `a model for ${task.name}: ${exists}` });
    return null;
  }
  try {
    task.fit(model);
  } catch (error) {
    problems.push({ path, found: reasonOf(error), expected: 'a card that suits the task' });
    return null;
  }
  return model;
}

function unreadable(registry: Registry): string {
  const [first, ...more] = registry.problems;
  if (first === undefined) return '';
  return `; ${first.path}: ${first.reason}${more.length === 0 ? '' : ` (and ${more.length} more problems)`}`;
}
