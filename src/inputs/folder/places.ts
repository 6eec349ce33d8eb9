/**
 * The watched folder and its three subfolders: `work/` (claimed), `done/`, `failed/`.
 *
 * Guarantees: names are raw bytes throughout; a move never replaces a file; nothing follows a link that someone
 * put in the place of a subfolder; a reason file is written to a new file only.
 * All four lie on one filesystem, for a claim is a rename. Claimed files are private (`work/` is mode 0700), so what
 * was verified there stays what it was.
 */
import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ShoalError } from '../../core/errors.js';
import { extendName } from './claim-name.js';
import { isCode } from './errno.js';

export type Kept = 'done' | 'failed';
type Place = 'work' | Kept;

const reasonSuffix = '.reason.txt';
const keptMode = 0o770;

export class Places {
  readonly path: string;
  /** One move at a time: it looks for a free name, then takes it. */
  #moves: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = resolve(path);
  }

  /** Makes what is missing of the subfolders; answers which folder this is. Throws INPUT_UNAVAILABLE or what the system said. */
  async ensure(): Promise<string> {
    const identity = await this.identity();
    await this.#ensure('work', 0o700);
    await this.#ensure('done', keptMode);
    await this.#ensure('failed', keptMode);
    return identity;
  }

  /** Device and inode of the watched folder: another one may have come in its place. */
  async identity(): Promise<string> {
    const stat = await lstat(`${this.path}/.`);
    if (!stat.isDirectory()) throw new ShoalError('INPUT_UNAVAILABLE', `${this.path} is not a folder; give the path of one`);
    return `${stat.dev}:${stat.ino}`;
  }

  async #ensure(place: Place, mode: number): Promise<void> {
    await mkdir(this.folder(place), { mode }).catch((error: unknown) => {
      if (!isCode(error, 'EEXIST')) throw error;
    });
    if (!(await lstat(this.folder(place))).isDirectory()) {
      throw new ShoalError(
        'INPUT_UNAVAILABLE',
        `${this.folder(place)} must be a folder of the daemon's own, and is something else; move it away`,
      );
    }
  }

  folder(place?: Place): string {
    return place === undefined ? this.path : `${this.path}/${place}`;
  }

  at(place: Place | undefined, name: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`${this.folder(place)}/`), name]);
  }

  /** What `lstat` says, or null when the entry is gone. */
  async stat(path: Buffer | string): Promise<Stats | null> {
    return lstat(path).catch((error: unknown) => {
      if (isCode(error, 'ENOENT')) return null;
      throw error;
    });
  }

  /** Makes the entries of these folders durable; the watched folder itself is `undefined`. A folder that is gone has none. */
  async sync(...places: (Place | undefined)[]): Promise<void> {
    for (const place of places) await syncFolder(this.folder(place));
  }

  /**
   * Moves an entry to `done/` or `failed/` under its name or one like it, with a reason file beside it if given.
   * Answers the new name; null when the entry was gone. Not durable before `sync`.
   */
  moveTo(place: Kept, from: Buffer, wanted: Buffer, unique: string, reason?: string): Promise<Buffer | null> {
    const move = this.#moves.then(() => this.#moveTo(place, from, wanted, unique, reason));
    this.#moves = move.catch(() => undefined);
    return move;
  }

  async #moveTo(place: Kept, from: Buffer, wanted: Buffer, unique: string, reason?: string): Promise<Buffer | null> {
    await this.#ensure(place, keptMode);
    const name = await this.#freeName(place, wanted, unique);
    if (reason !== undefined) await this.#writeReason(place, name, reason);
    try {
      await rename(from, this.at(place, name));
      return name;
    } catch (error) {
      if (reason !== undefined) await rm(this.#reasonPath(place, name), { force: true });
      // The folder moved to may be what is missing: only then the entry is still there.
      if (isCode(error, 'ENOENT') && (await this.stat(from)) === null) return null;
      throw error;
    }
  }

  async #freeName(place: Kept, wanted: Buffer, unique: string): Promise<Buffer> {
    const additions = ['', '-2', '-3', '-4', '-5', '-6', '-7', '-8', '-9', `-${unique}`];
    for (const addition of additions) {
      const name = extendName(wanted, addition, reasonSuffix.length);
      if ((await this.stat(this.at(place, name))) === null) return name;
    }
    throw new ShoalError('SHOAL_INTERNAL', `no free name for a file in ${this.folder(place)}`);
  }

  #reasonPath(place: Kept, name: Buffer): Buffer {
    return this.at(place, Buffer.concat([name, Buffer.from(reasonSuffix)]));
  }

  /** A disk too full for the reason must not keep the file from being moved: then the reason is only logged. */
  async #writeReason(place: Kept, name: Buffer, reason: string): Promise<void> {
    const path = this.#reasonPath(place, name);
    await rm(path, { force: true });
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    try {
      const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o660);
      await file.writeFile(reason).finally(() => file.close());
    } catch (error) {
      if (!isCode(error, 'ENOSPC', 'EDQUOT')) throw error;
      await rm(path, { force: true });
    }
  }
}

/** Some filesystems cannot sync a folder and say EINVAL: they owe nothing more. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    if (!isCode(error, 'ENOENT', 'EINVAL', 'ENOTSUP')) throw error;
  }
}
