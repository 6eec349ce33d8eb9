/**
 * The box a command of an operator runs in: setpriv and prlimit of util-linux.
 *
 * What it does: no new privileges (a setuid program gains nothing); no capabilities where the daemon runs as root; another user where `user` says so,
 * with that user's groups; no core files, `limits.execFilesMax` open files, an address space of `max_memory_mib` where that is given; an environment of
 * PATH, HOME, LANG and `env`. What it does not: hide files or the network. The command reads whatever its user may read; systemd's unit of the daemon
 * bounds both. Where prlimit is missing (busybox), its bounds are not set. Without setpriv nothing is run as root or as another user; a daemon that is
 * not root runs it all the same, and then only the bar on new privileges is missing.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { canBind } from '../../core/bound-child.js';
import { limits } from '../../core/limits.js';
import type { Mistake } from '../framing/stream-options.js';
import type { ChildPlan } from '../live/child.js';

export const sandboxFields = {
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(4096))
    .refine((env) => Object.keys(env).length <= 64, 'more than 64 variables')
    .default({})
    .describe('its environment besides PATH, HOME and LANG; no place for secrets, since the configuration is shown'),
  cwd: z.string().regex(/^\//).max(4096).default('/').describe('folder it runs in'),
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/)
    .meta({ expected: 'the name of a user' })
    .optional()
    .describe('user it runs as, with the groups of that user; only where the daemon runs as root'),
  max_memory_mib: z
    .int()
    .min(16)
    .max(65_536)
    .optional()
    .describe('address space it may have, MiB (16 .. 65536); what asks for more is refused it. As much as there is if not given'),
};

type SandboxOptions = z.output<z.ZodObject<typeof sandboxFields>>;

export function explainSandbox({ env }: SandboxOptions): Mistake | null {
  const word = Object.keys(env).find((name) => /^LD_|^NODE_OPTIONS$/.test(name));
  return word === undefined
    ? null
    : { path: ['env', word], message: 'is not passed on: it would change what setpriv does before the command' };
}

/** The plan for a child; it looks anew which tools there are and who we are. */
export function sandboxed(options: SandboxOptions & { readonly command: readonly string[] }): () => Promise<ChildPlan> {
  return async () => {
    const { command, env, cwd, user, max_memory_mib: memory } = options;
    const root = process.getuid?.() === 0;
    if (user !== undefined && !root) throw new Error(`only root may run it as ${user}: leave out user, it runs as the daemon's own`);
    if (root && !(await canBind())) throw new Error(noSetpriv(user));
    const setpriv = ['--no-new-privs'];
    if (user !== undefined) setpriv.push('--reuid', user, '--regid', await groupOf(user), '--init-groups');
    if (root) setpriv.push('--bounding-set', '-all', '--inh-caps', '-all', '--ambient-caps', '-all');
    const bounds = ['--core=0', `--nofile=${limits.execFilesMax}`];
    if (memory !== undefined) bounds.push(`--as=${memory * 1024 ** 2}`);
    const [program = '', ...args] = has('prlimit') ? ['prlimit', ...bounds, '--', ...command] : command;
    return { command: program, args, env, cwd, setpriv };
  };
}

/** Run all the same, it would be root with every capability. */
function noSetpriv(user: string | undefined): string {
  const how = user === undefined ? "without root's capabilities" : `as ${user}`;
  return `cannot run it ${how}: setpriv of util-linux is missing, too old or does not answer: install the package util-linux`;
}

/** The number of a user's own group. */
function groupOf(user: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('id', ['-g', '--', user], { timeout: limits.boardProbeMs }, (error, stdout) => {
      if (error === null) resolve(stdout.trim());
      else reject(new Error(`there is no user ${user} here`));
    });
  });
}

function has(tool: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
