/**
 * The models of this board and what decides which variants of them run: for the daemon, and for commands that say what it would do.
 *
 * Part of the composition root, beside parts.ts: it knows the registry and what this board is.
 */
import type { Settings } from './config/config-parts.js';
import { runtimeVersion } from './engine/runtime-version.js';
import { readNature } from './ops/board.js';
import { bundledModels } from './parts.js';
import { readCalibrations } from './registry/calibrations.js';
import { openVariantPolicy, type VariantPolicy } from './registry/choose-variant.js';
import { fingerprintOf } from './registry/fingerprint.js';
import { modelFolders } from './registry/model-folders.js';
import { openRegistry, type Registry } from './registry/registry.js';

export interface BoardModels {
  readonly registry: Registry;
  readonly policy: VariantPolicy;
}

/** With the pins, the tuning and the calibrations of the state folder. */
export async function openBoardModels({ paths, variants }: Pick<Settings, 'paths' | 'variants'>): Promise<BoardModels> {
  const policy = await openVariantPolicy(variants, paths.state_dir, fingerprintOf(readNature(), runtimeVersion()));
  const calibrations = await readCalibrations(paths.state_dir);
  return { registry: await openRegistry(await modelFolders(paths, [bundledModels]), policy.pins, calibrations), policy };
}

/** As released, where no configuration is named: what is pinned runs, and models that were added to the usual state folder are there. */
export async function openReleasedModels(stateDir: string): Promise<BoardModels> {
  const board = fingerprintOf(readNature(), runtimeVersion()).class;
  const policy: VariantPolicy = { mode: 'pinned', board, tuning: { state: 'none', reason: 'no configuration was named' } };
  return { registry: await openRegistry(await modelFolders({ state_dir: stateDir, models_dirs: [] }, [bundledModels])), policy };
}
