/** Whether the kernel can be asked to kill a child when its parent dies: by util-linux's setpriv, which busybox's is not. */
import { execFile } from 'node:child_process';

let known: Promise<boolean> | undefined;

/** Whether setpriv knows --pdeathsig (util-linux 2.33 or later does); asked once a process. */
export function hasSetpriv(): Promise<boolean> {
  known ??= new Promise((resolve) => {
    execFile('setpriv', ['--help'], { timeout: 10_000 }, (error, stdout) => resolve(error === null && stdout.includes('--pdeathsig')));
  });
  return known;
}
