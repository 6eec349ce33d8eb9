/**
 * A file of lines that only grows: appended in whole batches, each on disk before it counts, rotated by size.
 *
 * Guarantees: `append` resolves after fdatasync (and fsync of the folder for a new file); a line cut off by a crash is ended
 * before anything is added, so it spoils itself only; a batch that failed halfway is cut off again. Opens no link and
 * nothing but a regular file. Not for two writers.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ShoalError } from '../core/errors.js';

const newline = 0x0a;

export interface LineFileOptions {
  readonly path: string;
  readonly max_bytes: number;
  readonly keep_files: number;
}

export class LineFile {
  readonly #options: LineFileOptions;
  #file: FileHandle | null = null;
  #inode = 0;
  /** Bytes known to be whole lines on disk. */
  #size = 0;

  constructor(options: LineFileOptions) {
    this.#options = options;
  }

  /** Opens or creates the file and mends its tail. Rejects with what the file system said, or DELIVERY_RETRY when it is no regular file. */
  async open(): Promise<void> {
    const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
    const file = await open(this.#options.path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o640);
    try {
      const facts = await file.stat();
      if (!facts.isFile()) throw new ShoalError('DELIVERY_RETRY', `${this.#options.path} is no regular file`);
      this.#inode = facts.ino;
      this.#size = facts.size;
      await this.#mendTail(file);
      if (facts.size === 0) await this.#syncFolder();
      this.#file = file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Adds whole lines (each ending in a newline) and resolves when they are on disk. After a rejection none of them counts. */
  async append(lines: readonly Buffer[]): Promise<void> {
    const batch = Buffer.concat(lines);
    if (this.#file !== null && !(await this.#stillThere())) await this.close();
    if (this.#file === null) await this.open();
    if (this.#size > 0 && this.#size + batch.length > this.#options.max_bytes) await this.#rotate();
    const file = this.#file;
    if (file === null) throw new ShoalError('DELIVERY_RETRY', `${this.#options.path} is not open`);
    try {
      await file.appendFile(batch);
      await file.datasync();
      this.#size += batch.length;
    } catch (error) {
      await this.#cutBack(file);
      throw error;
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async #mendTail(file: FileHandle): Promise<void> {
    if (this.#size === 0) return;
    const last = Buffer.alloc(1);
    await file.read(last, 0, 1, this.#size - 1);
    if (last[0] === newline) return;
    await file.appendFile(Buffer.of(newline));
    await file.datasync();
    this.#size++;
  }

  /** Takes a half-written batch away; where that fails too, the next opening ends the torn line. */
  async #cutBack(file: FileHandle): Promise<void> {
    try {
      await file.truncate(this.#size);
    } catch {
      await this.close().catch(() => {});
    }
  }

  /** Whether the path still names the open file; another program may have rotated or removed it. */
  async #stillThere(): Promise<boolean> {
    try {
      return (await stat(this.#options.path)).ino === this.#inode;
    } catch {
      return false;
    }
  }

  async #rotate(): Promise<void> {
    const { path, keep_files: keep } = this.#options;
    await this.close();
    if (keep === 0) await rm(path, { force: true });
    for (let number = keep; number > 0; number--) {
      const from = number === 1 ? path : `${path}.${number - 1}`;
      await rename(from, `${path}.${number}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    }
    await this.open();
  }

  async #syncFolder(): Promise<void> {
    const folder = await open(dirname(this.#options.path), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}
