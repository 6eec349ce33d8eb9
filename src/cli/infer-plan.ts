/**
 * What `shoal infer` runs: the pipelines of a configuration, one of them, one task, or every task that can read the file.
 */
import type { Settings } from '../config/config-parts.js';
import { loadConfig } from '../config/load-config.js';
import type { CaptureHeader } from '../core/capture.js';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type Model, modelRef } from '../core/model.js';
import { allChoicesOf, canRead, type PipelineConfig, type PipelineSpec } from '../core/pipeline.js';
import type { Zones } from '../core/zone.js';
import type { EngineOptions } from '../engine/options.js';
import { runtimeVersion } from '../engine/runtime-version.js';
import { readNature } from '../ops/board.js';
import { bundledModels, type Parts } from '../parts.js';
import { noCalibrations, readCalibrations } from '../registry/calibrations.js';
import { openVariantPolicy, type VariantPolicy } from '../registry/choose-variant.js';
import { fingerprintOf } from '../registry/fingerprint.js';
import { modelFolders } from '../registry/model-folders.js';
import { openRegistry } from '../registry/registry.js';
import { resolvePipelines } from '../registry/resolve.js';
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

/** Throws USAGE, CONFIG_INVALID or MODEL_MISSING. Of several pipelines, those that cannot run are left out. */
export async function planInference(parts: Parts, options: InferOptions, capture: Capture): Promise<InferPlan> {
  if (options.pipeline !== undefined && options.task !== undefined) throw new ShoalError('USAGE', 'name --pipeline or --task, not both');
  const loaded = options.config === undefined ? null : await loadConfig(options.config, parts, { purpose: 'check' });
  const wanted = choose(parts, options, loaded?.settings.pipelines, capture);
  const policy = await policyOf(loaded?.settings);
  const paths = loaded?.settings.paths ?? { state_dir: usualStateDir(), models_dirs: [] };
  const calibrations = loaded === null ? noCalibrations : await readCalibrations(paths.state_dir);
  const registry = await openRegistry(await modelFolders(paths, [bundledModels]), policy.pins, calibrations);
  const resolution = resolvePipelines(wanted, registry, parts.tasks, { sinks: [], hangMs: limits.hangMsMin, policy });
  if (resolution.pipelines.length === 0) {
    throw new ShoalError(
      'MODEL_MISSING',
      resolution.problems.map(({ path, found, expected }) => `${path}: ${found}; ${expected}`).join('; '),
    );
  }
  const named = options.pipeline !== undefined || options.task !== undefined;
  const pipelines = resolution.pipelines.filter((pipeline) => named || canRead(pipeline, capture));
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

/** What the daemon would choose with this configuration; without one, what is pinned. */
async function policyOf(settings: Settings | undefined): Promise<VariantPolicy> {
  const board = fingerprintOf(readNature(), runtimeVersion());
  if (settings !== undefined) return openVariantPolicy(settings.variants, settings.paths.state_dir, board);
  return { mode: 'pinned', board: board.class, tuning: { state: 'none', reason: 'no configuration was named' } };
}

/** Tasks that add nothing for a person on their own: they find or prepare what another reads or hears, or tell more of what another finds. */
const onRequest = new Set(['detect-text', 'classify-orientation', 'denoise-speech', 'landmark-face']);

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
