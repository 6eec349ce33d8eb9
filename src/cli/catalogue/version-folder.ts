/** Which folder of a model a person means: a version folder itself, or one with a single model in it. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { ShoalError } from '../../core/errors.js';
import { cardFile } from '../../registry/card.js';

/** Throws MODEL_MISSING when there is no model in it, or more than one. */
export async function versionFolderIn(folder: string): Promise<string> {
  if ((await readdir(folder)).includes(cardFile)) return folder;
  const found: string[] = [];
  for (const name of await foldersIn(folder)) {
    for (const version of await foldersIn(path.join(folder, name))) {
      const inside = path.join(folder, name, version);
      if ((await readdir(inside)).includes(cardFile)) found.push(inside);
    }
  }
  const [only, ...more] = found;
  if (only === undefined)
    throw new ShoalError('MODEL_MISSING', `${folder} holds no model: neither ${cardFile} nor <name>/<version>/${cardFile}`);
  if (more.length > 0) throw new ShoalError('MODEL_MISSING', `${folder} holds ${found.length} models; name one, such as ${only}`);
  return only;
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
}
