/**
 * From an entry of the catalogue, a folder or an archive to a model in a folder of models.
 *
 * Guarantees: the version appears whole and verified or not at all (stage-folder.ts): every file hashed before anything reads it as a model,
 * the card checked against its folder, and whatever `verify` finds wrong refused. Only files that the card names are taken, by the paths of
 * the card's own pattern, which never lead out of the folder; links are not followed (take-file.ts).
 */
import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buildVariant, parseRecipe } from '../compile/recipe.js';
import { ShoalError } from '../core/errors.js';
import { type Model, modelRef } from '../core/model.js';
import { type ArchivedModel, unpackModel } from './archive.js';
import { type Card, cardFile, readCard } from './card.js';
import { filesOfCard } from './card-files.js';
import type { CatalogueEntry } from './catalogue.js';
import type { FetchOptions } from './fetch-file.js';
import { type Download, fetchFromSources, type Source } from './sources.js';
import { stageVersion } from './stage-folder.js';
import { takeFile } from './take-file.js';

/** What is wrong with the staged model; empty when all is well. */
export type Verify = (model: Model) => Promise<readonly string[]>;

export interface InstallOptions {
  readonly verify: Verify;
  readonly signal?: AbortSignal;
}

export interface FetchInstallOptions extends InstallOptions {
  readonly sources: readonly Source[];
  readonly fetch?: Pick<FetchOptions, 'resolve' | 'pace'>;
  readonly onProgress?: (file: string, bytes: number, of: number) => void;
  readonly onRefusal?: (reason: string) => void;
}

/** Fetches, builds, verifies. Answers the version folder. Throws MODEL_FETCH, MODEL_HASH, MODEL_INVALID, USAGE or the system's error. */
export function installEntry({ card, directory }: CatalogueEntry, modelsFolder: string, options: FetchInstallOptions): Promise<string> {
  const download = card.source.download ?? {};
  return stageVersion(modelsFolder, card, async (staged) => {
    await copyNamed(card, directory, staged, Object.keys(download));
    const scratch = path.join(path.dirname(path.dirname(staged)), 'fetched');
    await mkdir(scratch);
    for (const [name, file] of Object.entries(download)) {
      const fetched = await fetchOnce(name, file, scratch, options);
      await place(card, name, fetched, staged);
      options.signal?.throwIfAborted();
    }
    await rm(scratch, { recursive: true });
    await judge(staged, options);
  });
}

/** From a version folder of anybody's. As `installEntry`, fetching and building nothing. */
export async function installFolder(directory: string, modelsFolder: string, options: InstallOptions): Promise<string> {
  const { card } = await readCard(path.resolve(directory), { labels: false });
  return stageVersion(modelsFolder, card, async (staged) => {
    await copyNamed(card, path.resolve(directory), staged, []);
    await judge(staged, options);
  });
}

/** A version folder as it is, into another folder of models. Throws as `installFolder` does, but nothing is verified. */
export function copyModel(directory: string, card: Card, modelsFolder: string, signal?: AbortSignal): Promise<string> {
  return stageVersion(modelsFolder, card, async (staged) => {
    await copyNamed(card, directory, staged, []);
    signal?.throwIfAborted();
  });
}

/** From an archive of `shoal models export`. As `installFolder`. */
export function installArchive(archive: ArchivedModel, modelsFolder: string, options: InstallOptions): Promise<string> {
  return stageVersion(modelsFolder, archive.card, async (staged) => {
    await unpackModel(archive, staged, options.signal);
    await judge(staged, options);
  });
}

/** The same content is fetched once, whatever it is called. Named by attempt, since a source that failed leaves a beginning. */
async function fetchOnce(name: string, file: Download, scratch: string, options: FetchInstallOptions): Promise<string> {
  const kept = path.join(scratch, file.sha256);
  if ((await lstat(kept).catch(() => null)) !== null) return kept;
  const { sources, fetch, signal, onProgress, onRefusal } = options;
  const fetched = await fetchFromSources(sources, file, (attempt) => `${kept}.${attempt}`, {
    ...fetch,
    ...(signal === undefined ? {} : { signal }),
    ...(onRefusal === undefined ? {} : { onRefusal }),
    onProgress: (bytes) => onProgress?.(name, bytes, file.bytes),
  });
  await rename(fetched, kept);
  return kept;
}

/** What was fetched under the name of a variant with a recipe is what that recipe is for. */
async function place(card: Card, name: string, fetched: string, staged: string): Promise<void> {
  const target = path.join(staged, name);
  await mkdir(path.dirname(target), { recursive: true });
  const recipe = Object.values(card.variants).find(({ file }) => file === name)?.recipe;
  if (recipe === undefined) return copyFile(fetched, target, constants.COPYFILE_EXCL);
  const file = path.join(staged, recipe);
  await writeFile(target, buildVariant(await readFile(fetched), parseRecipe(await readFile(file, 'utf8'), file)), { flag: 'wx' });
}

/** The files a card names, as far as they are there; whether enough are is for `judge`. */
async function copyNamed(card: Card, from: string, to: string, without: readonly string[]): Promise<void> {
  for (const { path: name, bytesMax } of filesOfCard(card)) {
    if (!without.includes(name)) await takeFile(from, name, bytesMax, path.join(to, name));
  }
}

async function judge(staged: string, { verify, signal }: InstallOptions): Promise<void> {
  const { card, model } = await readCard(staged);
  for (const { path: name, needed } of filesOfCard(card)) {
    if (needed && (await lstat(path.join(staged, name)).catch(() => null)) === null) {
      throw new ShoalError('MODEL_INVALID', `${modelRef(card)}: its ${cardFile} names ${name}, which is not there`);
    }
  }
  const problems = await verify(model);
  signal?.throwIfAborted();
  const [first] = problems;
  if (first === undefined) return;
  const told = problems.map((problem) => problem.replaceAll(`${staged}/`, '')).join('; ');
  throw new ShoalError('MODEL_INVALID', `${modelRef(card)} is not installed: ${told}`);
}
