/**
 * The built daemon as a user starts it: bin/shoal with a configuration file, in a folder of its own on a real disk.
 *
 * The folder lies under node_modules/.cache/shoal-bench, since /tmp may be memory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/support/brokers.js';
import { childrenOf } from './process-figures.js';

export function benchFolder(name: string): string {
  const parent = resolve('node_modules/.cache/shoal-bench');
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, `${name}-`));
}

export interface BenchDaemon {
  readonly pid: number;
  readonly url: string;
  /** From spawn to the first 200 of the path, in milliseconds. */
  readonly aliveMs: number;
  readonly readyMs: number;
  engines(): number[];
  stop(): Promise<void>;
}

/** `sections` is what a configuration holds besides version, device, paths and http; `morePaths` go to paths. */
export async function startDaemon(
  folder: string,
  sections: Readonly<Record<string, unknown>>,
  morePaths: Readonly<Record<string, unknown>> = {},
): Promise<BenchDaemon> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(folder, 'shoal.yaml');
  const paths = { state_dir: join(folder, 'state'), run_dir: join(folder, 'run'), ...morePaths };
  const settings = { version: 1, device: { id: 'bench' }, paths, http: { port }, log: { level: 'warn' }, ...sections };
  writeFileSync(config, JSON.stringify(settings));
  let said = '';
  const began = performance.now();
  const child = spawn(resolve('bin/shoal'), ['run', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)));
  const answered = async (path: string): Promise<number> => {
    while (performance.now() - began < 60_000 && child.exitCode === null) {
      if (
        await fetch(url + path).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        return performance.now() - began;
      await sleep(5);
    }
    throw new Error(`the daemon did not answer ${path}: ${said}`);
  };
  const aliveMs = await answered('/livez');
  const readyMs = await answered('/readyz');
  const pid = child.pid ?? 0;
  return { pid, url, aliveMs, readyMs, engines: () => childrenOf(pid), stop: () => stop(child, folder) };
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  if (child.exitCode === null) await ended;
  rmSync(folder, { recursive: true, force: true });
}
