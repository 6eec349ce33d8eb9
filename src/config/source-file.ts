/**
 * Reads the main file and `conf.d/*.yaml` beside it, as text, bounded.
 *
 * Guarantees: never blocks on a pipe or device, never reads more than the limits allow, says of each file why it could not be used.
 * Does not parse.
 */
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { limits } from '../core/limits.js';
import type { Problem } from './problem.js';

export interface SourceFile {
  /** As given for the main file, beside it for the others. */
  readonly path: string;
  /** `shoal.yaml` for the main file, `conf.d/NAME` for the others: how last-good keeps it. */
  readonly name: string;
  readonly text: string;
}

export interface Sources {
  /** Main file first, then `conf.d` in name order; files that could not be read are missing. */
  readonly files: readonly SourceFile[];
  readonly problems: readonly Problem[];
  /** The main file could not be read at all. */
  readonly unreadable: boolean;
}

/** `extrasDirectory` stands for `conf.d` beside the main file when the main file is going to be moved. */
export async function readSources(mainPath: string, extrasDirectory = join(dirname(mainPath), 'conf.d')): Promise<Sources> {
  const problems: Problem[] = [];
  const files: SourceFile[] = [];
  const main = await readText(mainPath, problems);
  const unreadable = main === null;
  if (main !== null) files.push({ path: mainPath, name: 'shoal.yaml', text: main });
  for (const name of await listExtras(extrasDirectory, problems)) {
    const path = join(extrasDirectory, name);
    const text = await readText(path, problems);
    if (text !== null) files.push({ path, name: `conf.d/${name}`, text });
  }
  return { files, problems, unreadable };
}

async function listExtras(directory: string, problems: Problem[]): Promise<string[]> {
  let entries: string[];
  try {
    entries = await readdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') problems.push(about(directory, `cannot be listed (${code})`, 'let the daemon read it'));
    return [];
  }
  const visible = entries.filter((name) => !name.startsWith('.')).sort();
  for (const name of visible.filter((entry) => entry.endsWith('.yml'))) {
    problems.push({ ...about(join(directory, name), 'is not read', 'only *.yaml files are: rename it'), severity: 'warning' });
  }
  const extras = visible.filter((name) => name.endsWith('.yaml'));
  if (extras.length > limits.configFilesMax) {
    problems.push(about(directory, `holds ${extras.length} files, at most ${limits.configFilesMax} are read`, 'merge some of them'));
  }
  return extras.slice(0, limits.configFilesMax);
}

async function readText(path: string, problems: Problem[]): Promise<string | null> {
  const bytes = await readBounded(path, limits.configBytesMax);
  if (!(bytes instanceof Uint8Array)) {
    problems.push(about(path, bytes.message, bytes.hint));
    return null;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const { line, column } = firstBadByte(bytes);
    problems.push({ ...about(path, 'is not UTF-8 text', 'save it as UTF-8'), place: { file: path, line, column } });
    return null;
  }
}

interface Unreadable {
  readonly message: string;
  readonly hint: string;
}

/** Bytes of a regular file, or why not. Opened without blocking, so that a named pipe cannot hold a thread for ever. */
export async function readBounded(path: string, bytesMax: number): Promise<Uint8Array | Unreadable> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    return whyNot(error as NodeJS.ErrnoException);
  }
  try {
    const facts = await handle.stat();
    if (facts.isDirectory()) return { message: 'is a directory, need a file', hint: 'name the file in it' };
    if (!facts.isFile()) return { message: 'is no regular file', hint: 'need an ordinary file' };
    const buffer = Buffer.alloc(Math.min(facts.size, bytesMax) + 1);
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, null);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    if (filled > bytesMax || facts.size > bytesMax) {
      return { message: `is larger than ${bytesMax} bytes`, hint: 'a file this large is hardly the right one' };
    }
    return buffer.subarray(0, filled);
  } catch (error) {
    return whyNot(error as NodeJS.ErrnoException);
  } finally {
    await handle.close();
  }
}

function whyNot(error: NodeJS.ErrnoException): Unreadable {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return { message: 'does not exist', hint: 'write it, or name another' };
  if (error.code === 'EACCES' || error.code === 'EPERM')
    return { message: 'may not be read by this user', hint: 'change its owner or mode' };
  return { message: `cannot be read (${error.code ?? 'unknown'})`, hint: 'look at the disk' };
}

function about(file: string, message: string, hint: string): Problem {
  return { severity: 'error', place: { file }, path: '', message, hint };
}

/** Where strict decoding fails: the longest prefix that still decodes, found by halving. */
function firstBadByte(bytes: Uint8Array): { line: number; column: number } {
  const lenient = new TextDecoder('utf-8').decode(bytes);
  const encoder = new TextEncoder();
  let offset = 0;
  let line = 1;
  let column = 1;
  for (const character of lenient) {
    const expected = encoder.encode(character);
    if (expected.some((byte, i) => bytes[offset + i] !== byte)) break;
    offset += expected.length;
    if (character === '\n') [line, column] = [line + 1, 1];
    else column++;
  }
  return { line, column };
}
