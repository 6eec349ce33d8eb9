/**
 * Keeps `done/` or `failed/` within its hours, bytes and `limits.keptFilesMax`, oldest first.
 *
 * Guarantees: memory is bounded by the number of files allowed, not by the number found; a folder inside is left alone.
 * Age is the time since the file was moved here (ctime), so it is judged only while the clock is synchronized: a board
 * that wakes up in 1970 or jumps ahead must not lose what it kept.
 */
import { lstat, rm } from 'node:fs/promises';
import { limits } from '../../core/limits.js';
import { isCode } from './errno.js';
import { names } from './names.js';
import type { FolderOptions } from './options.js';
import type { Kept, Places } from './places.js';

interface Entry {
  readonly path: Buffer;
  readonly at: number;
  readonly bytes: number;
}

/** Down to this share of a bound once it is passed, so that not every file costs a sweep. */
const lowWater = 0.9;

interface Swept {
  /** Files deleted, and what is left. */
  readonly gone: number;
  readonly files: number;
  readonly bytes: number;
}

/** `wallMs`: now, or null while the clock is not to be trusted. */
export async function sweep(places: Places, place: Kept, options: FolderOptions, wallMs: number | null): Promise<Swept> {
  const oldest = wallMs === null ? Number.NEGATIVE_INFINITY : wallMs - options.keep_hours * 3_600_000;
  let kept: Entry[] = [];
  let gone = 0;
  const drop = async (entries: readonly Entry[]) => {
    for (const { path } of entries) await rm(path, { force: true });
    gone += entries.length;
  };
  for await (const name of names(places.folder(place))) {
    const entry = await entryOf(places.at(place, name));
    if (entry === null) continue;
    if (entry.at < oldest) await drop([entry]);
    else kept.push(entry);
    if (kept.length >= 2 * limits.keptFilesMax) kept = await newest(kept, limits.keptFilesMax, drop);
  }
  // One file above the whole bound must not push out all the others; its reason file stays and names it.
  await drop(kept.filter(({ bytes }) => bytes > options.keep_bytes));
  kept = kept.filter(({ bytes }) => bytes <= options.keep_bytes);
  if (kept.length > limits.keptFilesMax) kept = await newest(kept, limits.keptFilesMax * lowWater, drop);
  if (sizeOf(kept) > options.keep_bytes) kept = await newest(kept, countWithin(kept, options.keep_bytes * lowWater), drop);
  return { gone, files: kept.length, bytes: sizeOf(kept) };
}

function sizeOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entry.bytes, 0);
}

async function newest(entries: Entry[], most: number, drop: (entries: readonly Entry[]) => Promise<void>): Promise<Entry[]> {
  entries.sort((a, b) => b.at - a.at);
  await drop(entries.splice(most));
  return entries;
}

/** How many of the newest stay within `most` bytes. Sorts. */
function countWithin(entries: Entry[], most: number): number {
  entries.sort((a, b) => b.at - a.at);
  let sum = 0;
  const first = entries.findIndex((entry) => {
    sum += entry.bytes;
    return sum > most;
  });
  return first < 0 ? entries.length : first;
}

async function entryOf(path: Buffer): Promise<Entry | null> {
  try {
    const stat = await lstat(path);
    return stat.isDirectory() ? null : { path, at: stat.ctimeMs, bytes: stat.size };
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
}
