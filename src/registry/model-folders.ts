/**
 * Where models lie on a board, in the order that counts, and which of these folders gets new ones.
 *
 * A site's own folders come first, since a site names them to be preferred. What `shoal models add` puts into the state folder comes after
 * the bundled models: adding one changes nothing that runs, until a stage or a pin names it or it is a newer version of what runs.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';

export interface ModelPaths {
  readonly state_dir: string;
  readonly models_dirs: readonly string[];
}

/** For a registry. */
export async function modelFolders(paths: ModelPaths, bundled: readonly string[]): Promise<readonly string[]> {
  const own = path.join(paths.state_dir, 'models');
  const absent = await stat(own).then(
    () => false,
    ({ code }: NodeJS.ErrnoException) => code === 'ENOENT' || code === 'ENOTDIR',
  );
  return [...paths.models_dirs, ...bundled, ...(absent ? [] : [own])];
}

/** The folder that `shoal models add` writes to: the first a configuration names, else one in the state folder. */
export function folderForNew({ state_dir, models_dirs }: ModelPaths): string {
  return models_dirs[0] ?? path.join(state_dir, 'models');
}
