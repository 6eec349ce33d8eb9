/**
 * Changes in a folder of models that happen whole or not at all: everything is made in a hidden folder in it, which a registry never looks
 * at, synced, and renamed into place.
 *
 * Guarantees: whatever happens meanwhile, SIGKILL included, the folder of models holds what it held, or that and the change. A hidden folder
 * names the process that made it by number and start time, and is cleared by the next command once that process is gone.
 */
import { chmod, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';

const hiddenPattern = /^\.changing-(\d{1,10})-(\d{1,20})-\d{1,6}$/;
let changes = 0;

/**
 * Makes `<modelsFolder>/<name>/<version>/`: `fill` gets an empty folder whose last two names are already these, and writes into it. Answers
 * the version folder. Throws USAGE when another process has put the version there meanwhile, what `fill` throws, or the system's error.
 */
export async function stageVersion(
  modelsFolder: string,
  { name, version }: { readonly name: string; readonly version: string },
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const root = path.resolve(modelsFolder);
  const first = await makeFolder(root);
  await clearLeftovers(root);
  const hidden = await hiddenFolder(root);
  try {
    const staged = path.join(hidden, name, version);
    await mkdir(staged, { recursive: true });
    await fill(staged);
    await settle(staged);
    const folder = path.join(root, name, version);
    await moveTo(staged, folder);
    const top = first === undefined ? root : path.dirname(first);
    for (let above = folder; above !== top; ) {
      above = path.dirname(above);
      await syncPath(above);
    }
    return folder;
  } finally {
    await rm(hidden, { recursive: true, force: true });
  }
}

/** Takes a version folder away at once, then its bytes. Throws the system's error. */
export async function removeVersion(modelsFolder: string, { name, version }: { readonly name: string; readonly version: string }) {
  const root = path.resolve(modelsFolder);
  await clearLeftovers(root);
  const hidden = await hiddenFolder(root);
  try {
    await rename(path.join(root, name, version), path.join(hidden, version));
    await syncPath(path.join(root, name));
    // Other versions may be there.
    await rmdir(path.join(root, name)).catch(() => {});
    await syncPath(root);
  } finally {
    await rm(hidden, { recursive: true, force: true });
  }
}

/** Removes what processes that are gone have left behind. */
export async function clearLeftovers(modelsFolder: string): Promise<void> {
  for (const entry of await readdir(modelsFolder)) {
    const [, pid, startTicks] = hiddenPattern.exec(entry) ?? [];
    if (pid === undefined || (await startOf(pid)) === startTicks) continue;
    await rm(path.join(modelsFolder, entry), { recursive: true, force: true });
  }
}

async function hiddenFolder(root: string): Promise<string> {
  const hidden = path.join(root, `.changing-${process.pid}-${await startOf('self')}-${changes++}`);
  await mkdir(hidden, { mode: 0o700 });
  return hidden;
}

/** When a process was started, in ticks since the machine was (proc(5), `starttime`); null when there is none of that number. */
async function startOf(pid: string): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // The name in parentheses may hold blanks and parentheses itself.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

/**
 * With the folders above it, each readable by everybody whatever the umask; answers the uppermost that was made. Not by mkdir's own
 * `recursive`, which never ends where the system denies that a folder can be made with ENOENT (/proc).
 */
async function makeFolder(folder: string): Promise<string | undefined> {
  let first: string | undefined;
  try {
    await mkdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return undefined;
    if (code !== 'ENOENT' || path.dirname(folder) === folder) throw error;
    first = await makeFolder(path.dirname(folder));
    await mkdir(folder);
  }
  await chmod(folder, 0o755);
  return first ?? folder;
}

/** Two commands may work on one name, one clearing the folder of the name that the other has just made. */
async function moveTo(staged: string, folder: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await makeFolder(path.dirname(folder));
      return await rename(staged, folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOTEMPTY' || code === 'EEXIST') {
        throw new ShoalError('USAGE', `${folder} is there already: another command was faster`, { cause: error });
      }
      if (code !== 'ENOENT' || tries === limits.renameTriesMax) throw error;
    }
  }
}

/** Makes all of a folder durable and readable by the daemon's user, whoever ran the command. */
async function settle(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const inside = path.join(folder, entry.name);
    if (entry.isDirectory()) await settle(inside);
    else await syncPath(inside, 0o644);
  }
  await syncPath(folder, 0o755);
}

async function syncPath(file: string, mode?: number): Promise<void> {
  const handle = await open(file, 'r');
  try {
    if (mode !== undefined) await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
