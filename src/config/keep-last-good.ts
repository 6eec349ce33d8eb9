/**
 * Last-good: the files of the last configuration that passed, kept on disk (law 9).
 *
 * On disk, under `<state_dir>/last-good/`:
 *   <files hash>/shoal.yaml, <files hash>/conf.d/*.yaml     as written by the operator, variables and secret references unresolved
 *   current                                                the name of the directory that counts
 * A set is complete on disk before `current` names it, and its content must match its name when it is read: a crash or a torn card gives
 * the old set, the new one, or none, never a mixture. Other sets are removed afterwards.
 */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { filesHash } from './files-hash.js';
import type { Loaded } from './load-config.js';
import { readSources, type SourceFile } from './source-file.js';
import { syncDirectory, writeDurably } from './write-durably.js';

export const directoryOf = (stateDir: string) => join(stateDir, 'last-good');

/** Keeps a configuration that passed. Rejects with the system's error; then the earlier one is still there. */
export async function keepLastGood(stateDir: string, loaded: Pick<Loaded, 'files' | 'source'>): Promise<void> {
  if (loaded.source === 'last-good') return;
  const root = directoryOf(stateDir);
  await mkdir(root, { recursive: true, mode: 0o750 });
  const name = filesHash(loaded.files);
  if ((await readCurrent(root)) === name && (await intactSet(root, name)) !== null) return;
  const temporary = join(root, `.${name}.tmp`);
  await rm(temporary, { recursive: true, force: true });
  await writeSet(temporary, loaded.files);
  // Whatever bears the name is not intact, or not named by `current`: nobody would miss it.
  await rm(join(root, name), { recursive: true, force: true });
  await rename(temporary, join(root, name));
  await syncDirectory(root);
  await writeDurably(join(root, 'current'), `${name}\n`);
  for (const entry of await readdir(root)) {
    if (entry !== name && entry !== 'current') await rm(join(root, entry), { recursive: true, force: true });
  }
}

async function writeSet(directory: string, files: readonly SourceFile[]): Promise<void> {
  await mkdir(join(directory, 'conf.d'), { recursive: true, mode: 0o750 });
  for (const file of files) await writeDurably(join(directory, file.name), file.text);
  await syncDirectory(directory);
  await syncDirectory(dirname(directory));
}

export async function readCurrent(root: string): Promise<string | null> {
  try {
    const name = (await readFile(join(root, 'current'), 'utf8')).trim();
    return /^[0-9a-f]{16}$/.test(name) ? name : null;
  } catch {
    return null;
  }
}

/** Path of a kept main file whose set is as it was written, or null. */
export async function intactSet(root: string, name: string): Promise<string | null> {
  const path = join(root, name, 'shoal.yaml');
  const { files, problems } = await readSources(path);
  return problems.length === 0 && filesHash(files) === name ? path : null;
}
