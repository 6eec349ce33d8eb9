/**
 * Commands that inputs live on: real processes, killed for real.
 */
import { existsSync } from 'node:fs';
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { Child, type ChildPlan } from '../../src/inputs/live/child.js';
import { kill } from '../support/processes.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

const shell = (script: string): ChildPlan => ({ command: 'sh', args: ['-c', script] });

function run(plan: () => ChildPlan, explain?: (lastWords: string) => string | null) {
  const heard = { output: '', ends: [] as string[], starts: 0 };
  const child = new Child(
    {
      plan,
      onOutput: (bytes) => {
        heard.output += bytes.toString();
      },
      onStart: () => {
        heard.starts++;
      },
      onEnd: (reason) => heard.ends.push(reason),
      ...(explain === undefined ? {} : { explain }),
    },
    testSurroundings(),
  );
  child.start();
  return { child, heard };
}

test('what ends is started again, with its last words as the reason', async (t) => {
  const { child, heard } = run(() => shell('echo out; echo "no such card" >&2; exit 3'));
  await until('it ran twice', () => heard.ends.length >= 2);
  await child.stop();
  t.equal(heard.ends[0], 'sh ended with code 3: no such card');
  t.match(heard.output, /^out\nout\n/);
  const ends = heard.ends.length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal(heard.ends.length, ends, 'a stop is no end of its own');
});

test('known last words become advice; a command that is not there is named', async (t) => {
  const known = run(
    () => shell('echo "Device or resource busy" >&2; exit 1'),
    (words) => (words.includes('busy') ? 'somebody else has it' : null),
  );
  const missing = run(() => ({ command: 'no-such-command-here', args: [] }));
  await until('both ended', () => known.heard.ends.length > 0 && missing.heard.ends.length > 0);
  await Promise.all([known.child.stop(), missing.child.stop()]);
  t.equal(known.heard.ends[0], 'somebody else has it');
  t.equal(missing.heard.ends[0], 'there is no command no-such-command-here here');
});

test('a stop ends the whole group, one that will not listen too', async (t) => {
  const { child, heard } = run(() => shell('trap "" TERM; sleep 1000 & echo $!; wait; sleep 1000'));
  await until('it runs', () => heard.output.includes('\n'));
  const grandchild = Number(heard.output);
  t.ok(existsSync(`/proc/${grandchild}`));
  await child.stop();
  await until('the grandchild is gone', () => !existsSync(`/proc/${grandchild}`));
  t.same(heard.ends, []);
  await child.stop();
});

test('a grandchild in a group of its own holds neither the input nor its stop', async (t) => {
  const { child, heard } = run(() => shell('echo out; setsid sleep 9 & echo $!; exit 0'));
  const grandchildren = () =>
    heard.output
      .split('\n')
      .filter((word) => /^\d+$/.test(word))
      .map(Number);
  t.teardown(() => {
    for (const pid of grandchildren()) kill(pid);
  });
  const startMs = performance.now();
  await until('it is started again', () => heard.starts >= 2 && grandchildren().length >= 2);
  t.ok(existsSync(`/proc/${grandchildren()[0]}`), 'the grandchild lives');
  await child.stop();
  t.ok(performance.now() - startMs < 6000, 'nobody waited for it');
});

test('what one that is gone left in its pipe is read, however long it is held back', async (t) => {
  let bytes = 0;
  const ends: number[] = [];
  const child = new Child(
    {
      plan: () => shell('head -c 150000 /dev/zero'),
      onOutput: (chunk) => {
        bytes += chunk.length;
        child.pause();
        setTimeout(() => child.resume(), limits.childQuietMs + 100);
      },
      onEnd: () => ends.push(bytes),
    },
    testSurroundings(),
  );
  child.start();
  await until('it ended', () => ends.length > 0).finally(() => child.stop());
  t.equal(ends[0], 150_000);
});

test('a folder that is not there is named, and what the command itself misses is not taken for the command', async (t) => {
  const nowhere = run(() => ({ ...shell('exit 0'), cwd: '/no/such/folder' }));
  const file = run(() => ({ ...shell('exit 0'), cwd: '/etc/passwd' }));
  const inner = run(
    () => shell('echo "setpriv: failed to execute ffmpeg: No such file or directory" >&2; exit 127'),
    () => 'no ffmpeg',
  );
  const all = [nowhere, file, inner];
  await until('all ended', () => all.every(({ heard }) => heard.ends.length > 0));
  await Promise.all(all.map(({ child }) => child.stop()));
  t.same(
    all.map(({ heard }) => heard.ends[0]),
    ['there is no folder /no/such/folder to run sh in: check cwd', '/etc/passwd is no folder to run sh in: check cwd', 'no ffmpeg'],
  );
});

test('a secret goes by stdin, and the environment is not passed on', async (t) => {
  process.env.SHOAL_NOBODYS_BUSINESS = 'secret';
  t.teardown(() => {
    delete process.env.SHOAL_NOBODYS_BUSINESS;
  });
  const { child, heard } = run(() => ({ ...shell('cat; env; sleep 1000'), stdin: 'by stdin\n', env: { GIVEN: 'yes' } }));
  await until('it said all', () => heard.output.includes('GIVEN'));
  await child.stop();
  t.match(heard.output, /^by stdin\n/);
  t.notMatch(heard.output, /NOBODYS/);
});

test('it can be restarted and held back', async (t) => {
  const { child, heard } = run(() => shell('while :; do echo tick; sleep 0.02; done'));
  await until('it ticks', () => heard.output.length > 10);
  child.restart('the same picture for a minute');
  await until('it runs again', () => heard.starts >= 2);
  t.equal(heard.ends[0], 'the same picture for a minute');
  child.pause();
  await new Promise((resolve) => setTimeout(resolve, 60));
  const held = heard.output.length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal(heard.output.length, held);
  child.resume();
  await until('it ticks on', () => heard.output.length > held);
  await child.stop();
  t.equal(child.pid, null);
});
