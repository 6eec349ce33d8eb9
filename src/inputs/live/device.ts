/**
 * What an operator can do about a device that cannot be opened: what is there instead, who has it, which group may.
 *
 * Guarantees: only looks, at most at `limits.deviceHoldersLookedAt` processes, and never throws: what may not be read is not told.
 */
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { limits } from '../../core/limits.js';

/** `there is no /dev/video7; there are /dev/video0 and /dev/video1` */
export async function whatIsThere(device: string, folder: string, pattern: RegExp): Promise<string> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => pattern.test(name)).sort();
  const there =
    names.length === 0
      ? `nothing like it in ${folder}: is it plugged in?`
      : `there is ${names.map((name) => `${folder}/${name}`).join(', ')}`;
  return `there is no ${device}; ${there}`;
}

/** `/dev/video0 is in use by motion (process 812)`; which needs the right to look into that process. */
export async function whoHas(device: string, isIt: (path: string) => boolean = () => false): Promise<string> {
  const real = await realpath(device).catch(() => device);
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name)).slice(0, limits.deviceHoldersLookedAt);
  for (const pid of pids) {
    if (Number(pid) === process.pid || !(await holds(pid, (path) => path === real || isIt(path)))) continue;
    const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a process')).trim();
    return `${device} is in use by ${name} (process ${pid}): stop it, or give the daemon another device`;
  }
  return `${device} is in use by another program; "fuser -v ${real}" as root tells which`;
}

async function holds(pid: string, isIt: (path: string) => boolean): Promise<boolean> {
  for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    if (isIt(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''))) return true;
  }
  return false;
}

/** `the daemon may not open /dev/video0: make its user a member of the group video` */
export async function whoMay(device: string, usualGroup: string): Promise<string> {
  const group = await groupOf(device).catch(() => usualGroup);
  return `the daemon may not open ${device}: make its user a member of the group ${group} and restart it (the service: SupplementaryGroups=${group}, and DeviceAllow= for the device)`;
}

async function groupOf(device: string): Promise<string> {
  const { gid } = await stat(device);
  const line = (await readFile('/etc/group', 'utf8')).split('\n').find((entry) => entry.split(':')[2] === String(gid));
  return line?.split(':')[0] ?? String(gid);
}
