/**
 * Reads the encoded bytes of a capture inside the engine.
 *
 * Guarantees: never follows a link, never blocks on a pipe or device, never reads more than the limit, and never
 * returns a mixture of two states of a file: what grew or changed since it was claimed, or while it was read, is refused.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { CaptureContent, CaptureHeader } from '../core/capture.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';

/** Throws CAPTURE_CHANGED, CAPTURE_TOO_LARGE, CAPTURE_UNSUPPORTED (not a regular file) or INPUT_UNAVAILABLE (cannot be read). */
export async function readContent(content: CaptureContent, header: Pick<CaptureHeader, 'bytes'>): Promise<Uint8Array> {
  if ('bytes' in content) return content.bytes;
  let file: FileHandle | undefined;
  try {
    file = await open(content.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    return await readWhole(file, header.bytes);
  } catch (cause) {
    if (cause instanceof ShoalError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new ShoalError('CAPTURE_CHANGED', 'the file is gone: it was removed after it was claimed', { cause });
    if (code === 'ELOOP') throw new ShoalError('CAPTURE_UNSUPPORTED', 'the file is a symbolic link, which is never followed', { cause });
    throw new ShoalError('INPUT_UNAVAILABLE', `the file cannot be read: ${reasonOf(cause)}`, { cause });
  } finally {
    await file?.close();
  }
}

async function readWhole(file: FileHandle, claimedBytes: number): Promise<Uint8Array> {
  const before = await file.stat();
  if (!before.isFile()) throw new ShoalError('CAPTURE_UNSUPPORTED', 'it is not a regular file');
  if (before.size > limits.captureBytesMax) {
    throw new ShoalError('CAPTURE_TOO_LARGE', `the file has ${before.size} bytes, the limit is ${limits.captureBytesMax}`);
  }
  if (before.size !== claimedBytes) throw changed(claimedBytes, before.size);
  const bytes = new Uint8Array(before.size);
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, at);
    if (bytesRead === 0) throw changed(claimedBytes, at);
    at += bytesRead;
  }
  const after = await file.stat();
  if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) throw changed(before.size, after.size);
  return bytes;
}

function changed(expected: number, found: number): ShoalError {
  return new ShoalError(
    'CAPTURE_CHANGED',
    `the file changed while it was read (${expected} bytes when claimed, ${found} now): write it elsewhere and rename it in when it is complete`,
  );
}
