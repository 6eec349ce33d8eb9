/**
 * Attributes of sysfs: small files whose content the kernel makes when they are read.
 *
 * Guarantees: at most a page is read; a number is finite or there is none. Reading one may take as long as the sensor takes, so never on the loop.
 */
import { readdir, readFile } from 'node:fs/promises';

export type ReadProblem = 'gone' | 'not-now' | 'forbidden' | 'failed';

/** Without its line feed. Rejects with the system's error. */
export async function readAttribute(path: string): Promise<string> {
  return (await readFile(path, 'latin1')).slice(0, 4096).trim();
}

/** Null where there is none, or nothing in it, or it cannot be read. */
export async function attributeOr(path: string): Promise<string | null> {
  return (await readAttribute(path).catch(() => '')) || null;
}

/** Rejects as `readAttribute`, or with what is no number. */
export async function readNumber(path: string): Promise<number> {
  const text = await readAttribute(path);
  const value = Number(text);
  if (text === '' || !Number.isFinite(value))
    throw Object.assign(new Error(`${path} holds "${text.slice(0, 40)}", no number`), { code: 'EINVAL' });
  return value;
}

export function problemOf(error: unknown): ReadProblem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (['ENOENT', 'ENODEV', 'ENXIO', 'ENOTDIR'].includes(code)) return 'gone';
  // A driver whose sensor measures at this moment, or sleeps.
  if (['EAGAIN', 'EBUSY', 'EINTR', 'ETIMEDOUT', 'ENODATA', 'EINVAL'].includes(code)) return 'not-now';
  return code === 'EACCES' || code === 'EPERM' ? 'forbidden' : 'failed';
}

/** Sorted as people count; empty where there is no such folder. */
export async function entriesOf(folder: string, pattern: RegExp): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.filter((name) => pattern.test(name)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

export interface Device {
  /** Its folder under /sys. */
  readonly folder: string;
  /** What a person may call it by: its name, its label, where it hangs. */
  readonly names: readonly string[];
}

/** By its name; `what` it is for a person. Throws what to do where none or several are called so. */
export function chooseDevice(devices: readonly Device[], wanted: string, what: string): Device {
  const found = devices.filter(({ names }) => names.includes(wanted));
  const [first] = found;
  if (first === undefined) {
    const known = devices.map(({ names }) => names[0]).join(', ');
    throw new Error(
      `there is no ${what} ${wanted}; ${known === '' ? `there is none here at all: is its driver loaded?` : `there are: ${known}`}`,
    );
  }
  if (found.length === 1) return first;
  const ways = found.map(({ names }) => names.slice(1).join(' or ') || names[0]).join('; ');
  throw new Error(`there are ${found.length} of ${what} ${wanted}; name one by its label or where it hangs: ${ways}`);
}

/** Where several channels want one name, all but the first get a number. */
export function unlike(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    return before === 0 ? name : `${name}#${before + 1}`;
  });
}
