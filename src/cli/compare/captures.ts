/**
 * The captures of a comparison: the files that were named, and those in the folders that were.
 *
 * Guarantees: in the order in which they were named, a folder's by name; at most as many as asked for, and it is said how many were left out;
 * what cannot be a capture is named with its reason and stops nothing. Takes no subfolders, hidden files or reason files.
 */
import { opendir, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CaptureHeader } from '../../core/capture.js';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { captureId } from '../../core/id.js';
import { limits } from '../../core/limits.js';
import { sniffFile } from '../sniff-file.js';

export interface KeptCapture {
  /** As it was named, or found in the folder that was. */
  readonly file: string;
  /** Absolute. */
  readonly path: string;
  readonly header: CaptureHeader;
}

export interface Unreadable {
  readonly file: string;
  readonly reason: string;
}

export interface Captures {
  readonly captures: readonly KeptCapture[];
  readonly unreadable: readonly Unreadable[];
  /** Files beyond the limit. */
  readonly leftOut: number;
}

/** `input`: the name their headers carry. Throws USAGE where there is no file at all. */
export async function collectCaptures(named: readonly string[], most: number, input: string): Promise<Captures> {
  const files: string[] = [];
  const unreadable: Unreadable[] = [];
  let leftOut = 0;
  for (const name of named) {
    try {
      const found = (await stat(name)).isDirectory() ? await filesIn(name) : { names: [name], more: 0 };
      const room = most - files.length;
      files.push(...found.names.slice(0, room));
      leftOut += found.more + Math.max(0, found.names.length - room);
    } catch (error) {
      unreadable.push({ file: name, reason: reasonOf(error) });
    }
  }
  const captures: KeptCapture[] = [];
  for (const file of files) {
    try {
      captures.push(await capture(file, captures.length + 1, input));
    } catch (error) {
      unreadable.push({ file, reason: reasonOf(error) });
    }
  }
  if (captures.length === 0 && unreadable.length === 0) throw new ShoalError('USAGE', `there is no file in ${named.join(', ')}`);
  return { captures, unreadable, leftOut };
}

async function filesIn(folder: string): Promise<{ names: string[]; more: number }> {
  const names: string[] = [];
  let more = 0;
  for await (const entry of await opendir(folder)) {
    if (!entry.isFile() || entry.name.startsWith('.') || entry.name.endsWith('.reason.txt')) continue;
    if (names.length < limits.compareFilesMax) names.push(join(folder, entry.name));
    else more++;
  }
  return { names: names.sort(), more };
}

/** Taken when it was last written: the hours of `report.active` are then the same on both sides and every time. */
async function capture(file: string, seq: number, input: string): Promise<KeptCapture> {
  const { kind, mediaType, bytes } = await sniffFile(file);
  const { mtimeMs } = await stat(file);
  const capturedAt = new Date(mtimeMs).toISOString();
  const header = {
    id: captureId(mtimeMs),
    input,
    name: basename(file),
    kind,
    mediaType,
    bytes,
    capturedAt,
    clockSynced: true,
    boot: 1,
    seq,
  };
  return { file, path: await realpath(file), header };
}
