/** Looks at the processes of this machine through /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Whether it exists and is not only waiting to be buried. */
export function isAlive(pid: number): boolean {
  const state = fieldsOf(pid)[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** SIGKILL; false when it was gone already. */
export function kill(pid: number): boolean {
  try {
    return isAlive(pid) && process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

export function childrenOf(pid: number): number[] {
  return allPids().filter((candidate) => fieldsOf(candidate)[1] === String(pid));
}

export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
}

/** Everything started with this home, whoever its parent is by now: a run gives its processes a home of their own. */
export function withHome(home: string): number[] {
  return allPids().filter((pid) => isAlive(pid) && read(`/proc/${pid}/environ`).split('\0').includes(`HOME=${home}`));
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** State, parent, ...: what follows the command, which may hold anything. */
function fieldsOf(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`);
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
