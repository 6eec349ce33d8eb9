/**
 * The canonical form of settings: what their hash is made of, and their freezing.
 */
import { createHash } from 'node:crypto';
import { Secret } from '../core/secret.js';
import type { Settings } from './config-parts.js';

/**
 * 16 hex digits that change exactly when the resolved settings mean something else: comments, order of keys, and values written out that
 * are the defaults make no difference. Secrets are left out, so that the hash may be published; so is `paths`, which says where things
 * are on a machine and not what it does, and which systemd sets for the daemon but not for a command.
 */
export function configHash(settings: Settings): string {
  const { paths: _, ...meaning } = settings;
  return createHash('sha256').update(canonicalJson(meaning)).digest('hex').slice(0, 16);
}

/** JSON with sorted keys, without secrets and without what is undefined. */
export function canonicalJson(value: unknown): string {
  if (value instanceof Secret) return 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([, child]) => child !== undefined && !(child instanceof Secret))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${canonicalJson(child)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** Freezes plain data all the way down. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  for (const child of Object.values(value)) deepFreeze(child);
  return value;
}
