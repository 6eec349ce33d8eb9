/** The models of this board and which variants of them run: what the daemon would choose with a configuration; without one, what is pinned. */
import type { Settings } from '../config/config-parts.js';
import { runtimeVersion } from '../engine/runtime-version.js';
import { readNature } from '../ops/board.js';
import { bundledModels } from '../parts.js';
import { noCalibrations, readCalibrations } from '../registry/calibrations.js';
import { openVariantPolicy, type VariantPolicy } from '../registry/choose-variant.js';
import { fingerprintOf } from '../registry/fingerprint.js';
import { modelFolders } from '../registry/model-folders.js';
import { openRegistry, type Registry } from '../registry/registry.js';
import { usualStateDir } from './models-setting.js';

export interface BoardModels {
  readonly registry: Registry;
  readonly policy: VariantPolicy;
}

export async function openBoardModels(settings: Settings | null): Promise<BoardModels> {
  const policy = await policyOf(settings);
  const paths = settings?.paths ?? { state_dir: usualStateDir(), models_dirs: [] };
  const calibrations = settings === null ? noCalibrations : await readCalibrations(paths.state_dir);
  return { registry: await openRegistry(await modelFolders(paths, [bundledModels]), policy.pins, calibrations), policy };
}

async function policyOf(settings: Settings | null): Promise<VariantPolicy> {
  const board = fingerprintOf(readNature(), runtimeVersion());
  if (settings !== null) return openVariantPolicy(settings.variants, settings.paths.state_dir, board);
  return { mode: 'pinned', board: board.class, tuning: { state: 'none', reason: 'no configuration was named' } };
}
