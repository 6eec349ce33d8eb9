/** A watched folder as a person would look at it: whether files can be taken from it, and how many wait. Changes nothing. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { limits } from '../../core/limits.js';
import { folderTrouble } from './errno.js';
import { isIgnored } from './look.js';
import { names } from './names.js';

/** Throws what is wrong with it and what to do. */
export async function sightOf(path: string): Promise<string> {
  let waiting = 0;
  try {
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    for await (const name of names(path)) {
      if (!isIgnored(name) && !['work', 'done', 'failed'].includes(name.toString('latin1'))) waiting++;
      if (waiting >= limits.sightEntriesMax) break;
    }
  } catch (error) {
    throw new Error(folderTrouble(path, error));
  }
  return `${waiting >= limits.sightEntriesMax ? 'at least ' : ''}${waiting} waiting in ${path}; none is taken by looking`;
}
