/**
 * The crew: which pipelines run here, with which models and variants, and the engines that run them.
 *
 * Part of the composition root, as daemon.ts is: it knows the registry and the engines. Guarantees: what cannot run is told in log and health with
 * its reason, and never blocks the start. Rejects with CONFIG_INVALID only.
 */
import { openBoardModels } from './board-models.js';
import type { Settings } from './config/config-parts.js';
import type { Surroundings } from './core/contracts.js';
import { keepRules } from './core/keep.js';
import { modelRef } from './core/model.js';
import { allChoicesOf, type ModelChoice, type PipelineSpec } from './core/pipeline.js';
import { EnginePool } from './engine/pool.js';
import { type Parts, parts } from './parts.js';
import { tellCalibrations } from './registry/calibrations.js';
import { chooseVariant, type VariantPolicy } from './registry/choose-variant.js';
import { type Pins, tellPins } from './registry/pins.js';
import type { Registry } from './registry/registry.js';
import { type Resolution, resolvePipelines } from './registry/resolve.js';
import { RunningVariants } from './registry/running-variants.js';

export type DaemonSettings = Settings<Parts['sections']>;

export interface Crew {
  readonly pipelines: readonly PipelineSpec[];
  /** `name@version` of every model that may run. */
  readonly models: readonly string[];
  readonly pins: Pins['models'];
  readonly variants: RunningVariants;
  /** What finds the faces that inputs hide; null where nothing can, or need. */
  readonly faces: ModelChoice | null;
  /** Not started. */
  readonly engines: EnginePool;
}

export async function gatherCrew(settings: DaemonSettings, surroundings: Surroundings): Promise<Crew> {
  const { sinks, engine } = settings;
  const { log, health } = surroundings;
  const { registry, policy } = await openBoardModels(settings);
  for (const { path, reason } of registry.problems) log.warn({ part: 'models', path }, `a model is left out: ${reason}`);
  tellPins(registry, log, health);
  tellCalibrations(registry.calibrationProblems, log, health);
  const defaults = { sinks: Object.keys(sinks), hangMs: engine.hang_ms, policy };
  const resolution = resolvePipelines(settings.pipelines, registry, parts.tasks, defaults);
  const { pipelines, runs } = resolution;
  tellPipelines(resolution, surroundings);
  const variants = new RunningVariants(policy, runs);
  variants.tellPolicy(log, health);
  const rules = Object.entries(settings.inputs).map(([name, input]) => [name, keepRules(input)] as const);
  const faces = rules.some(([, { hideFaces }]) => hideFaces) ? faceModel(registry, policy, surroundings) : null;
  const choices = [...pipelines.flatMap(allChoicesOf), ...(faces === null ? [] : [faces])];
  const models = [...new Set(choices.map(({ model }) => model))].flatMap((ref) => registry.find(ref) ?? []);
  // A model that cannot be opened then shows before it meets a capture.
  const warm = [...new Map(choices.map((choice) => [`${choice.model}:${choice.variant}`, choice])).values()];
  const masks = Object.fromEntries(rules.map(([name, { mask }]) => [name, mask]));
  const engines = new EnginePool({ options: engine, pipelines, models, warm, masks, surroundings });
  return { pipelines, models: models.map(modelRef), pins: registry.pins.models, variants, faces, engines };
}

/** The board's own choice for detect-faces: without one, an input that hides faces keeps and shows nothing. */
function faceModel(registry: Registry, policy: VariantPolicy, { log, health }: Surroundings): ModelChoice | null {
  const model = registry.defaultFor('detect-faces');
  const choice = model === null ? null : chooseVariant(model, policy);
  if (model !== null && choice !== null) return { model: modelRef(model), variant: choice.variant.name };
  const why = 'no model for detect-faces is installed: inputs with redact.faces keep and show nothing';
  health.set('keep', 'degraded', why);
  log.error({ part: 'keep' }, `${why}; "shoal models catalogue" shows those to be had`);
  return null;
}

function tellPipelines({ pipelines, problems }: Resolution, { log, health }: Surroundings): void {
  for (const { name } of pipelines) health.set(`pipeline:${name}`, 'ok');
  for (const { path, found, expected, advice } of problems) {
    const why = `${path}: ${found}; ${advice ? '' : 'need '}${expected}`;
    health.set(`pipeline:${path.split('.')[1]}`, 'down', why);
    log.error({ part: 'models', key: path }, `a pipeline does not run: ${why}`);
  }
}
