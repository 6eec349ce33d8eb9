/** What a file named on the command line says it is, by its first bytes. A pipe or a device is refused, never waited for. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type Sniffed, sniff } from '../core/sniff.js';

export interface SniffedFile extends Sniffed {
  readonly bytes: number;
}

/** Throws CAPTURE_UNSUPPORTED for what is no regular file, is empty or cannot be read. */
export async function sniffFile(file: string): Promise<SniffedFile> {
  // Without O_NONBLOCK the opening of a pipe waits for a writer, for ever.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw new ShoalError('CAPTURE_UNSUPPORTED', `${file} cannot be read: ${reasonOf(error)}`);
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new ShoalError('CAPTURE_UNSUPPORTED', `${file} is no regular file; name an image or a WAV recording`);
    if (stats.size === 0) throw new ShoalError('CAPTURE_UNSUPPORTED', `${file} is empty; name an image or a WAV recording`);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(limits.sniffBytes), 0, limits.sniffBytes, 0);
    return { ...sniff(buffer.subarray(0, bytesRead)), bytes: stats.size };
  } finally {
    await handle.close();
  }
}
