/**
 * sd_notify through the real launcher: a perl listener stands where systemd's datagram socket is, a Node child notifies, and what arrived
 * is judged. The unit file is judged by systemd's own tools.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';

const repo = fileURLToPath(new URL('../../../', import.meta.url));
const launcher = join(repo, 'bin/shoal-notify');
const notifierUrl = new URL('../../src/ops/systemd.js', import.meta.url).href;
const logUrl = new URL('../../src/ops/log.js', import.meta.url).href;

/** Prints each datagram as a line, its newlines as `;`. */
const listener = `
use Socket; use IO::Handle; STDOUT->autoflush(1);
socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die; bind($s, pack_sockaddr_un($ARGV[0])) or die $!;
print "listening\\n";
while (defined recv($s, my $m, 4096, 0)) { $m =~ s/\\n/;/g; print "$m\\n" }`;

interface Ears {
  readonly path: string;
  readonly heard: string[];
  stop(): void;
}

async function listen(): Promise<Ears> {
  const path = join(mkdtempSync(join(tmpdir(), 'shoal-notify-')), 'notify');
  const perl = spawn('perl', ['-e', listener, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const heard: string[] = [];
  perl.stdout.setEncoding('utf8').on('data', (text: string) => heard.push(...text.split('\n').filter((line) => line !== '')));
  while (heard.length === 0) await sleep(5);
  heard.shift();
  return { path, heard, stop: () => void perl.kill('SIGKILL') };
}

const script = `
import { spawnSync } from 'node:child_process';
import { SystemdNotifier, takeNotifyEnv } from ${JSON.stringify(notifierUrl)};
import { createLog } from ${JSON.stringify(logUrl)};
let stalled = [];
const fd = process.env.SHOAL_NOTIFY_FD;
const notifier = new SystemdNotifier({ log: createLog({ level: 'info', format: 'json' }), stalled: () => stalled, env: takeNotifyEnv() });
notifier.start();
const left = ['SHOAL_NOTIFY_FD', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'NOTIFY_SOCKET'].filter((name) => name in process.env);
const inherited = spawnSync('sh', ['-c', '[ -e /proc/self/fd/' + (fd ?? 99) + ' ]']).status === 0;
console.log(JSON.stringify({ pid: process.pid, active: notifier.active, left, inherited }));
notifier.ready('ready, 3 pipelines');
process.stdin.setEncoding('utf8').on('data', (text) => {
  for (const word of text.trim().split('\\n')) {
    if (word === 'stall') stalled = ['store made no progress for 11 s'];
    if (word === 'move') stalled = [];
    if (word === 'status') { notifier.status('a\\nb'); notifier.status('a\\nb'); }
    if (word === 'reload') notifier.reloading();
    if (word === 'stop') { notifier.stopping(); notifier.stop(); notifier.stop(); process.stdin.destroy(); }
  }
});`;

interface Child {
  readonly process: ChildProcess;
  readonly facts: { pid: number; active: boolean; left: string[]; inherited: boolean };
  readonly stderr: string[];
  tell(word: string): void;
}

async function start(env: NodeJS.ProcessEnv): Promise<Child> {
  const child = spawn(launcher, [process.execPath, '--input-type=module', '-e', script], {
    env: { ...process.env, ...env },
    stdio: 'pipe',
  });
  const stderr: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => stderr.push(text));
  const line = await new Promise<string>((resolve) => child.stdout.setEncoding('utf8').once('data', resolve));
  return { process: child, facts: JSON.parse(line) as Child['facts'], stderr, tell: (word) => void child.stdin.write(`${word}\n`) };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 3000 && !condition(); i++) await sleep(10);
}

test('systemd hears ready, status, the watchdog while there is progress and only then, and goodbye', async (t) => {
  const ears = await listen();
  t.teardown(() => ears.stop());
  const pings = (): number => ears.heard.filter((message) => message === 'WATCHDOG=1').length;
  const child = await start({ NOTIFY_SOCKET: ears.path, WATCHDOG_USEC: '100000', WATCHDOG_PID: undefined });
  child.process.kill('SIGKILL');
  t.equal(child.facts.active, true);
  t.equal(child.facts.pid, child.process.pid, 'the launcher becomes the daemon: the same process id');
  t.strictSame(child.facts.left, [], 'children must not take the variables for their own');
  t.equal(child.facts.inherited, false, 'nor get the descriptor');

  const daemon = await start({ NOTIFY_SOCKET: ears.path, WATCHDOG_USEC: '100000', WATCHDOG_PID: undefined });
  t.teardown(() => daemon.process.kill('SIGKILL'));
  ears.heard.length = 0;
  await until(() => pings() >= 3);
  t.ok(pings() >= 3, 'fed while there is progress');
  daemon.tell('stall');
  await until(() => daemon.stderr.length > 0);
  t.match(daemon.stderr.join(''), /store made no progress/, 'the reason is in the log');
  const before = pings();
  await sleep(400);
  t.equal(pings(), before, 'not fed without progress, though the process lives and its timers run');
  daemon.tell('move');
  await until(() => pings() > before);
  t.ok(pings() > before, 'fed again');
  daemon.tell('status');
  daemon.tell('reload');
  daemon.tell('stop');
  await until(() => ears.heard.includes('STOPPING=1;STATUS=stopping'));
  t.equal(ears.heard.filter((message) => message === 'STATUS=a b').length, 1, 'a status is one line, sent once');
  const monotonicUs = Number(
    ears.heard.flatMap((message) => /^RELOADING=1;MONOTONIC_USEC=(\d+);STATUS=reloading$/.exec(message)?.[1] ?? []),
  );
  const uptimeUs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e6;
  t.ok(monotonicUs > 0 && monotonicUs <= uptimeUs + 1e6, `a reload is told with the monotonic time: ${monotonicUs}, up ${uptimeUs}`);
  t.equal(ears.heard.at(-1), 'STOPPING=1;STATUS=stopping');
});

test('READY comes with the status; a watchdog meant for another process is left alone', async (t) => {
  const ears = await listen();
  t.teardown(() => ears.stop());
  const daemon = await start({ NOTIFY_SOCKET: ears.path, WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' });
  t.teardown(() => daemon.process.kill('SIGKILL'));
  await until(() => ears.heard.length > 0);
  await sleep(150);
  t.strictSame(ears.heard, ['READY=1;STATUS=ready, 3 pipelines']);
});

test('without systemd, or when it is gone, the daemon runs on', async (t) => {
  const ears = await listen();
  const without = await start({ NOTIFY_SOCKET: undefined });
  t.equal(without.facts.active, false);
  without.process.kill('SIGKILL');
  const nowhere = await start({ NOTIFY_SOCKET: '/nonexistent/notify' });
  t.equal(nowhere.facts.active, false);
  t.match(nowhere.stderr.join(''), /cannot reach systemd at \/nonexistent\/notify/);
  nowhere.process.kill('SIGKILL');
  const daemon = await start({ NOTIFY_SOCKET: ears.path, WATCHDOG_USEC: '40000', WATCHDOG_PID: undefined });
  ears.stop();
  await until(() => daemon.stderr.length > 0);
  t.match(daemon.stderr.join(''), /systemd could not be told/);
  const ended = new Promise((resolve) => daemon.process.once('exit', resolve));
  daemon.tell('stop');
  t.equal(await ended, 0, 'alive until told to stop');
});

test('a descriptor number that is no socket is not written to', async (t) => {
  const file = join(mkdtempSync(join(tmpdir(), 'shoal-notify-')), 'file');
  writeFileSync(file, 'precious');
  const env = { ...process.env, SHOAL_NOTIFY_FD: '3' };
  const ran = spawnSync('sh', ['-c', 'exec "$0" --input-type=module -e "$1" 3<>"$2" </dev/null', process.execPath, script, file], {
    env,
    encoding: 'utf8',
  });
  t.match(ran.stdout, /"active":false/);
  t.equal(readFileSync(file, 'utf8'), 'precious');
});

/** A copy of the launcher beside a program that prints how it was started. */
function installed(): string {
  const root = mkdtempSync(join(tmpdir(), 'shoal-bin-'));
  mkdirSync(join(root, 'dist/src'), { recursive: true });
  mkdirSync(join(root, 'bin'));
  for (const name of ['shoal', 'shoal-notify']) cpSync(join(repo, 'bin', name), join(root, 'bin', name));
  writeFileSync(
    join(root, 'dist/src/main.js'),
    'console.log(JSON.stringify({ args: process.argv.slice(2), flags: process.execArgv, ort: process.env.ORT_DISABLE_TELEMETRY, fd: process.env.SHOAL_NOTIFY_FD ?? null }))',
  );
  return root;
}

function launch(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
  cwd = '/',
): { status: number | null; stdout: string; stderr: string } {
  // tap's own options for Node must not show among those of the launcher.
  return spawnSync(command, args, { encoding: 'utf8', cwd, env: { PATH: process.env.PATH, ...env } });
}

test('the launcher finds its program through links, keeps arguments whole and sets what must be set before Node starts', async (t) => {
  const root = installed();
  symlinkSync('bin/shoal', join(root, 'first'));
  symlinkSync(join(root, 'first'), join(root, 'second'));
  const expected = { args: ['run', 'a b', '--x=$HOME'], ort: '1', fd: null };
  for (const [command, cwd] of [
    [join(root, 'bin/shoal'), '/'],
    [join(root, 'second'), '/'],
    ['./first', root],
    ['../bin/shoal', join(root, 'dist')],
  ] as const) {
    const { stdout, stderr } = launch(command, expected.args, {}, cwd);
    t.match(JSON.parse(stdout || '{}'), expected, `${command} ${stderr}`);
    t.match(stdout, /--max-semi-space-size=2.*--optimize-for-size/);
  }
  t.match(launch('sh', ['first'], {}, root).stdout, /"ort":"1"/, 'also when its name has no folder');
  t.match(
    launch(join(root, 'bin/shoal'), [], { SHOAL_NODE_OPTIONS: '--no-warnings --stack-size=900' }).stdout,
    /--no-warnings","--stack-size=900/,
  );
  const ears = await listen();
  t.teardown(() => ears.stop());
  t.match(
    launch(join(root, 'bin/shoal'), [], { NOTIFY_SOCKET: ears.path }).stdout,
    /"fd":"\d+"/,
    'under systemd it goes through shoal-notify',
  );
});

test('what keeps the launcher from starting is said in one sentence', async (t) => {
  const root = installed();
  const shoal = join(root, 'bin/shoal');
  const old = join(root, 'old-node');
  writeFileSync(old, '#!/bin/sh\necho v20.18.3\n', { mode: 0o755 });
  t.match(launch(shoal, [], { SHOAL_NODE: old }), {
    status: 1,
    stderr: /^shoal: .*old-node is Node 20\.18\.3, and Shoal needs 20\.19 or newer: .*\n$/,
  });
  t.match(launch(shoal, [], { SHOAL_NODE: '/nonexistent/node' }), { status: 1, stderr: /^shoal: there is no Node to run with: .*\n$/ });
  t.match(launch(shoal, [], { SHOAL_NODE: '/bin/true' }), { status: 1, stderr: /^shoal: \/bin\/true does not run, or is no Node: .*\n$/ });
  cpSync(old, join(root, 'bin/node'));
  t.match(launch(shoal, []), { status: 1, stderr: /bin\/node is Node 20\.18\.3/ }, 'a Node beside it comes before the one in PATH');
  rmSync(join(root, 'bin/node'));
  rmSync(join(root, 'dist'), { recursive: true });
  t.match(launch(shoal, []), { status: 1, stderr: /^shoal: not built yet .*npm ci.*\n$/ });
});

const unit = join(repo, 'systemd/shoal.service');
const analyze = '/usr/bin/systemd-analyze';
const skip = existsSync(analyze) ? false : 'systemd-analyze is not installed';

test('the unit has no fault systemd can see, and an exposure of at most 1.6', { skip }, async (t) => {
  const verified = spawnSync(analyze, ['verify', '--man=no', unit], { encoding: 'utf8' });
  const faults = `${verified.stdout}${verified.stderr}`
    .split('\n')
    .filter((line) => line.includes('shoal.service') && !line.includes('is not executable'));
  t.strictSame(faults, []);
  const score = spawnSync(analyze, ['security', '--offline=true', '--threshold=16', unit], { encoding: 'utf8' });
  t.equal(score.status, 0, score.stdout.trim().split('\n').at(-1) ?? '');
  const open = spawnSync(analyze, ['security', '--offline=true', '--threshold=5', unit], { encoding: 'utf8' });
  t.not(open.status, 0, 'the threshold is really looked at');
});

test('the unit restarts always, but never a broken configuration', async (t) => {
  const text = readFileSync(unit, 'utf8');
  for (const line of [
    'Type=notify',
    'NotifyAccess=main',
    'ExecReload=/bin/kill -HUP \\$MAINPID',
    'WatchdogSec=30',
    'Restart=always',
    'StartLimitIntervalSec=0',
    'RestartPreventExitStatus=78',
  ]) {
    t.match(text, new RegExp(`^${line}$`, 'm'));
  }
});
