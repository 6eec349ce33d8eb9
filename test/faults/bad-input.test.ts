/**
 * Goal: whatever is put into the folder, each bad file ends in `failed/` with a reason a person understands, is counted, and holds up
 * no good one for longer than its own budget. Method: each bad file goes in together with a good picture, whose way is timed.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, closeSync, lstatSync, openSync, readFileSync, renameSync, symlinkSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { type Test, test } from 'tap';
import { corruptJpeg, hugePng, pdf, svg, text } from '../support/bad-files.js';
import { type AedesBroker, startAedes } from '../support/brokers.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { smallPictures } from '../support/pictures.js';
import { isAlive, kill } from '../support/processes.js';
import { type Subscriber, startSubscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';
import { drop, reasonFor, smallConfig, told, toldAbout } from './small-daemon.js';

const budgetMs = 2000;

interface Bench {
  readonly scratch: Scratch;
  readonly broker: AedesBroker;
  readonly subscriber: Subscriber;
  readonly daemon: DaemonProcess;
  readonly good: Buffer;
}

async function start(t: Test): Promise<Bench> {
  const scratch = new Scratch();
  t.teardown(() => scratch.remove());
  const broker = await startAedes();
  t.teardown(() => broker.stop());
  const subscriber = await startSubscriber({ url: broker.url });
  t.teardown(() => subscriber.stop());
  scratch.configure(smallConfig(scratch, { url: broker.url, budgetMs, settleMs: 50 }));
  const daemon = new DaemonProcess(scratch);
  await daemon.ready();
  const good = (await smallPictures())[0]?.bytes ?? Buffer.alloc(0);
  // The first one pays for loading the model.
  drop(scratch, 'first.jpg', good);
  await toldAbout(subscriber, 'first.jpg');
  return { scratch, broker, subscriber, daemon, good };
}

/** Milliseconds from the folder to the subscriber. */
async function timeGood({ scratch, subscriber, good }: Bench, name: string): Promise<number> {
  const droppedMs = drop(scratch, name, good);
  const { atMs, outcome } = await toldAbout(subscriber, name);
  if (outcome !== 'published') throw new Error(`${name} ended ${outcome}`);
  return atMs - droppedMs;
}

/** How many claims ended so. */
function settledAs(daemon: DaemonProcess, result: string): Promise<number> {
  return daemon.metric('shoal_input_captures_settled_total', { input: 'inbox', result });
}

interface Bad {
  readonly name: string | Buffer;
  readonly put: (bench: Bench) => void;
  readonly reason: RegExp;
}

const file = (name: string | Buffer, bytes: () => Uint8Array, reason: RegExp): Bad => ({
  name,
  put: ({ scratch }) => void drop(scratch, name, bytes()),
  reason,
});
const inInbox = ({ scratch }: Bench, name: string) => join(scratch.inbox, name);
const huge = hugePng();
const trapName = Buffer.from('two\nlines \xff\xc3\x28 ..%2F.jpg', 'latin1');

const bads: readonly Bad[] = [
  { name: 'corrupt.jpg', put: ({ scratch, good }) => void drop(scratch, 'corrupt.jpg', corruptJpeg(good)), reason: /cannot be decoded/ },
  file('empty.jpg', () => Buffer.alloc(0), /The file is empty: it has zero bytes/),
  file('huge.png', () => huge, /more than 64 million pixels/),
  file('drawing.svg', () => svg, /SVG/),
  file('paper.pdf', () => pdf, /PDF document/),
  file('text.jpg', () => text, /text/),
  file(trapName, () => text, /text/),
  { name: 'pipe.jpg', put: (bench) => void execFileSync('mkfifo', [inInbox(bench, 'pipe.jpg')]), reason: /named pipe/ },
  { name: 'link.jpg', put: (bench) => symlinkSync('/etc/passwd', inInbox(bench, 'link.jpg')), reason: /symbolic link/ },
];

test('each bad file ends in failed/ with its reason, is counted, and delays no good one', async (t) => {
  const passwd = readFileSync('/etc/passwd');
  t.ok(huge.length > 1.9e6 && huge.length < 2.5e6, `the picture of 16384 x 16384 pixels has ${huge.length} bytes`);
  const bench = await start(t);
  const alone: number[] = [];
  for (let i = 0; i < 5; i++) alone.push(await timeGood(bench, `alone-${i}.jpg`));
  const slowest = Math.max(...alone);
  t.comment(`a good picture alone: ${alone.map(Math.round).join(', ')} ms`);
  for (const [index, { name, put, reason }] of bads.entries()) {
    put(bench);
    const ms = await timeGood(bench, `good-${index}.jpg`);
    const shown = JSON.stringify(name.toString());
    t.comment(`a good picture beside ${shown}: ${Math.round(ms)} ms`);
    t.ok(ms <= slowest + budgetMs, `${shown} delays a good one by no more than its budget`);
    const page = await reasonFor(bench.scratch, name);
    t.match(page, reason, `${shown} is explained`);
    t.match(page, /Found: .*\n.*Expected: .*\n.*To do: /, 'with what was found, what was expected and what to do');
  }
  const { daemon, scratch, subscriber } = bench;
  t.ok(lstatSync(join(scratch.inbox, 'failed', 'link.jpg')).isSymbolicLink(), 'the link itself was moved away');
  t.ok(
    readFileSync('/etc/passwd').equals(passwd) && !subscriber.messages.some(({ payload }) => payload.includes('root:x')),
    'and not followed',
  );
  for (const refusal of ['empty', 'fifo', 'symlink']) {
    t.equal(await daemon.metric('shoal_input_refused_total', { input: 'inbox', reason: refusal }), 1, `${refusal} is counted`);
  }
  await until('the good ones are counted', async () => (await settledAs(daemon, 'done')) === 1 + alone.length + bads.length);
  t.equal(await settledAs(daemon, 'failed'), bads.length - 3, 'those that failed are counted');
  const failed = told(subscriber).filter(({ outcome }) => outcome === 'failed');
  t.same(
    failed.map(({ capture }) => capture.name).sort(),
    ['corrupt.jpg', 'huge.png'],
    'subscribers are told of pictures that cannot be read',
  );
  t.equal(await daemon.metric('shoal_engine_restarts_total'), 0, 'no engine died of it');
  t.same([...scratch.files(), ...scratch.files('work')], [], 'nothing is left behind');
});

test('a good picture with a name of newlines and broken UTF-8 is worked on like any other', async (t) => {
  const bench = await start(t);
  drop(bench.scratch, trapName, bench.good);
  await until('it was told of', () => told(bench.subscriber).length === 2, 30_000);
  const [, found] = told(bench.subscriber);
  t.equal(found?.outcome, 'published');
  t.match(found?.capture.name, /^two.*lines .*\.jpg$/);
  t.notMatch(found?.capture.name, /\n/, 'its name is one line');
  await until('it is gone', () => bench.scratch.files('work').length === 0);
  t.same([...bench.scratch.files(), ...bench.scratch.files('failed')], []);
});

test('a file that is still written to is waited for, and one that grows after it was taken ends in failed/', async (t) => {
  const bench = await start(t);
  const { scratch, subscriber, good } = bench;
  const slow = join(scratch.inbox, 'slow.jpg');
  for (let at = 0; at < good.length; at += Math.ceil(good.length / 20)) {
    appendFileSync(slow, good.subarray(at, at + Math.ceil(good.length / 20)));
    await sleep(10);
  }
  t.equal((await toldAbout(subscriber, 'slow.jpg')).outcome, 'published', 'what was finished in time was seen whole');

  const outside = join(scratch.outside, 'growing.jpg');
  appendFileSync(outside, good);
  const descriptor = openSync(outside, 'a');
  t.teardown(() => closeSync(descriptor));
  for (let i = 0; i < 20; i++) drop(scratch, `before-${i}.jpg`, good);
  renameSync(outside, join(scratch.inbox, 'growing.jpg'));
  const taken = () => scratch.files('work').some((name) => name.endsWith('_growing.jpg'));
  await until('it is taken', taken);
  while (taken()) {
    writeSync(descriptor, 'more');
    await sleep(1);
  }
  const page = await reasonFor(scratch, 'growing.jpg');
  t.match(page, /written to after it had been taken|changed while it was read/);
  t.match(page, /rename/, 'it says what to do');
  for (let i = 0; i < 20; i++) t.equal((await toldAbout(subscriber, `before-${i}.jpg`)).outcome, 'published');
  await until('it is counted', async () => (await settledAs(bench.daemon, 'failed')) + (await settledAs(bench.daemon, 'changed')) === 1);
});

test('a capture of which engines die is put into quarantine after two deaths alone, and the rest goes on', async (t) => {
  const bench = await start(t);
  const { scratch, subscriber, daemon } = bench;
  // Its decoding takes long enough to strike while it is in the engine.
  const large = await sharp({ create: { width: 7000, height: 7000, channels: 3, background: '#a08060' } })
    .jpeg()
    .toBuffer();
  drop(scratch, 'poison.jpg', large);
  const at = () => scratch.files('work').find((name) => name.endsWith('_poison.jpg'));
  let kills = 0;
  const endMs = performance.now() + 60_000;
  await until('it is taken', () => at() !== undefined);
  for (let i = 0; i < 4; i++) drop(scratch, `beside-${i}.jpg`, bench.good);
  while (at() !== undefined && performance.now() < endMs) {
    // Once it may be among others, then only when it runs alone.
    const struck = at();
    if (kills === 0 || /_\d\ds_poison/.test(struck ?? '')) {
      await sleep(60);
      for (const pid of daemon.engines()) {
        if (kill(pid)) kills++;
        await until('the engine is dead', () => !isAlive(pid));
      }
      await until('the daemon has noted it', () => at() !== struck);
    }
    await sleep(5);
  }
  const page = await reasonFor(scratch, 'poison.jpg');
  t.comment(`${kills} engines were killed`);
  t.match(page, /quarantined: .*SIGKILL.*2 times, running alone/);
  t.ok(kills >= 3 && kills <= 4, 'after a death among others and two alone');
  for (let i = 0; i < 4; i++) t.equal((await toldAbout(subscriber, `beside-${i}.jpg`)).outcome, 'published');
  t.match(await toldAbout(subscriber, 'poison.jpg'), { outcome: 'failed', reason: /quarantined/ });
  const listed = execFileSync(resolve('bin/shoal'), ['quarantine', '--socket', scratch.socket], { encoding: 'utf8' });
  t.match(listed, /poison\.jpg +the engine died: it was ended by SIGKILL, 2 times/);
  t.ok((await timeGood(bench, 'after.jpg')) < 30_000, 'a good picture passes afterwards');
  t.ok((await daemon.metric('shoal_engine_restarts_total')) >= 3, 'the restarts are counted');
});
