/**
 * `shoal audit` against the built daemon: hits drawn from what it told, judged from a file and at a terminal, left and taken up again.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Test, test } from 'tap';
import { auditCommand } from '../../src/cli/audit/audit-command.js';
import { standardDefaults } from '../../src/cli/command-context.js';
import { runProgram } from '../../src/cli/program.js';
import { parts } from '../../src/parts.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { lineCrops } from '../support/samples.js';
import { until } from '../support/until.js';

const hits = 12;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Listed {
  readonly seed: number;
  readonly from: number;
  readonly sample: readonly {
    readonly id: string;
    readonly file: string | null;
    readonly capture: string;
    readonly score: number;
    readonly answer: string | null;
  }[];
  readonly report: {
    readonly precision: { readonly right: number; readonly of: number };
    readonly skipped: number;
    readonly unanswered: number;
  };
}

function run(command: string, args: readonly string[], scratch: Scratch, type?: (shown: string) => string | null): Promise<Ended> {
  const child = spawn(command, args, { env: { PATH: process.env.PATH, HOME: scratch.dir, LANG: 'C.UTF-8' } });
  const text = { out: '', err: '' };
  let read = 0;
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (text.err += piece));
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text.out += piece;
    const answer = type?.(text.out.slice(read));
    if (answer === null || answer === undefined) return;
    read = text.out.length;
    child.stdin.write(answer);
  });
  if (type === undefined) child.stdin.end();
  return new Promise((done) => child.once('close', (code) => done({ code, ...text })));
}

/** A daemon that has told of `hits` lines of text, and `shoal audit` for it. */
async function audited(t: Test) {
  const scratch = new Scratch();
  const ways = { from: ['inbox'], stages: [{ task: 'classify-orientation', as: 'ways' }] };
  const seen = { ...ways, report: { mode: 'events', when: 'ways.size() > 0' } };
  const none = { ...ways, report: { when: 'ways.size() > 5' } };
  scratch.configure({
    device: { id: 'dock-7' },
    engine: { count: 1 },
    sinks: { out: { type: 'file', path: join(scratch.dir, 'out.jsonl') } },
    inputs: { inbox: { type: 'folder', path: scratch.inbox, settle_ms: 20, rescan_ms: 200, done: 'keep' } },
    pipelines: { ways, seen, none },
  });
  const daemon = new DaemonProcess(scratch);
  t.teardown(async () => {
    await daemon.kill();
    await scratch.remove();
  });
  await daemon.ready(60_000);
  const lines = await lineCrops(hits);
  for (const name of readdirSync(lines)) {
    copyFileSync(join(lines, name), join(scratch.outside, name));
    renameSync(join(scratch.outside, name), join(scratch.inbox, name));
  }
  const told = async () => (await daemon.json<{ results: unknown[] }>('/v1/results?pipeline=seen')).results.length;
  await until('all lines are looked at', async () => (await told()) === hits, 60_000);
  await until(
    'all files are kept',
    () => existsSync(join(scratch.inbox, 'done')) && readdirSync(join(scratch.inbox, 'done')).length === hits,
  );
  const where = ['--config', scratch.config, '--socket', scratch.socket];
  const shoal = (...args: string[]) => run(resolve('bin/shoal'), ['audit', ...args, ...where], scratch);
  // The same command in this process, which is not a second in starting.
  const audit = async (...args: string[]): Promise<Ended> => {
    const text = { out: '', err: '' };
    const stdout = { write: (piece: string) => (text.out += piece) };
    const stderr = { write: (piece: string) => (text.err += piece) };
    const context = { parts, defaults: standardDefaults, version: '0.1.0', stdout, stderr };
    return { code: await runProgram(['audit', ...args, ...where], [auditCommand], context), ...text };
  };
  const list = async (...args: string[]) => JSON.parse((await audit(...args, '--list', '--json')).out) as Listed;
  const typed = (answers: string[], ...args: string[]) => {
    const left = [...answers];
    const command = [resolve('bin/shoal'), 'audit', ...args, ...where].join(' ');
    return run('script', ['-qec', command, '/dev/null'], scratch, (shown) => (shown.includes('[q]uit') ? (left.shift() ?? '\x04') : null));
  };
  return { scratch, daemon, shoal, audit, list, typed };
}

test('what a pipeline told is drawn, judged elsewhere and at a terminal, and the precision is said', async (t) => {
  const { scratch, daemon, shoal, audit, list, typed } = await audited(t);
  const kept = join(scratch.dir, 'state', 'audits');

  t.match(await shoal('ways'), { code: 2, err: /stdin is no terminal\. Print the hits with --list, then name a file of answers/ });
  t.match(await audit('ways', '--answers', 'x.csv'), { code: 2, err: /no hits of ways are drawn yet/ });
  t.match(await audit('wys', '--list'), { code: 2, err: /no pipeline "wys".*did you mean ways\?/ });
  t.match(await audit('none', '--list'), { code: 2, err: /none has told nothing that is still stored/ });
  t.match(await audit('ways', '--list', '--since', '2099-01-01'), { code: 2, err: /told nothing since 2099-01-01T00:00:00\.000Z/ });
  t.match(await audit('ways', '--count', '0'), { code: 2, err: /1 to 500/ });
  t.match(await audit('../x', '--list'), { code: 2, err: /A name is 1 to 64 letters/ });
  t.notOk(existsSync(kept), 'what failed left nothing');

  const some = await list('ways', '--count', '5', '--seed', '7');
  t.equal(some.sample.length, 5);
  t.equal(some.from, hits);
  t.same((await list('ways')).sample, some.sample, 'the same hits until --new');
  t.same((await list('ways', '--new', '--count', '5', '--seed', '7')).sample, some.sample, 'the seed draws them again');
  const all = await list('ways', '--new');
  t.equal(new Set(all.sample.map(({ id }) => id)).size, hits, 'each once');
  for (const { capture, file } of all.sample) t.equal(file, join(scratch.inbox, 'done', capture));
  t.equal((await list('seen')).sample.length, hits, 'results that events are made of are hits too');
  t.match((await audit('ways', '--list')).out, new RegExp(`^ID .*\n.*${join(scratch.inbox, 'done')}`));

  const file = join(scratch.dir, 'answers.csv');
  const answer = (lines: readonly string[]) => writeFileSync(file, `# mine\r\n${lines.join('\r\n')}\r\n`);
  const [first, second, third] = all.sample;
  answer([`${first?.id}, maybe`, 'nonesuch,yes', `${second?.id},yes`, `${second?.id},no`]);
  const bad = await audit('ways', '--answers', file);
  t.equal(bad.code, 2);
  t.match(bad.err, /line 2 is no "id,yes".*line 3: nonesuch was not drawn; line 5: .* was answered otherwise before/);
  answer(['']);
  t.match(await audit('ways', '--answers', file), { code: 2, err: /has no answers/ });
  answer([`${first?.id},no`, `${second?.id},skip`, ...all.sample.slice(3).map(({ id }) => `${id},YES`)]);
  const report = await shoal('ways', '--answers', file, '--precision', '60');
  t.equal(report.code, 0, report.err);
  t.match(report.out, /ways: 9 of 10 hits are right: precision 90 %, 95 % interval 59\.6 \.\. 98\.2 %\./);
  t.match(report.out, /12 hits drawn from 12 results told since .*; 1 skipped, 1 not answered yet\./);
  t.match(report.out, /BEST SCORE +RIGHT/);

  rmSync(join(scratch.inbox, 'done', third?.capture ?? ''));
  const sitting = await typed(['what?\n', 'y\n'], 'ways', '--precision', '60');
  t.match(sitting.out, new RegExp(`12 of 12  ${third?.capture}, by input inbox`), 'only what is not answered is asked');
  t.match(sitting.out, /the file is kept no longer/);
  t.match(sitting.out, /10 of 11 hits are right/, 'a word that is no answer is asked again');
  t.match(sitting.out, /For 60 % precision: /);

  await daemon.kill();
  t.match(await audit('ways', '--json'), { code: 0, out: /"right":10,"of":11/ }, 'the kept hits need no daemon');
  t.match(await audit('ways', '--list', '--new'), { code: 69 });
  writeFileSync(join(kept, 'ways.json'), '{"schema":"shoal/audit/1"}');
  t.match(await audit('ways', '--list'), { code: 2, err: /ways\.json is no audit that can go on: .*--new draws another/ });
});

test('an audit is left and taken up again, and one that cannot be kept is an audit all the same', async (t) => {
  const { scratch, list, typed } = await audited(t);
  const left = await typed(['y\n', 'n\n', 's\n', 'q\n'], 'ways', '--count', '6');
  t.match(left.out, /1 of 2 hits are right: precision 50 %/);
  t.match(left.out, /1 skipped, 3 not answered yet/);
  t.match(left.out, /The answers show 95 % precision from no score on: .*at least 73 right ones without a wrong one/);
  const again = await typed(['n\n'], 'ways');
  t.match(again.out, /goes on with the 6 hits drawn at .*, 3 of them answered/);
  t.match(again.out, /4 of 6 {2}s\d\d\.png/);
  t.match(again.out, /1 of 3 hits are right/, 'the end of the input ends it');
  const { report } = await list('ways');
  t.match(report, { precision: { right: 1, of: 3 }, skipped: 1, unanswered: 2 });

  const state = join(scratch.dir, 'state', 'audits');
  rmSync(state, { recursive: true });
  writeFileSync(state, 'in the way');
  const unkept = await typed(['y\n', 'y\n'], 'ways', '--new', '--count', '2');
  t.match(unkept.out, /the answers are not kept: .*audits.* cannot be written/);
  t.match(unkept.out, /2 of 2 hits are right/);
  t.equal(readFileSync(state, 'utf8'), 'in the way');
  mkdirSync(join(scratch.dir, 'mine'));
  t.equal((await list('ways', '--state-dir', join(scratch.dir, 'mine'))).sample.length, hits);
});
