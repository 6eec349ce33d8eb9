/**
 * The built daemon as an operator meets it: files in, results out at a real subscriber, questions over its socket, a clean end.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Test, test } from 'tap';
import { startAedes } from '../support/brokers.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { withHome } from '../support/processes.js';
import { startSubscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';

const run = promisify(execFile);
const patienceMs = 60_000;

function configuration(scratch: Scratch, url: string) {
  return {
    device: { id: 'dock-7' },
    connections: { lan: { type: 'mqtt', url } },
    sinks: { lan: { type: 'mqtt', connection: 'lan' }, file: { type: 'file', path: join(scratch.dir, 'results.ndjson') } },
    inputs: { inbox: { type: 'folder', path: scratch.inbox, settle_ms: 20, rescan_ms: 200 } },
    pipelines: {
      signs: {
        from: ['inbox'],
        stages: [
          { task: 'detect-text', as: 'regions' },
          { task: 'read-text', each: 'regions', as: 'lines' },
        ],
        report: { trace: 'full' },
      },
      faces: { from: ['inbox'], stages: [{ task: 'detect-faces', as: 'faces' }], report: { when: 'faces.size() > 0' } },
      speech: { from: ['inbox'], stages: [{ task: 'detect-speech', as: 'speech' }] },
    },
  };
}

async function corridor(t: Test) {
  const broker = await startAedes();
  const scratch = new Scratch();
  const subscriber = await startSubscriber({ url: broker.url, topic: 'shoal/#', protocol: 4 });
  scratch.configure(configuration(scratch, broker.url));
  const daemon = new DaemonProcess(scratch);
  t.teardown(async () => {
    await subscriber.stop();
    await daemon.kill();
    await scratch.remove();
    await broker.stop();
  });
  await daemon.ready(patienceMs);
  const drop = (name: string) => {
    copyFileSync(join('samples', name), join(scratch.outside, name));
    renameSync(join(scratch.outside, name), join(scratch.inbox, name));
  };
  return { scratch, subscriber, daemon, drop };
}

interface Payload {
  readonly id: string;
  readonly pipeline: string;
  readonly outcome: string;
  readonly capture: { readonly name: string };
  readonly observations: Readonly<Record<string, readonly { readonly text?: string; readonly score: number }[]>>;
}

test('files become results at a subscriber and in a file, and the daemon can say why', async (t) => {
  const { scratch, subscriber, daemon, drop } = await corridor(t);
  for (const name of ['sign.jpg', 'announcement.wav', 'astronaut.png']) drop(name);
  const results = () => subscriber.on(/\/result\//).map(({ payload }) => JSON.parse(payload.toString()) as Payload);
  const find = (name: string, pipeline: string) => results().find((one) => one.capture.name === name && one.pipeline === pipeline);
  await until('four results have arrived', () => results().length >= 4, patienceMs);

  t.same(
    find('sign.jpg', 'signs')?.observations.lines?.map(({ text }) => text),
    ['DOCK 7', 'Deliveries 6:00 - 18:00', 'Ring the bell'],
  );
  t.equal(find('astronaut.png', 'faces')?.observations.faces?.length, 1);
  t.equal(find('announcement.wav', 'speech')?.observations.speech?.length, 2);
  t.equal(find('sign.jpg', 'faces'), undefined, 'a condition that does not hold keeps a result silent');
  await until('every file is settled and gone', () => scratch.files().length + scratch.files('work').length === 0, patienceMs);
  t.same(scratch.files('failed'), []);

  const written = () => readFileSync(join(scratch.dir, 'results.ndjson'), 'utf8').trim().split('\n');
  await until('both sinks have acknowledged all', async () => (await daemon.metric('shoal_delivery_backlog')) === 0, patienceMs);
  await until('the file sink has written four lines', () => written().length >= 4, patienceMs);
  const lines = written();
  const sent = subscriber.on(/\/result\//).map(({ payload }) => payload.toString());
  t.same(lines.sort(), sent.sort(), 'both sinks got the same bytes');

  const shoal = async (...args: string[]) => (await run(resolve('bin/shoal'), [...args, '--socket', scratch.socket])).stdout;
  const { results: stored } = JSON.parse(await shoal('results', '--json')) as { results: { outcome: string }[] };
  t.same(stored.map(({ outcome }) => outcome).sort(), ['published', 'published', 'published', 'published', 'silent']);
  const id = find('sign.jpg', 'signs')?.id ?? '';
  // An acknowledgement rides along with the next commit, a moment after it arrived.
  await until('the store knows of the acknowledgements', async () => /lan has acknowledged/.test(await shoal('explain', id)), patienceMs);
  const story = await shoal('explain', id);
  t.match(story, /read-text\) ran with ppocr-rec@4\.0\.0/);
  t.match(story, /"DOCK 7"/);
  t.match(story, /Sink lan has acknowledged it/);
  t.equal(await daemon.metric('shoal_outcomes_total', { pipeline: 'faces', outcome: 'silent' }), 1);
});

test('the core maps no native decoder, its engines do, and a stop leaves nothing behind', async (t) => {
  const { scratch, subscriber, daemon, drop } = await corridor(t);
  drop('astronaut.png');
  await until('an engine has worked', () => subscriber.on(/\/result\//).length >= 2, patienceMs);
  const native = /libvips|onnxruntime|sharp/;
  t.notMatch(readFileSync(`/proc/${daemon.pid}/maps`, 'utf8'), native);
  const [engine] = daemon.engines();
  t.match(readFileSync(`/proc/${engine}/maps`, 'utf8'), native, 'the check can see them where they are');

  const began = performance.now();
  daemon.terminate();
  t.same(await daemon.exited, { code: 0, signal: null });
  t.ok(performance.now() - began < 6000, 'within its bound');
  t.same(withHome(scratch.dir), [], 'no engine is left');
  await until(
    'the device says that it is gone',
    () =>
      subscriber
        .on(/\/status$/)
        .at(-1)
        ?.payload.toString() === 'offline',
  );
});

test('a configuration that cannot be used ends with code 78 and every problem at once', async (t) => {
  const scratch = new Scratch();
  t.teardown(() => scratch.remove());
  scratch.configure({ inputs: {}, sinks: {}, pipelines: {}, storr: {} });
  const daemon = new DaemonProcess(scratch);
  t.equal((await daemon.exited).code, 78);
  t.match(scratch.lastWords(), /problems\n/);
  t.match(scratch.lastWords(), /storr +unknown section +did you mean store\?/);
});

test('infer says at once what it cannot look at: a folder, a pipe nobody writes to, an empty file', async (t) => {
  const scratch = new Scratch();
  t.teardown(() => scratch.remove());
  const [pipe, empty] = [join(scratch.dir, 'pipe.jpg'), join(scratch.dir, 'empty.jpg')];
  await run('mkfifo', [pipe]);
  writeFileSync(empty, '');
  const told = { [scratch.dir]: 'is no regular file', [pipe]: 'is no regular file', [empty]: 'is empty' };
  for (const [file, why] of Object.entries(told)) {
    const error = await run('bin/shoal', ['infer', file, '--task', 'detect-faces'], { timeout: patienceMs }).catch(
      (reason: unknown) => reason,
    );
    t.match(error, { code: 1, stderr: `shoal: ${file} ${why}; name an image or a WAV recording\n` });
  }
});

test('a reader that has seen enough ends a command quietly', async (t) => {
  const { stdout, stderr } = await run('sh', ['-c', 'bin/shoal config schema | true'], { timeout: patienceMs });
  t.strictSame({ stdout, stderr }, { stdout: '', stderr: '' });
});

test('a start that fails says why, and nothing of a daemon that stopped', async (t) => {
  const scratch = new Scratch();
  t.teardown(() => scratch.remove());
  const inbox = { type: 'folder', path: scratch.inbox };
  const faces = { from: ['inbox'], stages: [{ task: 'detect-faces', as: 'faces' }] };
  const paths = { state_dir: join(scratch.config, 'state'), run_dir: join(scratch.dir, 'run') };
  scratch.configure({
    paths,
    device: { id: 'a' },
    sinks: { out: { type: 'file', path: '/dev/null' } },
    inputs: { inbox },
    pipelines: { faces },
  });
  t.equal((await new DaemonProcess(scratch).exited).code, 1, 'which systemd tries again: a disk may be mounted late');
  t.match(
    scratch.lastWords(),
    /^shoal: the directory .*state cannot be made: ENOTDIR.*create it, mount its disk, or name another under paths:$/m,
  );
  t.notMatch(scratch.lastWords(), /stopped/);
});

test('infer runs every task that can read a file, one of them, or what a configuration says', async (t) => {
  const infer = async (...args: string[]) => {
    const { stdout } = await run(resolve('bin/shoal'), ['infer', 'samples/sign.jpg', '--json', ...args], { timeout: patienceMs });
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Payload);
  };
  t.same((await infer()).map(({ pipeline }) => pipeline).sort(), ['detect-faces', 'estimate-pose', 'read-text']);
  const configured = await infer('--config', 'deploy/shoal.yaml');
  t.same(
    configured.map(({ pipeline, outcome }) => [pipeline, outcome]),
    [
      ['signs', 'published'],
      ['faces', 'silent'],
    ],
  );
});

test('inputs are stopped side by side', async (t) => {
  const scratch = new Scratch();
  t.teardown(() => scratch.remove());
  const slow = { type: 'exec', command: ['sh', '-c', 'trap "sleep 1; exit" TERM; echo up; while :; do sleep 0.1; done'] };
  const inputs = { one: slow, two: slow, three: slow, four: slow, five: slow };
  const base = configuration(scratch, 'mqtt://127.0.0.1:9');
  const { speech } = base.pipelines;
  scratch.configure({ ...base, inputs: { ...base.inputs, ...inputs }, pipelines: { speech } });
  const daemon = new DaemonProcess(scratch);
  await daemon.ready(patienceMs);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const startMs = performance.now();
  daemon.terminate();
  t.same(await daemon.exited, { code: 0, signal: null });
  const tookMs = performance.now() - startMs;
  t.ok(tookMs > 900 && tookMs < 4500, `each takes a second to end, all of them ${Math.round(tookMs)} ms`);
});

test('a stop during the start ends cleanly, whatever was begun', async (t) => {
  const scratch = new Scratch();
  t.teardown(() => scratch.remove());
  scratch.configure(configuration(scratch, 'mqtt://127.0.0.1:9'));
  const daemon = new DaemonProcess(scratch);
  // The database appears with the first step of the start.
  await until('the start has begun', () => existsSync(join(scratch.dir, 'state', 'shoal.db')), patienceMs);
  daemon.terminate();
  t.same(await daemon.exited, { code: 0, signal: null });
  t.match(scratch.lastWords(), /shoal stopped/);
  t.notMatch(scratch.lastWords(), /shoal [0-9.]+ runs/, 'the steps that were left were not taken');
  t.same(withHome(scratch.dir), [], 'no engine is left');
});
