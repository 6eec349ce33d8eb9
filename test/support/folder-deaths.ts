/**
 * A folder input whose process is killed with SIGKILL, and the judge of what its deaths left.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Test } from 'tap';
import { FileLedger } from './file-ledger.js';
import { type Bench, bench, remaining, workOf } from './folder-bench.js';
import { until } from './until.js';

export interface Verdict {
  readonly lost: string[];
  readonly twice: string[];
}

/** Every file is committed exactly once, and nothing is left. */
export function judge(inbox: string, ledger: FileLedger, fed: readonly string[]): Verdict {
  const commits = new Map<string, number>();
  for (const { name } of ledger.commits) commits.set(name, (commits.get(name) ?? 0) + 1);
  const there = new Set(remaining(inbox).map(({ name }) => name));
  return {
    lost: fed.filter((name) => !commits.has(name) && !there.has(name)),
    twice: [...commits].filter(([, times]) => times > 1).map(([name]) => name),
  };
}

export async function life(
  b: Bench,
  boot: number,
  variants: readonly string[],
  killAfterMs: number | null,
): Promise<NodeJS.Signals | null> {
  const script = new URL('../support/folder-child.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, b.inbox, join(b.dir, 'ledger'), ...variants], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Without the test runner's hooks, which double the time of a start.
    env: { BOOT: String(boot) },
  });
  const dead = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_, signal) => resolve(signal)));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  if (killAfterMs !== null) {
    const killer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    void dead.then(() => clearTimeout(killer));
  } else {
    void until('nothing is left', () => remaining(b.inbox).length === 0 && workOf(b.inbox).length === 0, 60_000)
      .catch(() => undefined)
      // A closed claim is forgotten by the ledger a moment after its file is gone.
      .then(() => setTimeout(() => child.kill('SIGKILL'), 100));
  }
  return dead;
}

/** Kills a process so many times while files keep coming; each must be settled exactly once. */
export async function killedAtAnyMoment(t: Test, times: number): Promise<void> {
  const b = bench(t);
  const fed: string[] = [];
  let kills = 0;
  let interrupted = 0;
  for (let boot = 1; boot <= times; boot++) {
    for (let i = 0; i < 12; i++) {
      fed.push(`k${boot}-${i}${i % 5 === 0 ? '-bad' : ''}.png`);
      b.put(fed.at(-1) ?? '');
    }
    // Every second death is aimed: between a commit and its receipt.
    const death = boot % 2 === 0 ? life(b, boot, [`dies-at=${1 + (boot % 11)}`], 30_000) : life(b, boot, [], Math.random() * 200);
    if ((await death) === 'SIGKILL') kills++;
    if (workOf(b.inbox).length > 0) interrupted++;
  }
  await life(b, 99, [], null);
  const ledger = new FileLedger(join(b.dir, 'ledger'));
  t.equal(kills, times);
  t.ok(interrupted >= Math.floor(times / 2), `${interrupted} of ${times} deaths left claims behind`);
  t.same(judge(b.inbox, ledger, fed), { lost: [], twice: [] });
  t.same([remaining(b.inbox), workOf(b.inbox)], [[], []]);
  t.equal(ledger.commits.length, fed.length);
}
