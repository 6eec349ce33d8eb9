/**
 * Real captures a freshly imported model is tried on: those that were named, else the samples that come with Shoal.
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { canRead } from '../../core/pipeline.js';
import type { Task } from '../../core/task.js';
import { sniffFile } from '../sniff-file.js';

const bundled = fileURLToPath(new URL('../../../../samples', import.meta.url));

/** Absolute paths of files the task can read, at most `limits.triedCapturesMax`. Throws USAGE for a name that is not there. */
export async function triedCaptures(named: readonly string[] | undefined, task: Task): Promise<readonly string[]> {
  const files = (await Promise.all((named ?? [bundled]).map(filesOf))).flat();
  const readable: string[] = [];
  for (const file of files) {
    if (readable.length >= limits.triedCapturesMax) break;
    if (await suits(file, task)) readable.push(file);
  }
  if (named !== undefined && readable.length === 0) {
    throw new ShoalError('USAGE', `none of the ${files.length} files to try is ${task.reads}, which ${task.name} reads`);
  }
  return readable;
}

async function filesOf(place: string): Promise<string[]> {
  const file = path.resolve(place);
  const found = await stat(file).catch(() => null);
  if (found === null) throw new ShoalError('USAGE', `--try ${place} does not exist`);
  if (!found.isDirectory()) return [file];
  return (await readdir(file)).sort().map((name) => path.join(file, name));
}

async function suits(file: string, { reads }: Task): Promise<boolean> {
  const found = await sniffFile(file).catch(() => null);
  return found !== null && found.bytes <= limits.sampleBytesMax && canRead({ reads: [reads] }, found);
}
