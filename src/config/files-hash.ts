/** The identity of a set of configuration files: what was written, not what it means. */
import { createHash } from 'node:crypto';
import type { SourceFile } from './source-file.js';

/** 16 hex digits over the bytes and names of the files as written. */
export function filesHash(files: readonly Pick<SourceFile, 'name' | 'text'>[]): string {
  const hash = createHash('sha256');
  for (const { name, text } of files) hash.update(`${name}\n${Buffer.byteLength(text)}\n${text}\n`);
  return hash.digest('hex').slice(0, 16);
}
