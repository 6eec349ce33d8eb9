/** What the system says when a folder of models cannot be changed, as an operator wants to read it. */
import { reasonOf, ShoalError } from '../../core/errors.js';
import { Exit } from '../exit.js';

const advice: Readonly<Record<string, string>> = {
  EACCES: "run this as the daemon's user or as root",
  EPERM: "run this as the daemon's user or as root",
  EROFS: 'its file system is read-only; name another folder in paths.models_dirs',
  ENOSPC: 'make room, or name another folder in paths.models_dirs',
  EDQUOT: 'make room, or name another folder in paths.models_dirs',
};

/** Errors of our own stay; what else has a code of the system becomes MODEL_FOLDER. */
export function asFolderError(error: unknown, folder: string): unknown {
  if (error instanceof ShoalError || error instanceof Exit) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return error;
  return new ShoalError('MODEL_FOLDER', `${folder} cannot be changed: ${reasonOf(error)}; ${advice[code] ?? 'nothing was changed'}`, {
    cause: error,
  });
}
