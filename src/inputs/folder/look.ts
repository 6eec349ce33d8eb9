/**
 * What is to be done with one entry of a watched folder, from its lstat alone. Pure.
 *
 * Nothing is opened here: a named pipe must never be, and a link is judged as the link it is.
 */
import type { Stats } from 'node:fs';
import type { FolderOptions } from './options.js';

/** Why an entry never becomes a capture; bounded, for it labels a metric. */
export type Refusal = 'symlink' | 'fifo' | 'socket' | 'device' | 'hard_link' | 'empty' | 'too_large' | 'directory' | 'unreadable' | 'stray';

export type Look =
  | { readonly kind: 'ready' }
  /** Not finished, as far as one can tell; look again in so many milliseconds. */
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** An empty file, or one with two names, is likely in the making: it gets this many settle times before it is refused. */
const patience = 10;

/**
 * `quietMs`: for how long size and modification have stood still; `linkedMs`: for how long the number of links has.
 */
export function look(stat: Stats, quietMs: number, linkedMs: number, options: FolderOptions): Look {
  const odd = oddKind(stat);
  if (odd !== null) return { kind: 'refused', refusal: odd };
  if (quietMs < options.settle_ms) return { kind: 'wait', ms: options.settle_ms - quietMs };
  const patienceMs = options.settle_ms * patience;
  if (stat.nlink !== 1)
    return linkedMs < patienceMs ? { kind: 'wait', ms: patienceMs - linkedMs } : { kind: 'refused', refusal: 'hard_link' };
  if (stat.size === 0) return quietMs < patienceMs ? { kind: 'wait', ms: patienceMs - quietMs } : { kind: 'refused', refusal: 'empty' };
  if (stat.size > options.max_bytes) return { kind: 'refused', refusal: 'too_large' };
  return { kind: 'ready' };
}

/** What an opened, claimed file must still be; null when it is. */
export function refusalOf(stat: Stats, options: FolderOptions): Refusal | null {
  const found = look(stat, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, options);
  return found.kind === 'refused' ? found.refusal : null;
}

function oddKind(stat: Stats): Refusal | null {
  if (stat.isFile()) return null;
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isSocket()) return 'socket';
  return 'device';
}

const unfinished = /\.(part|tmp|crdownload)$/i;

/** Names a writer uses for what is not finished: dot files, *.part, *.tmp, *.crdownload. */
export function isIgnored(name: Buffer): boolean {
  return name[0] === 0x2e || unfinished.test(name.subarray(-12).toString('latin1'));
}
