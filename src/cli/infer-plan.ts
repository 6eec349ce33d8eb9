/**
 * What `shoal infer` runs: the pipelines of a configuration, one of them, one task, or every task that can read the file.
 */

import { openBoardModels, openReleasedModels } from '../board-models.js';
import { type Loaded, loadConfig } from '../config/load-config.js';
import type { CaptureHeader } from '../core/capture.js';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type Model, modelRef } from '../core/model.js';
import { allChoicesOf, canRead, type PipelineConfig, type PipelineSpec } from '../core/pipeline.js';
import type { Zones } from '../core/zone.js';
import type { EngineOptions } from '../engine/options.js';
import type { Parts } from '../parts.js';
import type { Registry } from '../registry/registry.js';
import { type Resolution, resolvePipelines } from '../registry/resolve.js';
import { usualStateDir } from './models-setting.js';

export interface InferOptions {
  readonly config?: string;
  readonly pipeline?: string;
  readonly task?: string;
  readonly json?: boolean;
  readonly explain?: boolean;
}

export interface InferPlan {
  readonly pipelines: readonly PipelineSpec[];
  readonly models: readonly Model[];
  readonly engine: EngineOptions;
  readonly device: string;
  readonly configHash: string;
  /** By input. */
  readonly zones: Readonly<Record<string, Zones>>;
}

type Capture = Pick<CaptureHeader, 'kind' | 'mediaType'>;
type Pipelines = Readonly<Record<string, PipelineConfig>>;
export type LoadedParts = Loaded<Parts['sections']>;

/** Throws USAGE, CONFIG_INVALID or MODEL_MISSING. Of several pipelines, those that cannot run are left out. */
export async function planInference(parts: Parts, options: InferOptions, capture: Capture): Promise<InferPlan> {
  if (options.pipeline !== undefined && options.task !== undefined) throw new ShoalError('USAGE', 'name --pipeline or --task, not both');
  const loaded = options.config === undefined ? null : await loadConfig(options.config, parts, { purpose: 'check' });
  const wanted = choose(parts, options, loaded?.settings.pipelines, capture);
  const { registry, policy } = await (loaded === null ? openReleasedModels(usualStateDir()) : openBoardModels(loaded.settings));
  const resolution = resolvePipelines(wanted, registry, parts.tasks, { sinks: [], hangMs: limits.hangMsMin, policy });
  refuseNone(resolution);
  const named = options.pipeline !== undefined || options.task !== undefined;
  const pipelines = resolution.pipelines.filter((pipeline) => named || canRead(pipeline, capture));
  return planOf(parts, loaded, pipelines, registry);
}

/** Throws MODEL_MISSING, with every problem, where no pipeline can run. */
export function refuseNone({ pipelines, problems }: Resolution): void {
  if (pipelines.length > 0) return;
  throw new ShoalError('MODEL_MISSING', problems.map(({ path, found, expected }) => `${path}: ${found}; ${expected}`).join('; '));
}

/** What an engine needs for these pipelines. */
export function planOf(parts: Parts, loaded: LoadedParts | null, pipelines: readonly PipelineSpec[], registry: Registry): InferPlan {
  const models = pipelines.flatMap(allChoicesOf).flatMap(({ model }) => registry.find(model) ?? []);
  return {
    pipelines,
    models: [...new Map(models.map((model) => [modelRef(model), model])).values()],
    engine: loaded?.settings.engine ?? parts.sections.engine.parse({}),
    device: loaded?.settings.device.id ?? 'local',
    configHash: loaded?.configHash ?? 'none',
    zones: Object.fromEntries(Object.entries(loaded?.settings.inputs ?? {}).map(([name, { zones = {} }]) => [name, zones])),
  };
}

/**
 * Tasks that add nothing for a person on their own: they find or prepare what another reads or hears, tell more of what another finds, compare
 * pictures, or turn a thing into numbers to compare.
 */
const onRequest = new Set([
  'detect-text',
  'classify-orientation',
  'denoise-speech',
  'detect-motion',
  'landmark-face',
  'embed-audio',
  'embed-image',
]);

function choose(parts: Parts, { pipeline, task }: InferOptions, configured: Pipelines | undefined, capture: Capture): Pipelines {
  if (task !== undefined) return taskPipeline(parts, task);
  if (pipeline !== undefined) return pick(configured, pipeline);
  if (configured !== undefined) return configured;
  const answers = parts.tasks.filter(({ name, reads }) => canRead({ reads: [reads] }, capture) && !onRequest.has(name));
  return Object.assign({}, ...answers.map(({ name }) => taskPipeline(parts, name))) as Pipelines;
}

function pick(configured: Pipelines | undefined, name: string): Pipelines {
  const config = configured?.[name];
  if (config !== undefined) return { [name]: config };
  if (configured === undefined) throw new ShoalError('USAGE', `--pipeline ${name} needs --config FILE, which defines it`);
  throw new ShoalError('USAGE', `the configuration has no pipeline "${name}"; it has ${Object.keys(configured).join(', ')}`);
}

/** A task on its own; one that looks at what another found gets that one in front. */
function taskPipeline(parts: Parts, name: string): Pipelines {
  const task = parts.tasks.find((candidate) => candidate.name === name);
  if (task === undefined) {
    throw new ShoalError('USAGE', `"${name}" is no task; the tasks are ${parts.tasks.map((candidate) => candidate.name).join(', ')}`);
  }
  const stage = { task: name, as: 'answer', options: task.options.parse({}) as Record<string, unknown> };
  const report = { trace: 'summary' as const };
  const finder = parts.tasks.find((candidate) => candidate.name === task.looksAt);
  if (finder === undefined) return { [name]: { from: [], stages: [stage], report, priority: 5 } };
  const first = { task: finder.name, as: 'regions', options: finder.options.parse({}) as Record<string, unknown> };
  return { [name]: { from: [], stages: [first, { ...stage, each: 'regions' }], report, priority: 5 } };
}
