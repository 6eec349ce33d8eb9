/**
 * Takes a path for a unix socket.
 *
 * Guarantees: a living daemon's socket is never taken from it; a dead one's is replaced in one rename, so a caller finds either the old or the
 * new; nothing but a socket is ever removed; only the daemon's user and group may connect (mode 0660) from the first moment on.
 */
import { chmodSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { listen } from './doors.js';

/** sockaddr_un holds 108 bytes, one of them the closing zero; the socket is bound with a suffix first. */
const pathBytesMax = 107;
const suffix = '.new';

/** Throws CONFIG_INVALID when the path is too long, is something else, or is another daemon's; otherwise the system's error. */
export async function listenOnPath(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path + suffix) > pathBytesMax) {
    throw new ShoalError(
      'CONFIG_INVALID',
      `${path} is too long for a unix socket (${pathBytesMax - suffix.length} bytes at most): choose a shorter run_dir`,
    );
  }
  await refuseOccupied(path);
  const fresh = path + suffix;
  if (isSocket(fresh)) unlinkSync(fresh);
  await listen(server, { path: fresh });
  chmodSync(fresh, 0o660);
  renameSync(fresh, path);
}

async function refuseOccupied(path: string): Promise<void> {
  const kind = lstatSync(path, { throwIfNoEntry: false });
  if (kind === undefined) return;
  if (!kind.isSocket())
    throw new ShoalError('CONFIG_INVALID', `${path} is in the way and is no socket: move it, or choose another run_dir`);
  if (await answers(path)) {
    throw new ShoalError('CONFIG_INVALID', `another daemon answers on ${path}: stop it, or give this one a run_dir of its own`);
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    // Refused: nobody listens. Any other error (no permission, a full queue) is somebody's.
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
    socket.setTimeout(limits.httpHeadersMs, () => end(true));
  });
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}

/** The socket's identity on disk; null when it is not there. */
export function inodeOf(path: string): number | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.ino ?? null;
  } catch {
    return null;
  }
}

/** Removes our own socket; another's, which took the path meanwhile, is left. */
export function releasePath(path: string, inode: number): void {
  try {
    if (inodeOf(path) === inode && isSocket(path)) unlinkSync(path);
  } catch {
    // Left behind, it is replaced by the next start.
  }
}
