/**
 * The canary: a photo of a face goes through a daemon that keeps the captures of its events, publishes snapshots and hides faces. The face
 * model finds the face in the photo and nowhere afterwards: no file, no page, no message. Beside it the same without redaction, as control.
 */
import { execFile } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { promisify } from 'node:util';
import { test } from 'tap';
import { startAedes } from '../support/brokers.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { FaceLab, photoOfFace } from '../support/face-lab.js';
import { startSubscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';

const patienceMs = 90_000;
const run = promisify(execFile);
/** JPEG, PNG and WebP, wherever they begin. */
const magics = [Buffer.from('ffd8ff', 'hex'), Buffer.from('\x89PNG\r\n', 'latin1'), Buffer.from('WEBPVP8')];

const pipeline = (input: string) => ({
  from: [input],
  stages: [{ task: 'detect-faces', as: 'faces' }],
  report: { mode: 'events', when: 'faces.size() > 0', snapshot: true },
});

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => lstatSync(file).isFile());
}

function holdsPicture(bytes: Buffer): boolean {
  return magics.some((magic) => bytes.includes(magic));
}

function page(socketPath: string, where: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: where, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => resolve(Buffer.concat(pieces)));
    });
    asked.on('error', reject).end();
  });
}

test('a face that is hidden is found in no file, page or message; one that is not is', async (t) => {
  const broker = await startAedes();
  const scratch = new Scratch();
  const subscriber = await startSubscriber({ url: broker.url, topic: 'shoal/#', protocol: 4 });
  const folder = (name: string) => path.join(scratch.dir, name);
  const input = (name: string) => ({ type: 'folder', path: folder(name), settle_ms: 20, rescan_ms: 200, keep: 'events' });
  scratch.configure({
    device: { id: 'dock-7' },
    connections: { lan: { type: 'mqtt', url: broker.url } },
    sinks: { lan: { type: 'mqtt', connection: 'lan' } },
    inputs: { hall: { ...input('hall'), redact: { faces: 'blur' } }, yard: input('yard') },
    pipelines: { 'in-hall': pipeline('hall'), 'in-yard': pipeline('yard') },
  });
  const daemon = new DaemonProcess(scratch);
  t.teardown(async () => {
    await subscriber.stop();
    await daemon.kill();
    await scratch.remove();
    await broker.stop();
  });
  await daemon.ready(patienceMs);
  const lab = await FaceLab.open();
  const photo = await photoOfFace();
  t.equal(await lab.facesIn(photo), 1, 'control: there is a face in the photo');
  const drop = (name: string) => {
    writeFileSync(path.join(scratch.outside, name), photo);
    renameSync(path.join(scratch.outside, name), path.join(folder(name), `canary-${name}.jpg`));
  };
  for (const name of ['hall', 'yard']) drop(name);
  const snapshotOf = (name: string) => subscriber.on(new RegExp(`/snapshot/in-${name}/`)).at(-1)?.payload ?? Buffer.alloc(0);
  await until('both snapshots are published', () => snapshotOf('hall').length > 0 && snapshotOf('yard').length > 0, patienceMs);
  const shoal = (...words: string[]) => run('bin/shoal', [...words, '--socket', scratch.socket]);
  const listed = async () =>
    JSON.parse((await shoal('kept', 'list', '--json')).stdout).kept as { id: string; input: string; bytes: number }[];
  await until('both copies are kept', async () => (await listed()).length === 2, patienceMs);
  await until('both files are settled', () => filesUnder(folder('hall')).length + filesUnder(folder('yard')).length === 0, patienceMs);

  // Of the hall: every file and message is looked at with the model, and no picture is anywhere else.
  const kept = await listed();
  const copyOf = (name: string) => kept.find((row) => row.input === name)?.id ?? '';
  const fetched = path.join(scratch.outside, 'copy.jpg');
  await shoal('kept', 'get', copyOf('hall'), '-o', fetched);
  const state = folder('state');
  const keptFiles = filesUnder(path.join(state, 'kept'));
  const [hall, yard] = ['hall', 'yard'].map((name) => keptFiles.find((file) => file.includes(`/${name}/`)) ?? '');
  t.same(readFileSync(fetched), readFileSync(hall ?? ''));
  t.equal(await lab.facesIn(readFileSync(hall ?? '')), 0, 'none in the copy');
  t.equal(await lab.facesIn(readFileSync(yard ?? '')), 1, 'control: the other copy shows it');
  t.equal(await lab.facesIn(snapshotOf('hall')), 0, 'none in the snapshot');
  t.equal(await lab.facesIn(snapshotOf('yard')), 1, 'control: the other snapshot shows it');
  t.ok(
    snapshotOf('hall').length <= 100_000 && subscriber.on(/\/snapshot\//).every(({ topic }) => /in-(hall|yard)\/(hall|yard)$/.test(topic)),
  );
  const elsewhere = filesUnder(scratch.dir).filter((file) => !keptFiles.includes(file) && file !== fetched);
  t.ok(
    elsewhere.some((file) => file.endsWith('shoal.db')),
    'the database is among the files',
  );
  t.same(
    elsewhere.filter((file) => holdsPicture(readFileSync(file))),
    [],
    'no picture lies anywhere else',
  );
  t.ok(holdsPicture(readFileSync(hall ?? '')), 'control: a picture is known when it is seen');
  const rows = await daemon.json<{ results: { id: string; captureId: string }[] }>('/v1/results');
  t.equal(rows.results.length, 2);
  const own = rows.results.flatMap(({ id, captureId }) => [`/v1/results/${id}`, `/v1/captures/${captureId}`]);
  for (const where of ['/livez', '/readyz', '/healthz', '/metrics', '/v1/status', '/v1/quarantine', '/v1/results', '/v1/kept', ...own]) {
    t.notOk(holdsPicture(await page(scratch.socket, where)), where);
  }
  t.equal(await lab.facesIn(await page(scratch.socket, `/v1/kept/${copyOf('hall')}`)), 0, 'nor is it found in what is fetched');
  const others = subscriber.messages.filter(({ topic }) => !topic.includes('/snapshot/'));
  t.ok(others.some(({ topic }) => topic.includes('/event/')));
  t.same(
    others.filter(({ payload }) => holdsPicture(payload)).map(({ topic }) => topic),
    [],
  );

  // A purge, first dry.
  await until('nothing is owed', async () => (await daemon.metric('shoal_delivery_backlog', { sink: 'lan' })) === 0, patienceMs);
  const purged = (...more: string[]) => shoal('purge', '--input', 'yard', '--before', 'now', ...more).then(({ stdout }) => stdout);
  t.match(
    await purged('--dry-run'),
    /^Would delete of input yard[\s\S]*1 kept copy \(\d+ bytes\)\n {2}1 result with its trace[\s\S]*1 message of events/,
  );
  t.equal(filesUnder(path.join(state, 'kept')).length, 2, 'a dry one does nothing');
  const stored = (words: string) =>
    ['shoal.db', 'shoal.db-wal'].some(
      (file) => elsewhere.includes(path.join(state, file)) && readFileSync(path.join(state, file)).includes(words),
    );
  t.ok(stored('canary-yard'), 'control: what the file was called is in the database');
  t.match(await purged(), /^Deleted of input yard[\s\S]*1 kept copy[\s\S]*1 result with its trace/);
  t.same(filesUnder(path.join(state, 'kept')), [hall]);
  t.same((await daemon.json<typeof rows>('/v1/results')).results.length, 1);
  await until('the broker is told to forget its snapshot', () => snapshotOf('yard').length === 0);
  t.ok(snapshotOf('hall').length > 0);
  t.notOk(stored('canary-yard'));
  t.ok(stored('canary-hall'));
});
