/**
 * A person before a camera, as an operator is told of it by the built daemon: made of a photograph that is moved over a background,
 * 5 pictures a second, with an engine and then the whole daemon killed while the person stands there.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { test } from 'tap';
import { startAedes } from '../support/brokers.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { kill } from '../support/processes.js';
import { type Received, startSubscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';

const patienceMs = 60_000;

interface Message {
  readonly schema: string;
  readonly id: string;
  readonly phase: string;
  readonly number: number;
  readonly end_reason?: string;
  readonly captures: { readonly seen: number; readonly held: number };
  readonly best: { readonly result: string };
  readonly state: string;
  readonly event?: { readonly id: string };
}

/** A person whose left edge is at `x` (may be outside), or nobody. */
async function picture(x: number | null): Promise<Buffer> {
  const room = sharp('samples/coffee.png').resize(480, 320, { fit: 'cover' }).removeAlpha();
  if (x === null) return room.jpeg().toBuffer();
  const person = await sharp('samples/astronaut.png').extract({ left: 120, top: 0, width: 256, height: 320 }).png().toBuffer();
  return room
    .composite([{ input: person, left: x, top: 0 }])
    .jpeg()
    .toBuffer();
}

/** What the camera sees at so many tenths of a second of the play. */
function positionAt(tick: number): number | null {
  const second = tick / 5;
  if (second < 1.4 || second >= 10.6 || (second >= 5 && second < 5.6)) return null;
  if (second < 2.4) return Math.round(-220 + (second - 1.4) * 320);
  if (second >= 9.8) return Math.round(100 + (second - 9.8) * 300);
  return 100;
}

const read = ({ payload }: Received): Message => JSON.parse(payload.toString()) as Message;

test('one person is one event: told once, with its state right after every restart', async (t) => {
  const broker = await startAedes();
  const scratch = new Scratch();
  const subscriber = await startSubscriber({ url: broker.url, topic: 'shoal/#', protocol: 4 });
  const running: DaemonProcess[] = [];
  t.teardown(async () => {
    await subscriber.stop();
    for (const daemon of running) await daemon.kill();
    await scratch.remove();
    await broker.stop();
  });
  const report = {
    when: 'faces.exists(f, f.score >= 0.6)',
    mode: 'events',
    on_after_ms: 300,
    off_after_ms: 3000,
    update_every_ms: 2000,
  };
  scratch.configure({
    device: { id: 'dock-7' },
    engine: { count: 1 },
    connections: { lan: { type: 'mqtt', url: broker.url } },
    sinks: { lan: { type: 'mqtt', connection: 'lan' } },
    inputs: { cam: { type: 'folder', path: scratch.inbox, settle_ms: 10, rescan_ms: 100 } },
    pipelines: { doors: { from: ['cam'], stages: [{ task: 'detect-faces', as: 'faces' }], report } },
  });
  const start = async () => {
    const daemon = new DaemonProcess(scratch);
    running.push(daemon);
    await daemon.ready(patienceMs);
    return daemon;
  };
  const pictures = new Map<number | null, Buffer>();
  let frames = 0;
  const shoot = async (position: number | null) => {
    const bytes = pictures.get(position) ?? (await picture(position));
    pictures.set(position, bytes);
    const name = `${String(frames++).padStart(4, '0')}.jpg`;
    writeFileSync(join(scratch.outside, name), bytes);
    renameSync(join(scratch.outside, name), join(scratch.inbox, name));
  };
  const events = () => subscriber.on(/\/event\/doors\/cam$/).map(read);
  const states = () => subscriber.on(/\/state\/doors\/cam$/).map(read);
  /** What somebody who comes only now is told. */
  const retained = async () => {
    const late = await startSubscriber({ url: broker.url, topic: 'shoal/dock-7/state/#', protocol: 4 });
    await late.wait((messages) => messages.length > 0);
    await late.stop();
    return late.messages.map((message) => ({ ...read(message), retain: message.retain }));
  };

  for (let tick = 0; tick < 70; tick++) await picture(positionAt(tick)).then((bytes) => pictures.set(positionAt(tick), bytes));
  let daemon = await start();
  await until('the state is said before anything was seen', () => states().length > 0, patienceMs);
  t.match(await retained(), [{ schema: 'shoal/state/1', state: 'unknown', retain: true }]);
  let killed = 0;
  for (let tick = 0; tick < 70; tick++) {
    if (tick === 20) {
      const [engine] = daemon.engines();
      if (engine !== undefined && kill(engine)) killed++;
    }
    if (tick === 36) {
      await until('somebody is there', () => events().length > 0, patienceMs);
      if (await daemon.kill()) killed++;
      t.match(await retained(), [{ state: 'on', event: { id: events()[0]?.id } }], 'the broker knows it of the dead one');
      const before = states().length;
      daemon = await start();
      await until('the new one says the state', () => states().length > before, patienceMs);
      t.match(states()[before], { state: 'on', event: { id: events()[0]?.id } }, 'the event goes on');
    }
    await shoot(positionAt(tick));
    await sleep(200);
  }
  t.equal(killed, 2, 'an engine and the daemon were killed');
  const ended = async () => {
    await shoot(null);
    await sleep(200);
    return events().some(({ phase }) => phase === 'end');
  };
  await until('the end was told', ended, patienceMs);
  await until('and nobody is there any more', () => states().at(-1)?.state === 'off', patienceMs);
  const told = events();
  t.same(told.filter(({ phase }) => phase === 'start').length, 1);
  t.same(told.filter(({ phase }) => phase === 'end').length, 1);
  t.ok(told.filter(({ phase }) => phase === 'update').length <= 6, `${told.length} messages`);
  t.same(new Set(told.map(({ id }) => id)).size, 1);
  t.same(
    [...new Set(told.map(({ number }) => number))],
    Array.from({ length: told.length }, (_, i) => i),
    'numbered, each once',
  );
  t.match(told.at(-1), { schema: 'shoal/event/1', end_reason: 'over' });
  t.comment(JSON.stringify(told.at(-1)));
  t.ok((told.at(-1)?.captures.held ?? 0) >= 30, 'nearly every picture of the person was counted');
  t.match(await retained(), [{ state: 'off', retain: true }]);
  t.same(subscriber.on(/\/result\//), [], 'and not one picture was told by itself');
  for (const { qos, retain } of subscriber.on(/\/event\//)) t.same({ qos, retain }, { qos: 1, retain: false });
});
