/**
 * Reads the encoded bytes of a capture inside the engine: whole, or the parts a task asks for.
 *
 * Guarantees: never follows a link, never blocks on a pipe or device, never reads more than the limit, and never
 * returns a mixture of two states of a file: what grew or changed since it was claimed, or while it was read, is refused.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { CaptureContent, CaptureHeader } from '../core/capture.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { FilePort } from '../core/task.js';

/** An open capture; `close` it. */
export interface OpenContent extends FilePort {
  /** Every byte. Rejects as `read`, and with CAPTURE_TOO_LARGE above `limits.captureBytesMax`. */
  whole(): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Rejects with CAPTURE_CHANGED, CAPTURE_UNSUPPORTED (not a regular file) or INPUT_UNAVAILABLE (cannot be read). */
export async function openContent(content: CaptureContent, header: Pick<CaptureHeader, 'bytes'>): Promise<OpenContent> {
  if ('bytes' in content) return bytesContent(content.bytes);
  const file = await openFile(content.path);
  try {
    const claimed = await file.stat();
    if (!claimed.isFile()) throw new ShoalError('CAPTURE_UNSUPPORTED', 'it is not a regular file');
    if (claimed.size !== header.bytes) throw changed(header.bytes, claimed.size);
    return new FileContent(file, claimed);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** As `openContent` and `whole`. */
export async function readContent(content: CaptureContent, header: Pick<CaptureHeader, 'bytes'>): Promise<Uint8Array> {
  const opened = await openContent(content, header);
  try {
    return await opened.whole();
  } finally {
    await opened.close();
  }
}

/** Bytes in memory, which are kept and must not change. */
export function bytesContent(bytes: Uint8Array): OpenContent {
  return {
    bytes: bytes.length,
    read: async (offset, length) => bytes.slice(offset, offset + boundedRange(length)),
    whole: async () => bytes,
    close: async () => {},
  };
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new ShoalError('CAPTURE_CHANGED', 'the file is gone: it was removed after it was claimed', { cause });
    if (code === 'ELOOP') throw new ShoalError('CAPTURE_UNSUPPORTED', 'the file is a symbolic link, which is never followed', { cause });
    throw unreadable(cause);
  }
}

class FileContent implements OpenContent {
  readonly #file: FileHandle;
  readonly #claimed: Stats;

  constructor(file: FileHandle, claimed: Stats) {
    this.#file = file;
    this.#claimed = claimed;
  }

  get bytes(): number {
    return this.#claimed.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.#range(offset, Math.max(0, Math.min(boundedRange(length), this.bytes - offset)));
  }

  async whole(): Promise<Uint8Array> {
    if (this.bytes > limits.captureBytesMax) {
      throw new ShoalError('CAPTURE_TOO_LARGE', `the file has ${this.bytes} bytes, the limit is ${limits.captureBytesMax}`);
    }
    return this.#range(0, this.bytes);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #range(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    try {
      for (let at = 0; at < length; ) {
        const { bytesRead } = await this.#file.read(bytes, at, length - at, offset + at);
        if (bytesRead === 0) throw changed(this.bytes, offset + at);
        at += bytesRead;
      }
      const now = await this.#file.stat();
      if (now.size !== this.bytes || now.mtimeMs !== this.#claimed.mtimeMs) throw changed(this.bytes, now.size);
      return bytes;
    } catch (cause) {
      throw cause instanceof ShoalError ? cause : unreadable(cause);
    }
  }
}

function boundedRange(length: number): number {
  if (length <= limits.fileRangeBytesMax) return length;
  throw new ShoalError(
    'CAPTURE_TOO_LARGE',
    `a task asked for ${length} bytes of the file at once, the limit is ${limits.fileRangeBytesMax}`,
  );
}

function unreadable(cause: unknown): ShoalError {
  return new ShoalError('INPUT_UNAVAILABLE', `the file cannot be read: ${reasonOf(cause)}`, { cause });
}

function changed(expected: number, found: number): ShoalError {
  return new ShoalError(
    'CAPTURE_CHANGED',
    `the file changed while it was read (${expected} bytes when claimed, ${found} now): write it elsewhere and rename it in when it is complete`,
  );
}
