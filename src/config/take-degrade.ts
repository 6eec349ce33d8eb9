/**
 * The steps of `degrade`: each names one thing to give up, and the stage or pipeline that it names is there.
 *
 * What only the registry knows (is there such a variant?) is told when the pipelines are resolved.
 */
import type { z } from 'zod';
import type { DegradeConfig, StageConfig } from '../core/pipeline.js';
import { checkName } from './check-name.js';
import type { Draft } from './draft.js';
import { describe } from './explain-issue.js';
import { schemaAt } from './json-schema.js';
import { type PathSegment, printable } from './problem.js';
import { degradeKeys, degradeSchema } from './schemas.js';

/** A stage as parsed, where it is written, and its own options as they were written. */
export interface WrittenStage {
  readonly stage: StageConfig;
  readonly path: readonly PathSegment[];
  readonly written: Readonly<Record<string, unknown>>;
}

type Step = z.infer<typeof degradeSchema>;

/** Those steps that will do; null where the pipeline has none. */
export function takeDegrade(
  draft: Draft,
  path: readonly PathSegment[],
  steps: unknown,
  stages: readonly WrittenStage[],
): readonly DegradeConfig[] | null {
  if (!Array.isArray(steps)) return null;
  const taken = steps.map((step, i) => takeStep(draft, [...path, i], step, stages, i === steps.length - 1));
  const left = new Set(stages.map(({ stage }) => stage.as));
  for (const [i, step] of taken.entries()) {
    const name = step?.skip ?? step?.stage;
    if (name === undefined) continue;
    const at = [...path, i, step?.skip === undefined ? 'stage' : 'skip'];
    if (!left.has(name) && stages.some(({ stage }) => stage.as === name)) {
      draft.add(at, `an earlier step leaves out ${printable(name)} already`, 'remove one of the two');
    }
    if (step?.skip === undefined || !left.delete(name)) continue;
    if (left.size === 0) draft.add(at, 'nothing is left of the pipeline then', 'name another pipeline');
  }
  return taken.flatMap((step) => step ?? []);
}

function takeStep(
  draft: Draft,
  at: readonly PathSegment[],
  value: unknown,
  stages: readonly WrittenStage[],
  last: boolean,
): DegradeConfig | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    draft.add(at, `got ${describe(value)}, need a map with stage, skip or pipeline`);
    return null;
  }
  const entries = Object.entries(value);
  const own = Object.fromEntries(entries.filter(([key]) => degradeKeys.includes(key)));
  const rest = Object.fromEntries(entries.filter(([key]) => !degradeKeys.includes(key)));
  const step = draft.take(degradeSchema, at, own);
  if (step === undefined) return null;
  const named = (['stage', 'skip', 'pipeline'] as const).filter((key) => step[key] !== undefined);
  if (named.length !== 1) {
    const found = named.length === 0 ? 'names nothing to give up' : `names ${named.join(' and ')}`;
    draft.add(at, `${found}, need one of stage, skip or pipeline`, 'make each its own step');
    return null;
  }
  if (named[0] !== 'stage') return checkWhole(draft, at, step, rest, stages, last);
  return takeStage(draft, at, step, rest, stages);
}

/** A step that leaves out a stage, or the whole pipeline. */
function checkWhole(
  draft: Draft,
  at: readonly PathSegment[],
  step: Step,
  rest: Readonly<Record<string, unknown>>,
  stages: readonly WrittenStage[],
  last: boolean,
): DegradeConfig | null {
  const { skip, pipeline: _, ...others } = step;
  for (const key of [...Object.keys(others), ...Object.keys(rest)]) {
    draft.add([...at, key], `means something only with stage`, 'remove it, or name the stage that it is for', { atKey: true });
  }
  if (skip !== undefined) {
    const names = stages.map(({ stage }) => stage.as);
    checkName(draft, [...at, 'skip'], skip, names, 'stage');
  } else if (!last) draft.add([...at, 'pipeline'], 'another pipeline looks at the capture from here on', 'make it the last step');
  return step;
}

function takeStage(
  draft: Draft,
  at: readonly PathSegment[],
  step: Step,
  rest: Readonly<Record<string, unknown>>,
  stages: readonly WrittenStage[],
): DegradeConfig | null {
  const found = stages.find(({ stage }) => stage.as === step.stage);
  if (found === undefined) {
    const names = stages.map(({ stage }) => stage.as);
    if (step.stage !== undefined) checkName(draft, [...at, 'stage'], step.stage, names, 'stage');
    return null;
  }
  const { stage, written, path } = found;
  if (step.escalate !== undefined && stage.escalate === undefined) {
    draft.add([...at, 'escalate'], `${printable(stage.as)} takes no second look`, 'remove it');
  }
  const { stage: _, ...changes } = step;
  if (Object.keys(changes).length + Object.keys(rest).length === 0) {
    draft.add(at, 'changes nothing', 'give it a variant, a model, escalate: off or an option of the task');
  }
  if (step.variant !== undefined && step.model === undefined && step.variant === stage.variant) {
    draft.add([...at, 'variant'], `"${printable(step.variant)}" is what the stage runs already`, 'name a cheaper variant');
  }
  const task = draft.parts.tasks.find(({ name }) => name === stage.task);
  if (Object.keys(rest).length === 0 || task === undefined) return step;
  // What is expected of an option is said in the schema of the stage.
  const json = schemaAt(draft.schema, path, draft.value) ?? {};
  const options = draft.take(task.options as z.ZodType<Record<string, unknown>>, at, { ...written, ...rest }, json);
  return options === undefined ? null : { ...step, options };
}
