/**
 * The files of `shoal apply`: TARGET, TARGET.previous and TARGET.apply, the journal.
 *
 * Guarantees: at any moment TARGET is the whole old file or the whole new one, both of which passed a check; TARGET.previous is the last
 * file that was confirmed by a ready daemon. A journal whose process is gone means: TARGET is whole but unconfirmed. Two applies cannot
 * run at once.
 */
import { open, readFile, realpath, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory, writeDurably } from '../config/write-durably.js';
import { reasonOf } from '../core/errors.js';
import { Exit, exitCodes } from './exit.js';

export interface Journal {
  /** An earlier apply was killed after its swap: what is in TARGET was never confirmed. */
  readonly resumed: boolean;
  /** The text that was confirmed last; null when there is none to go back to. */
  readonly previous: string | null;
}

interface Entry {
  readonly pid: number;
  /** Of the process, in clock ticks since boot: tells it from a later one with the same pid. */
  readonly started: string;
  /** Whether `.previous` is written and TARGET may have been replaced. */
  readonly swapping: boolean;
}

const journalPath = (target: string) => `${target}.apply`;
const previousPath = (target: string) => `${target}.previous`;

/** Takes the journal for this process and makes sure that there is a `.previous`. Throws Exit when another apply is running. */
export async function openJournal(target: string): Promise<Journal> {
  const entry: Entry = { pid: process.pid, started: (await startOf(process.pid)) ?? '', swapping: false };
  const resumed = await takeJournal(target, entry);
  const current = await readOrNull(target);
  // After a killed swap TARGET may hold what was never confirmed; `.previous` is then the one to keep.
  if (resumed) return { resumed, previous: await readOrNull(previousPath(target)) };
  if (current === null) await rm(previousPath(target), { force: true });
  else await writeDurably(previousPath(target), current);
  await writeDurably(journalPath(target), JSON.stringify({ ...entry, swapping: true }));
  return { resumed, previous: current };
}

/** True when it was taken over from an apply that was killed while or after it swapped. */
async function takeJournal(target: string, entry: Entry): Promise<boolean> {
  const path = journalPath(target);
  try {
    const handle = await open(path, 'wx', 0o640);
    try {
      await handle.writeFile(JSON.stringify(entry));
    } finally {
      await handle.close();
    }
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw refused(target, code, reasonOf(error));
  }
  const holder = parseEntry(await readOrNull(path));
  if (holder !== null && holder.started === (await startOf(holder.pid))) {
    throw new Exit(exitCodes.failed, `another shoal apply (process ${holder.pid}) is changing ${target}; wait for it to end`);
  }
  const swapping = holder?.swapping === true;
  await writeDurably(path, JSON.stringify({ ...entry, swapping }));
  return swapping;
}

/** Nothing was changed yet: most often the folder is missing, or the command was not run as root. */
function refused(target: string, code: string | undefined, reason: string): Exit {
  const folder = dirname(target);
  const advice: Partial<Record<string, string>> = {
    ENOENT: `make the folder ${folder}, or name another file with --config`,
    EACCES: `run it as root, or as a user who may write in ${folder}`,
    EROFS: `${folder} is mounted read-only`,
    ENOSPC: `free space on the disk of ${folder}`,
  };
  const todo = (code === undefined ? undefined : advice[code]) ?? `look at ${folder}`;
  return new Exit(exitCodes.failed, `${target} was not changed: ${reason}; ${todo}`);
}

/** Puts a text in TARGET's place; a link is followed, so that it stays one. */
export async function swap(target: string, text: string): Promise<void> {
  await writeDurably(await realpath(target).catch(() => target), text, 0o644);
}

/** What is in TARGET is confirmed, or was put back: the journal has done its duty. */
export async function closeJournal(target: string): Promise<void> {
  await rm(journalPath(target), { force: true });
  await syncDirectory(dirname(target));
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function parseEntry(text: string | null): Entry | null {
  try {
    const { pid, started, swapping } = JSON.parse(text ?? '') as Partial<Entry>;
    return Number.isInteger(pid) && typeof started === 'string' ? { pid: Number(pid), started, swapping: swapping === true } : null;
  } catch {
    // Killed while writing it: nobody holds it.
    return null;
  }
}

/** When a process started; null when it is gone. */
async function startOf(pid: number): Promise<string | null> {
  const text = await readOrNull(`/proc/${pid}/stat`).catch(() => null);
  // The name, in parentheses, may hold anything; the 22nd field is the 20th after it.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}
