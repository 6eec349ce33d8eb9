/** What a filesystem, missing rights and sudden deaths do to a watched folder. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { FileLedger } from '../support/file-ledger.js';
import { type Bench, bench, cannotMount } from '../support/folder-bench.js';
import { judge, killedAtAnyMoment, life, type Verdict } from '../support/folder-deaths.js';
import { until } from '../support/until.js';

test('a folder across filesystems, full or read-only is said to be so and mended by itself', { skip: cannotMount() }, async (t) => {
  const mount = (path: string, size: string) => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
    // Fails where the test has unmounted it itself.
    t.teardown(() => spawnSync('umount', ['-l', path], { stdio: 'ignore' }));
  };
  const reason = (b: Bench) => b.around.states.get('input:inbox')?.reason ?? '';
  const b = bench(t);
  await (await b.start()).stop();
  mount(join(b.inbox, 'work'), '1m');
  b.put('across.png');
  await b.start();
  await until('health says so', () => /must be on one filesystem/.test(reason(b)));
  t.same(b.list(), ['across.png', 'done', 'failed', 'work'], 'the file stays where it is');
  execFileSync('umount', [join(b.inbox, 'work')]);
  await until('it is taken after all', () => b.corridor.names.includes('across.png'));
  await until('health is well', () => b.around.states.get('input:inbox')?.state === 'ok');

  const c = bench(t);
  mount(c.inbox, '128k');
  c.put('torn.png');
  const input = await c.start();
  await until('it is offered', () => c.corridor.offered.length === 1);
  const fill = () => {
    for (;;) appendFileSync(join(c.inbox, '.fill'), Buffer.alloc(4096));
  };
  t.throws(fill, { code: 'ENOSPC' });
  c.corridor.settle(0, [{ pipeline: 'p', outcome: 'failed', reason: 'no' }]);
  await until('it is closed', () => c.ledger.closed.length === 1);
  t.same(c.list('failed'), ['torn.png'], 'it is moved, if without its reason');
  await input.stop();
  rmSync(join(c.inbox, '.fill'));
  c.put('more.png');
  execFileSync('mount', ['-o', 'remount,ro', c.inbox]);
  await c.start();
  await until('a read-only folder is said to be one', () => /is read-only/.test(reason(c)));
  execFileSync('mount', ['-o', 'remount,rw', c.inbox]);
  await until('it is taken after all', () => c.corridor.names.includes('more.png'));
});

test('a folder the daemon may not write to is said to be so', {
  skip: process.getuid?.() === 0 ? false : '1 skipped: needs root to give up its rights',
}, async (t) => {
  const b = bench(t);
  b.put('mine.png');
  chmodSync(b.dir, 0o755);
  chmodSync(b.inbox, 0o755);
  const script = new URL('../support/folder-child.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, b.inbox, '/dev/null', 'tells'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    uid: 65534,
    gid: 65534,
    env: {},
  });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += String(chunk);
  });
  await until('it says so', () => said.includes('no permission to take files'), 20_000);
  t.same(b.list(), ['mine.png']);
  t.equal(child.exitCode, null, 'and goes on');
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
});

test('killed at any moment, each file is settled exactly once', { timeout: 120_000 }, (t) => killedAtAnyMoment(t, 6));

test('the judge of the deaths sees a promise broken', { timeout: 90_000 }, async (t) => {
  const fates: Record<string, Verdict> = {};
  for (const variant of ['honest', 'forgets', 'unlinks-early']) {
    const b = bench(t);
    const fed = Array.from({ length: 6 }, (_, i) => `c${i}.png`);
    for (const name of fed) b.put(name);
    t.equal(await life(b, 1, [variant, 'dies-at=2'], 5000), 'SIGKILL');
    await life(b, 2, [variant], null);
    fates[variant] = judge(b.inbox, new FileLedger(join(b.dir, 'ledger')), fed);
  }
  t.same(fates.honest, { lost: [], twice: [] });
  t.ok((fates.forgets?.twice.length ?? 0) > 0, 'an id forgotten before its file is gone runs twice');
  t.ok((fates['unlinks-early']?.lost.length ?? 0) > 0, 'a file deleted before the commit is lost');
});
