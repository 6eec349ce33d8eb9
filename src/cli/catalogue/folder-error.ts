/** What the system says when a folder of models cannot be changed, as an operator wants to read it. */
import { reasonOf, ShoalError } from '../../core/errors.js';
import { Exit } from '../exit.js';

const denied = "run this as the daemon's user or as root";

function adviceFor(code: string, elsewhere: string): string {
  if (code === 'EACCES' || code === 'EPERM') return denied;
  if (code === 'EROFS') return `its file system is read-only; ${elsewhere}`;
  return code === 'ENOSPC' || code === 'EDQUOT' ? `make room, or ${elsewhere}` : 'nothing was changed';
}

/** Errors of our own stay; what else has a code of the system becomes MODEL_FOLDER. `elsewhere` says how to name another folder. */
export function asFolderError(error: unknown, folder: string, elsewhere = 'name another folder in paths.models_dirs'): unknown {
  if (error instanceof ShoalError || error instanceof Exit) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return error;
  return new ShoalError('MODEL_FOLDER', `${folder} cannot be changed: ${reasonOf(error)}; ${adviceFor(code, elsewhere)}`, {
    cause: error,
  });
}
