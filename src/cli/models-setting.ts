/**
 * Where `shoal models` and its like look: the models of a configuration and the state folder of its daemon, or the usual ones.
 *
 * The configuration is the one named; else the usual one where it is there and good, so that on a board no option is needed.
 */
import { access } from 'node:fs/promises';
import type { Settings } from '../config/config-parts.js';
import { type Loaded, loadConfig } from '../config/load-config.js';
import { reasonOf } from '../core/errors.js';
import { engineOptions } from '../engine/options.js';
import { runtimeVersion } from '../engine/runtime-version.js';
import { readNature } from '../ops/board.js';
import { type Calibrations, readCalibrations } from '../registry/calibrations.js';
import { openVariantPolicy, type VariantPolicy } from '../registry/choose-variant.js';
import { type BoardFingerprint, fingerprintOf } from '../registry/fingerprint.js';
import { type ModelPaths, modelFolders } from '../registry/model-folders.js';
import { openRegistry, type Registry } from '../registry/registry.js';
import { type ModelsOptions, modelsOptions } from '../registry/sources.js';
import type { CommandContext } from './command-context.js';

export interface ModelsPlaceContext extends CommandContext {
  /** Folders of the models that come with Shoal. */
  readonly modelsDirectories: readonly string[];
  /** The folder of the catalogue that comes with Shoal. */
  readonly catalogue: string;
}

export interface PlaceOptions {
  readonly config?: string;
  readonly dir?: readonly string[];
  readonly stateDir?: string;
}

export interface ModelsSetting {
  readonly registry: Registry;
  readonly paths: ModelPaths;
  readonly stateDir: string;
  readonly board: BoardFingerprint;
  readonly policy: VariantPolicy;
  readonly calibrations: Calibrations;
  readonly settings: Settings | null;
  readonly modelsOptions: ModelsOptions;
  /** The files the settings were read from. */
  readonly configFiles: readonly string[];
  readonly engine: ReturnType<typeof engineOptions.parse>;
}

export const usualStateDir = (): string => process.env.STATE_DIRECTORY?.split(':', 1)[0] || '/var/lib/shoal';

/** Throws CONFIG_INVALID for a named configuration that is bad. */
export async function openModelsSetting(context: ModelsPlaceContext, { config, dir, stateDir }: PlaceOptions): Promise<ModelsSetting> {
  const loaded = await namedOrUsual(context, config);
  const settings = loaded?.settings ?? null;
  const board = fingerprintOf(readNature(), runtimeVersion());
  const state = stateDir ?? settings?.paths.state_dir ?? usualStateDir();
  const paths = { state_dir: state, models_dirs: settings?.paths.models_dirs ?? [] };
  const policy = await openVariantPolicy(settings?.variants ?? 'pinned', state, board);
  const calibrations = await readCalibrations(state);
  return {
    registry: await openRegistry(dir ?? (await modelFolders(paths, context.modelsDirectories)), policy.pins, calibrations),
    paths,
    stateDir: state,
    board,
    policy,
    calibrations,
    settings,
    modelsOptions: modelsOptions.parse(settings?.models ?? {}),
    configFiles: loaded?.files.map((file) => file.path) ?? [],
    engine: engineOptions.parse(settings?.engine ?? {}),
  };
}

/** Null where none is named and the usual one is not there, or bad, which is said. Throws CONFIG_INVALID for a named one that is bad. */
export async function namedOrUsual(context: CommandContext, config: string | undefined): Promise<Loaded | null> {
  return config === undefined ? usualConfig(context) : load(config, context);
}

function load(file: string, context: CommandContext): Promise<Loaded> {
  return loadConfig(file, context.parts, { purpose: 'check' });
}

async function usualConfig(context: CommandContext): Promise<Loaded | null> {
  const file = context.defaults.configPath;
  if (
    !(await access(file).then(
      () => true,
      () => false,
    ))
  )
    return null;
  return load(file, context).catch((error: unknown) => {
    context.stderr.write(`shoal: ${file} is not used, since it is bad: ${reasonOf(error)}\n`);
    return null;
  });
}
