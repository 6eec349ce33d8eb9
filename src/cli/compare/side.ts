/** One side of a comparison: a configuration, perhaps with another model in it, as far as it can run here. */

import { openBoardModels } from '../../board-models.js';
import { loadConfig } from '../../config/load-config.js';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { modelRef } from '../../core/model.js';
import type { PipelineConfig, StageConfig } from '../../core/pipeline.js';
import type { Parts } from '../../parts.js';
import type { Registry } from '../../registry/registry.js';
import { resolvePipelines } from '../../registry/resolve.js';
import { type InferPlan, planOf, refuseNone } from '../infer-plan.js';

/** Another model for the stages of its task. */
export interface Override {
  /** `name` or `name@version`. */
  readonly model: string;
  readonly variant?: string;
}

export interface Wanted {
  readonly file: string;
  readonly pipeline?: string;
  /** Only pipelines that take captures from it. */
  readonly input?: string;
  readonly override?: Override;
}

export interface Side {
  /** For a person: the file, and what is other than in it. */
  readonly label: string;
  readonly configHash: string;
  readonly plan: InferPlan;
  /** Pipelines that run. */
  readonly names: readonly string[];
  /** Why others do not, each with its place in the configuration. */
  readonly problems: readonly string[];
}

type Pipelines = Readonly<Record<string, PipelineConfig>>;

/** Throws USAGE, CONFIG_INVALID or MODEL_MISSING. */
export async function openSide(parts: Parts, wanted: Wanted): Promise<Side> {
  const loaded = await loadConfig(wanted.file, parts, { purpose: 'check' });
  const { registry, policy } = await openBoardModels(loaded.settings);
  const chosen = choose(loaded.settings.pipelines, wanted);
  const { override } = wanted;
  const pipelines = override === undefined ? chosen : overridden(chosen, override, registry);
  const resolution = resolvePipelines(pipelines, registry, parts.tasks, { sinks: [], hangMs: limits.hangMsMin, policy });
  refuseNone(resolution);
  const said = resolution.problems.map(({ path, found, expected }) => `${path}: ${found}; ${expected}`);
  // What was asked for and cannot run must not pass for a comparison of the rest.
  const task = override === undefined ? undefined : registry.find(override.model)?.task;
  const unfit = resolution.problems.findIndex(({ path }) => taskAt(pipelines, path) === task && task !== undefined);
  if (unfit >= 0) throw new ShoalError('USAGE', `${override?.model} cannot be tried: ${said[unfit]}`);
  return {
    label: override === undefined ? wanted.file : `${wanted.file} with ${[override.model, override.variant ?? ''].join(' ').trim()}`,
    configHash: loaded.configHash,
    plan: planOf(parts, loaded, resolution.pipelines, registry),
    names: resolution.pipelines.map(({ name }) => name),
    problems: said,
  };
}

/** Of the stage that a problem's path leads to. */
function taskAt(pipelines: Pipelines, path: string): string | undefined {
  const [, name = '', index = ''] = /^pipelines\.([^.]+)\.stages\[(\d+)\]/.exec(path) ?? [];
  return pipelines[name]?.stages[Number(index)]?.task;
}

function choose(all: Pipelines, { file, pipeline, input }: Wanted): Pipelines {
  const wanted = Object.entries(all).filter(
    ([name, { from }]) => (pipeline === undefined || name === pipeline) && (input === undefined || from.includes(input)),
  );
  if (wanted.length > 0) return Object.fromEntries(wanted);
  const asked = [pipeline === undefined ? '' : `called "${pipeline}"`, input === undefined ? '' : `that takes from "${input}"`];
  const known = Object.entries(all).map(([name, { from }]) => `${name} (from ${from.join(', ')})`);
  throw new ShoalError('USAGE', `${file} has no pipeline ${asked.join(' ').trim()}; it has ${known.join(', ')}`);
}

/** A second look that would come to the same falls away: there is nothing better to ask any more. */
function overridden(pipelines: Pipelines, { model: ref, variant }: Override, registry: Registry): Pipelines {
  const model = registry.find(ref);
  if (model === null) throw new ShoalError('USAGE', `there is no model "${ref}"; "shoal models list" shows those there are`);
  if (!Object.values(pipelines).some(({ stages }) => stages.some(({ task }) => task === model.task)))
    throw new ShoalError('USAGE', `${modelRef(model)} is for ${model.task}, which no stage of these pipelines asks for`);
  const change = ({ accept, escalate, variant: own, ...stage }: StageConfig): StageConfig => {
    const isOther = escalate?.model !== undefined && registry.find(escalate.model) !== model;
    const isBetter = escalate !== undefined && (isOther || escalate.variant !== variant);
    return { ...stage, model: modelRef(model), variant: variant ?? own, ...(isBetter ? { accept, escalate } : {}) };
  };
  const changed = Object.entries(pipelines).map(([name, pipeline]) => {
    const stages = pipeline.stages.map((stage) => (stage.task === model.task ? change(stage) : stage));
    return [name, { ...pipeline, stages }];
  });
  return Object.fromEntries(changed) as Pipelines;
}
