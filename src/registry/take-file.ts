/**
 * Copies one file out of a folder that somebody else may have made, and may still change.
 *
 * Guarantees: what is copied is an ordinary file that lies in that folder under exactly that path, links anywhere in it refused, decided on
 * the open file and not on its name; never more bytes than allowed; a pipe or device does not block.
 */
import { constants, createWriteStream } from 'node:fs';
import { mkdir, open, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ShoalError } from '../core/errors.js';

/**
 * `name` is a path of a card, relative to `folder`; `target` must not exist. Answers false where there is nothing of that name. Throws
 * MODEL_INVALID for what is no ordinary file of that folder or too large, else the system's error.
 */
export async function takeFile(folder: string, name: string, bytesMax: number, target: string): Promise<boolean> {
  const source = path.join(await realpath(folder), name);
  const handle = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error.code === 'ELOOP' || error.code === 'ENXIO' ? notOrdinary(source) : error;
    },
  );
  if (handle === null) return false;
  try {
    const found = await handle.stat();
    if (!found.isFile() || (await readlink(`/proc/self/fd/${handle.fd}`)) !== source) throw notOrdinary(source);
    if (found.size > bytesMax) throw new ShoalError('MODEL_INVALID', `${source} has ${found.size} bytes, at most ${bytesMax} are expected`);
    await mkdir(path.dirname(target), { recursive: true });
    // An empty stream cannot be said with an inclusive end.
    const body = found.size === 0 ? [] : handle.createReadStream({ end: found.size - 1, autoClose: false });
    await pipeline(body, createWriteStream(target, { flags: 'wx' }));
    return true;
  } finally {
    await handle.close();
  }
}

function notOrdinary(source: string): ShoalError {
  return new ShoalError('MODEL_INVALID', `${source} is no ordinary file of that folder; links and devices are not taken`);
}
