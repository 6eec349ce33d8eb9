/**
 * `shoal learn` beside a running daemon: it listens to an input, the daemon takes the model up, and the model tells an anomaly at a subscriber.
 * One real daemon, one broker; the machine is a folder into which windows fall at pace.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { type Test, test } from 'tap';
import { channelOf, type Series } from '../../src/core/series.js';
import { startAedes } from '../support/brokers.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { shoal } from '../support/shoal-command.js';
import { csvOf, motor } from '../support/signals.js';
import { startSubscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';

interface Status {
  readonly boot: number;
  readonly config_source?: string;
  /** Absent from an error, while its store opens. */
  readonly uses?: Readonly<Record<string, readonly string[]>>;
}

async function house(t: Test) {
  const broker = await startAedes();
  const scratch = new Scratch();
  const models = join(scratch.dir, 'state', 'models');
  const subscriber = await startSubscriber({ url: broker.url, topic: 'shoal/#', protocol: 4 });
  scratch.configure({
    device: { id: 'pump-house' },
    engine: { count: 1 },
    connections: { lan: { type: 'mqtt', url: broker.url } },
    sinks: { lan: { type: 'mqtt', connection: 'lan' } },
    inputs: {
      pump: { type: 'folder', path: scratch.inbox, settle_ms: 10, rescan_ms: 100 },
      fleet: {
        type: 'mqtt',
        connection: 'lan',
        topics: ['fleet/+'],
        fields: ['x', 'y'],
        time: 't',
        rate_hz: 100,
        window: { length_ms: 1000, hop_ms: 500 },
      },
    },
    pipelines: {
      health: { from: ['pump'], stages: [{ task: 'detect-anomaly', model: 'pump', as: 'anomaly' }] },
    },
  });
  const daemon = new DaemonProcess(scratch);
  t.teardown(async () => {
    await subscriber.stop();
    await daemon.kill();
    await scratch.remove();
    await broker.stop();
  });
  await until('the daemon answers', async () => (await daemon.ask('/v1/status').catch(() => null))?.status === 200);
  await until('it takes captures', async () => /"input:pump","state":"ok"/.test((await daemon.ask('/healthz')).text));
  const learn = (...args: string[]) => shoal(scratch.dir, 'learn', ...args, '-c', scratch.config);
  const status = () => daemon.json<Status>('/v1/status');
  return { scratch, models, broker, subscriber, daemon, learn, status };
}

let dropped = 0;

/** A second of a machine every half second of it, as fast as the board likes. */
function windowsOf(series: Series): string[] {
  return Array.from({ length: Math.floor(series.length / 50) - 1 }, (_, i) => {
    const data = Float32Array.from(series.channels.flatMap((_, c) => [...channelOf(series, c).subarray(i * 50, i * 50 + 100)]));
    return csvOf({ ...series, length: 100, data, startMs: (series.startMs ?? 0) + i * 500 });
  });
}

function drop(scratch: Scratch, text: string): void {
  const outside = join(scratch.outside, 'window');
  writeFileSync(outside, text);
  renameSync(outside, join(scratch.inbox, `${String(++dropped).padStart(5, '0')}.csv`));
}

/** The command, while it runs. */
function listening(scratch: Scratch, ...args: string[]): { child: ChildProcess; said: () => string; ended: Promise<number | null> } {
  const child = spawn(resolve('bin/shoal'), ['learn', ...args, '-c', scratch.config], {
    cwd: scratch.dir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: scratch.dir, LANG: 'C.UTF-8' },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (said += text));
  return { child, said: () => said, ended: new Promise((done) => child.once('close', done)) };
}

const tapped = (daemon: DaemonProcess) => async () => (await daemon.json<{ taps: number }>('/v1/status')).taps > 0;

test('an input is learned from, the running daemon takes it up, and tells an anomaly', async (t) => {
  const { scratch, models, broker, subscriber, daemon, learn, status } = await house(t);
  const results = () =>
    subscriber
      .on(/\/result\/health\//)
      .map(
        ({ payload }) =>
          JSON.parse(payload.toString()) as { capture: { name: string }; observations: { anomaly: { label: string; text?: string }[] } },
      );

  t.match(await learn('anomaly', '--input', 'pomp', '--for', '1s'), { code: 1, stderr: /no input is called "pomp"; there are: pump/ });
  const quiet = await learn('record', '--input', 'pump', '--for', '1s', '--to', 'nothing');
  t.match(quiet, { code: 0, stdout: /0 captures of pump/ });

  // A learner that is killed while it listens leaves nothing, neither model nor tap.
  const killed = listening(scratch, 'anomaly', '--input', 'pump', '--for', '10m');
  await until('it listens', tapped(daemon));
  killed.child.kill('SIGKILL');
  await killed.ended;
  await until('its tap is gone', async () => !(await tapped(daemon)()));
  t.notOk(existsSync(models));

  // Too little is refused honestly.
  const hasty = listening(scratch, 'anomaly', '--input', 'pump', '--for', '10m');
  await until('it listens', tapped(daemon));
  for (const window of windowsOf(motor({ seconds: 4, seed: 3 }))) drop(scratch, window);
  await until('all are taken', () => scratch.files().length + scratch.files('work').length === 0);
  await sleep(100);
  hasty.child.kill('SIGINT');
  t.equal(await hasty.ended, 1);
  t.match(hasty.said(), /interrupted after .* of 10 min/);
  t.match(hasty.said(), /7 windows of 1 s are too little/);
  t.notOk(existsSync(models));

  // Learned but not told to the daemon: the pipeline that means it still does not run.
  const recording = listening(scratch, 'record', '--input', 'pump', '--for', '10m', '--to', 'recorded');
  const learner = listening(scratch, 'anomaly', '--input', 'pump', '--for', '10m', '--no-reload');
  await until('both listen', async () => (await daemon.json<{ taps: number }>('/v1/status')).taps === 2);
  const normal = windowsOf(motor({ seconds: 40, seed: 1 }));
  for (const [i, window] of normal.entries()) {
    drop(scratch, window);
    if (i % 8 === 7) await until('the daemon keeps up', () => scratch.files().length < 8);
  }
  await until('all are taken', () => scratch.files().length + scratch.files('work').length === 0);
  await until('all are recorded', () => readdirSync(join(scratch.dir, 'recorded')).length === normal.length);
  recording.child.kill('SIGINT');
  learner.child.kill('SIGINT');
  t.equal(await learner.ended, 0, learner.said());
  t.match(learner.said(), /Learned from 79 windows of x, y/);
  t.match(learner.said(), /pump@1.0.0 is in .*models\/pump\/1.0.0/);
  t.equal(await recording.ended, 0, recording.said());
  const recorded = readdirSync(join(scratch.dir, 'recorded')).map((file) => readFileSync(join(scratch.dir, 'recorded', file), 'utf8'));
  t.strictSame(new Set(recorded), new Set(normal), 'the bytes the pipelines got');
  const before = await status();
  t.strictSame(before.uses?.health, ['pump']);
  const odd = windowsOf(motor({ seconds: 4, seed: 5, also: (s) => 0.4 * Math.sin(2 * Math.PI * 37 * s) }));
  drop(scratch, odd[0] ?? '');
  await until('it is taken', () => scratch.files().length + scratch.files('work').length === 0);
  t.equal(results().length, 0, 'the control: without a reload nothing runs it');

  // A live input that hears several machines: one has to be named, and is learned from alone.
  const publisher = await connectAsync(broker.url);
  const tell = async (machine: string, { data, length, startMs }: Series) => {
    for (let from = 0; from < length; from += 50) {
      const samples = Array.from({ length: 50 }, (_, i) => ({
        t: (startMs ?? 0) + (from + i) * 10,
        x: data[from + i],
        y: data[length + from + i],
      }));
      await publisher.publishAsync(`fleet/${machine}`, JSON.stringify(samples), { qos: 1 });
    }
  };
  const both = listening(scratch, 'anomaly', '--input', 'fleet', '--for', '3s');
  await until('it listens', tapped(daemon));
  for (const machine of ['a', 'b']) await tell(machine, { ...motor({ seconds: 2, seed: 7 }), startMs: Date.UTC(2025, 0, 1) });
  t.equal(await both.ended, 2);
  t.match(both.said(), /fleet hears several sources.*\n +--source "fleet\/a"\n +--source "fleet\/b"/);
  const one = listening(scratch, 'anomaly', '--input', 'fleet', '--source', 'fleet/a', '--for', '10m', '--no-reload');
  await until('it listens', tapped(daemon));
  const heard = () => daemon.metric('shoal_input_captures_claimed_total', { input: 'fleet' });
  const heardBefore = await heard();
  for (const machine of ['b', 'a']) await tell(machine, motor({ seconds: 40, seed: 8 }));
  await until('all windows were offered', async () => (await heard()) >= heardBefore + 2 * 79);
  await publisher.endAsync();
  one.child.kill('SIGINT');
  t.equal(await one.ended, 0, one.said());
  t.match(one.said(), /Learned from 79 windows of x, y/);
  t.match(one.said(), /fleet@1.0.0 is in/);
  t.match(
    readFileSync(join(models, 'fleet', '1.0.0', 'learned.json'), 'utf8'),
    /"name": "fleet \(fleet\/a\)",\s+"rate_hz": 100,\s+"samples": 4000,/,
  );

  // Learned again, from a table; a reload, in the same process.
  writeFileSync(join(scratch.dir, 'normal.csv'), csvOf(motor({ seconds: 60, seed: 1 })));
  const again = await learn('anomaly', '--name', 'pump', '--from', 'normal.csv');
  t.match(again, { code: 0, stdout: /The running daemon has taken it up: pipeline health runs pump@2.0.0/ });
  t.match(await status(), { boot: before.boot + 1, uses: { health: ['pump@2.0.0'] } });
  t.ok(daemon.alive, 'in the same process');
  for (const window of odd) drop(scratch, window);
  await until('results have arrived', () => results().length >= odd.length);
  t.ok(results().every(({ observations }) => observations.anomaly[0]?.label === 'anomaly'));
  t.match(results().at(-1)?.observations.anomaly[0]?.text, /y: /);

  // Taken back, and taken up by a signal.
  t.match(await learn('undo', 'pump', '--no-reload'), { code: 0, stdout: /pump@1.0.0 is the newest again/ });
  t.match(await status(), { uses: { health: ['pump@2.0.0'] } });
  const captures = () => results().map(({ capture }) => capture.name);
  const earlier = captures().length;
  for (const window of normal.slice(0, 12)) drop(scratch, window);
  process.kill(daemon.pid, 'SIGHUP');
  await until('a signal reloads as well', async () => (await status().catch(() => null))?.uses?.health?.[0] === 'pump@1.0.0');
  await until('all windows are told of', () => captures().length >= earlier + 12);
  t.equal(new Set(captures()).size, captures().length, 'nothing is lost by it, and nothing told twice');

  // What a pipeline cannot run is taken back.
  const config = JSON.parse(readFileSync(scratch.config, 'utf8'));
  config.pipelines.bytes = { from: ['pump'], stages: [{ task: 'detect-anomaly', model: 'pump', variant: 'int8', as: 'anomaly' }] };
  writeFileSync(scratch.config, JSON.stringify(config));
  const undone = await learn('anomaly', '--name', 'pump', '--from', 'normal.csv');
  t.match(undone, {
    code: 1,
    stderr: /pump@3.0.0 was learned, but does not run \(pipeline bytes: .*int8.*\). It is taken back, and the daemon runs as before/,
  });
  t.strictSame(
    readdirSync(join(models, 'pump')).filter((name) => !name.startsWith('.')),
    ['1.0.0'],
  );
  t.match(await status(), { uses: { health: ['pump@1.0.0'] } });

  // A bad configuration is what it is at a start: the last good one runs; one that cannot be read at all changes nothing.
  writeFileSync(scratch.config, JSON.stringify({ ...config, nonsense: 1 }));
  t.match(await daemon.ask('/v1/reload', 'POST'), { status: 202 });
  await until('it runs the last good one', async () => (await status().catch(() => null))?.config_source === 'last-good');
  writeFileSync(scratch.config, 'garbage: [');
  t.match(await daemon.ask('/v1/reload', 'POST'), { status: 409, text: /1 problem/ });
  t.match(await status(), { config_source: 'last-good' });
  t.ok(daemon.alive, 'all of it in one process');
});
