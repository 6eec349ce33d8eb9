/**
 * Where `shoal models` and its like look: the models of a configuration and the state folder of its daemon, or the usual ones.
 *
 * The configuration is the one named; else the usual one where it is there and good, so that on a board no option is needed.
 */
import { access } from 'node:fs/promises';
import type { Settings } from '../config/config-parts.js';
import { loadConfig } from '../config/load-config.js';
import { reasonOf } from '../core/errors.js';
import { engineOptions } from '../engine/options.js';
import { runtimeVersion } from '../engine/runtime-version.js';
import { readNature } from '../ops/board.js';
import { openVariantPolicy, type VariantPolicy } from '../registry/choose-variant.js';
import { type BoardFingerprint, fingerprintOf } from '../registry/fingerprint.js';
import { openRegistry, type Registry } from '../registry/registry.js';
import type { CommandContext } from './command-context.js';

export interface ModelsPlaceContext extends CommandContext {
  /** Folders that are looked through when none is named; the bundled models come last. */
  readonly modelsDirectories: readonly string[];
}

export interface PlaceOptions {
  readonly config?: string;
  readonly dir?: readonly string[];
  readonly stateDir?: string;
}

export interface ModelsSetting {
  readonly registry: Registry;
  readonly stateDir: string;
  readonly board: BoardFingerprint;
  readonly policy: VariantPolicy;
  readonly settings: Settings | null;
  readonly engine: ReturnType<typeof engineOptions.parse>;
}

export const usualStateDir = (): string => process.env.STATE_DIRECTORY?.split(':', 1)[0] || '/var/lib/shoal';

/** Throws CONFIG_INVALID for a named configuration that is bad. */
export async function openModelsSetting(context: ModelsPlaceContext, { config, dir, stateDir }: PlaceOptions): Promise<ModelsSetting> {
  const settings = config === undefined ? await usualSettings(context) : await load(config, context);
  const directories = dir ?? [...(settings?.paths.models_dirs ?? []), ...context.modelsDirectories];
  const board = fingerprintOf(readNature(), runtimeVersion());
  const state = stateDir ?? settings?.paths.state_dir ?? usualStateDir();
  return {
    registry: await openRegistry(directories),
    stateDir: state,
    board,
    policy: await openVariantPolicy(settings?.variants ?? 'pinned', state, board),
    settings,
    engine: engineOptions.parse(settings?.engine ?? {}),
  };
}

async function load(file: string, context: CommandContext): Promise<Settings> {
  return (await loadConfig(file, context.parts, { purpose: 'check' })).settings;
}

async function usualSettings(context: CommandContext): Promise<Settings | null> {
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
