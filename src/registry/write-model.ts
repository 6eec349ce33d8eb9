/**
 * Puts a model with its card into a folder of models, whole or not at all (see stage-folder.ts). A version folder that is there already is
 * never touched.
 */
import { copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { reasonOf, ShoalError } from '../core/errors.js';
import { type Card, cardFile, cardSchema, cardText, checkedCard } from './card.js';
import { stageVersion } from './stage-folder.js';

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

/** Throws USAGE when the version is there already, or could not be written: to be asked before hours of work. `instead` says what to do. */
export async function checkPlace(folder: string, instead = 'name another folder with --out'): Promise<void> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? [] : null));
  if (found === null || found.length > 0) {
    throw new ShoalError('USAGE', `${folder} is there already; a version never changes: remove it, or ${instead}`);
  }
  let existing = path.dirname(folder);
  while ((await stat(existing).catch(() => null)) === null && path.dirname(existing) !== existing) existing = path.dirname(existing);
  const probe = path.join(existing, `.shoal-probe-${process.pid}`);
  try {
    await mkdir(probe);
    await rm(probe, { recursive: true });
  } catch (cause) {
    throw new ShoalError('USAGE', `nothing can be written to ${existing}: ${reasonOf(cause)}; ${instead}`, { cause });
  }
}

/**
 * Answers the version folder. `judge` may still refuse what is written, by throwing: then it never appears. Throws USAGE when the version is
 * there already, MODEL_INVALID for a card that is not good, else the system's error.
 */
export async function writeModelFolder(
  modelsFolder: string,
  { card, files, copies }: NewModel,
  judge?: (staged: string) => Promise<void>,
): Promise<string> {
  const folder = versionFolder(modelsFolder, card);
  checkedCard(cardSchema, card, path.join(folder, cardFile));
  await checkPlace(folder);
  return stageVersion(modelsFolder, card, async (staged) => {
    const inside = async (name: string): Promise<string> => {
      const file = path.join(staged, name);
      await mkdir(path.dirname(file), { recursive: true });
      return file;
    };
    for (const [name, from] of copies) await copyFile(from, await inside(name));
    for (const [name, content] of files) await writeFile(await inside(name), content);
    await writeFile(await inside(cardFile), cardText(card));
    await judge?.(staged);
  });
}
