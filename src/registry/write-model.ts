/**
 * Puts a model with its card into a folder of models, whole or not at all.
 *
 * Guarantees: everything is written and synced in a hidden folder beside the place it is for, which a registry never looks at, and then
 * renamed into place; a version folder that is there already is never touched. Whatever happens meanwhile, the folder of models holds what
 * it held, or that and the new version. Hidden folders left by a process that was killed are cleared by the next one.
 */
import { copyFile, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { reasonOf, ShoalError } from '../core/errors.js';
import { type Card, cardFile, cardSchema, checkedCard } from './card.js';

export interface NewModel {
  readonly card: Card;
  /** By path inside the folder. */
  readonly files: ReadonlyMap<string, Uint8Array | string>;
  /** Files to copy, by path inside the folder: absolute path. */
  readonly copies: ReadonlyMap<string, string>;
}

export function versionFolder(modelsFolder: string, { name, version }: Pick<Card, 'name' | 'version'>): string {
  return path.join(path.resolve(modelsFolder), name, version);
}

/** Throws USAGE when the version is there already, or could not be written: to be asked before hours of work. */
export async function checkPlace(folder: string): Promise<void> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? [] : null));
  if (found === null || found.length > 0) {
    throw new ShoalError('USAGE', `${folder} is there already; a version never changes: remove it, or name another folder with --out`);
  }
  let existing = path.dirname(folder);
  while ((await stat(existing).catch(() => null)) === null && path.dirname(existing) !== existing) existing = path.dirname(existing);
  const probe = path.join(existing, `.shoal-probe-${process.pid}`);
  try {
    await mkdir(probe);
    await rm(probe, { recursive: true });
  } catch (cause) {
    throw new ShoalError('USAGE', `nothing can be written to ${existing}: ${reasonOf(cause)}; name another folder with --out`, { cause });
  }
}

/** Answers the version folder. Throws USAGE when it is there already, MODEL_INVALID for a card that is not good, else the system's error. */
export async function writeModelFolder(modelsFolder: string, model: NewModel): Promise<string> {
  const folder = versionFolder(modelsFolder, model.card);
  checkedCard(cardSchema, model.card, path.join(folder, cardFile));
  await checkPlace(folder);
  const above = path.dirname(folder);
  await mkdir(above, { recursive: true });
  await clearLeftovers(above, path.basename(folder));
  const partial = path.join(above, `${partialPrefix(path.basename(folder))}${process.pid}`);
  try {
    await mkdir(partial);
    const inside = async (name: string): Promise<string> => {
      const file = path.join(partial, name);
      await mkdir(path.dirname(file), { recursive: true });
      return file;
    };
    for (const [name, from] of model.copies) await copyFile(from, await inside(name));
    for (const [name, content] of model.files) await writeSynced(await inside(name), content);
    for (const name of model.copies.keys()) await syncPath(path.join(partial, name));
    await writeSynced(await inside(cardFile), stringify(model.card, { lineWidth: 140 }));
    await syncPath(partial);
    await rename(partial, folder);
    await syncPath(above);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}

function partialPrefix(version: string): string {
  return `.${version}.partial-`;
}

async function clearLeftovers(above: string, version: string): Promise<void> {
  const prefix = partialPrefix(version);
  for (const name of await readdir(above)) {
    const pid = Number(name.startsWith(prefix) ? name.slice(prefix.length) : Number.NaN);
    const dead = Number.isInteger(pid) && (await lstat(`/proc/${pid}`).catch(() => null)) === null;
    if (dead) await rm(path.join(above, name), { recursive: true, force: true });
  }
}

async function writeSynced(file: string, content: Uint8Array | string): Promise<void> {
  const handle = await open(file, 'wx', 0o644);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncPath(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
