/** What the system's errors mean for a watched folder, for a person. */
import { reasonOf, ShoalError } from '../../core/errors.js';

export function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** One sentence: what is wrong with the folder, and what to do. */
export function folderTrouble(path: string, error: unknown): string {
  if (error instanceof ShoalError) return error.message;
  if (isCode(error, 'ENOENT', 'ENOTDIR', 'ESTALE'))
    return `the folder is gone: ${path} does not exist; make it again or mount it, and it is watched again by itself`;
  if (isCode(error, 'EACCES', 'EPERM'))
    return `no permission to take files from ${path}: the daemon's user needs to read, write and enter it (${reasonOf(error)})`;
  if (isCode(error, 'EROFS')) return `${path} is read-only: a file is taken by renaming it, so mount it writable`;
  if (isCode(error, 'EXDEV'))
    return `${path} and its work/, done/ and failed/ must be on one filesystem: remove the mount or link among them`;
  if (isCode(error, 'ENOSPC', 'EDQUOT')) return `the disk of ${path} is full: free some space`;
  if (isCode(error, 'EIO')) return `the disk of ${path} does not answer properly (${reasonOf(error)}): check it`;
  return `${path} cannot be watched: ${reasonOf(error)}`;
}
