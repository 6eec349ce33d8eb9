/**
 * Children that die with their parent, however it dies: `setpriv --pdeathsig` of util-linux.
 *
 * Guarantees: where setpriv is missing or too old, the command is answered as it was, without `more`, and `canBind` says so: whoever needs `more`
 * asks first. A setpriv that did not answer in time is asked again the next time. Deliberately starts nothing.
 */
import { execFile } from 'node:child_process';

let asked: Promise<boolean> | undefined;

/** Whether setpriv knows --pdeathsig (util-linux 2.33 or later does, busybox does not). Kept: that it does, or that there is none. */
export function canBind(): Promise<boolean> {
  asked ??= new Promise((resolve) => {
    execFile('setpriv', ['--help'], { timeout: 10_000 }, (error, stdout) => {
      const can = error === null && stdout.includes('--pdeathsig');
      if (!can && error?.code !== 'ENOENT') asked = undefined;
      resolve(can);
    });
  });
  return asked;
}

/** The flags of setpriv before the command that it becomes. */
export const bindFlags: readonly string[] = ['--pdeathsig', 'KILL'];

/** A command and its arguments, so that the kernel kills it with this process. `more` are further flags of setpriv. */
export async function boundCommand(
  command: string,
  args: readonly string[],
  more: readonly string[] = [],
): Promise<readonly [command: string, args: string[]]> {
  return (await canBind()) ? ['setpriv', [...bindFlags, ...more, '--', command, ...args]] : [command, [...args]];
}
