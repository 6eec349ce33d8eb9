/**
 * Writes a small file so that after any crash its name holds the old content or the new, never a mixture.
 */
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * tmp + fsync + rename + fsync of the directory. Rejects with the system's error, leaving the old file.
 * A file that is replaced keeps its mode and owner; a new one gets `mode`.
 */
export async function writeDurably(path: string, text: string, mode = 0o640): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const old = await stat(path).catch(() => null);
  try {
    const handle = await open(temporary, 'w', mode);
    try {
      if (old !== null) {
        const made = await handle.stat();
        if (made.uid !== old.uid || made.gid !== old.gid) await handle.chown(old.uid, old.gid);
        await handle.chmod(old.mode & 0o777);
      }
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
