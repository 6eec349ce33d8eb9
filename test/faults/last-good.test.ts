/** Goal: a bad configuration never stops a device that had a good one; a stop loses nothing. */
import { writeFileSync } from 'node:fs';
import { test } from 'tap';
import { startAedes } from '../support/brokers.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { smallPictures } from '../support/pictures.js';
import { withHome } from '../support/processes.js';
import { startSubscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';
import { drop, smallConfig, told, toldAbout } from './small-daemon.js';

const drainMs = 5000;

test('a bad configuration at the start runs the last good one and readiness says so; without one the exit code is 78', async (t) => {
  const scratch = new Scratch();
  t.teardown(() => scratch.remove());
  const broker = await startAedes();
  t.teardown(() => broker.stop());
  const subscriber = await startSubscriber({ url: broker.url });
  t.teardown(() => subscriber.stop());
  const config = smallConfig(scratch, { url: broker.url });
  const bad = { ...config, pipelines: { faces: { from: ['inbox'], stages: [{ task: 'detct-faces' }] } } };

  scratch.configure(bad);
  t.match(await new DaemonProcess(scratch).exited, { code: 78, signal: null }, 'systemd does not retry it');
  t.match(scratch.lastWords(), /"?detct-faces"? is no task.*did you mean detect-faces/s, 'the problem is explained');

  scratch.configure(config);
  const good = new DaemonProcess(scratch);
  await good.ready();
  await until('the good configuration is kept', () => scratch.hasLastGood);
  await good.kill();

  scratch.configure(bad);
  const daemon = new DaemonProcess(scratch);
  await daemon.ready();
  t.match((await daemon.ask('/readyz')).text, /last good one runs/, 'readiness says it');
  drop(scratch, 'still.jpg', (await smallPictures())[0]?.bytes ?? Buffer.alloc(0));
  t.equal((await toldAbout(subscriber, 'still.jpg')).outcome, 'published', 'and the corridor works');
  await daemon.kill();

  writeFileSync(scratch.config, '\0\xff{{{');
  const garbage = new DaemonProcess(scratch);
  t.match(await garbage.exited, { code: 78 }, 'a file that does not even say where its state is has no last good one here');
});

test('SIGTERM drains within 5 s, leaves no process, and loses nothing', async (t) => {
  const scratch = new Scratch();
  t.teardown(() => scratch.remove());
  const broker = await startAedes();
  t.teardown(() => broker.stop());
  const subscriber = await startSubscriber({ url: broker.url });
  t.teardown(() => subscriber.stop());
  scratch.configure(smallConfig(scratch, { url: broker.url }));
  const pictures = await smallPictures();
  const names: string[] = [];
  const seen = () => new Set(told(subscriber).map(({ capture }) => capture.name));

  let daemon = new DaemonProcess(scratch);
  for (let stop = 0; stop < 2; stop++) {
    const running = daemon;
    // Anew for each stop: a fast machine would otherwise be done before the second.
    for (let more = 0; more < 250; more++) {
      const name = `drain-${names.length}.jpg`;
      drop(scratch, name, pictures[0]?.bytes ?? Buffer.alloc(0));
      names.push(name);
    }
    const before = seen().size;
    await until('it has told of some more', () => seen().size >= before + 10, 30_000);
    const inFlight = scratch.files('work').length;
    const askedMs = performance.now();
    running.terminate();
    const { code } = await running.exited;
    const tookMs = Math.round(performance.now() - askedMs);
    t.comment(`stopped in ${tookMs} ms with ${inFlight} captures claimed and ${seen().size} of ${names.length} told of`);
    t.ok(inFlight > 0 && seen().size < names.length, 'it was stopped in the middle');
    t.equal(code, 0);
    t.ok(tookMs <= drainMs + 500, 'within its time');
    t.same(withHome(scratch.dir), [], 'no process is left');
    daemon = new DaemonProcess(scratch);
  }
  await until('all are told of', () => seen().size === names.length, 60_000);
  t.same([...seen()].sort(), [...names].sort(), 'nothing is lost');
  t.equal(new Set(told(subscriber).map(({ id }) => id)).size, names.length, 'and none has two ids: each was computed once');
  await until('the folder is empty', () => scratch.files().length + scratch.files('work').length === 0, 10_000);
  t.same(scratch.files('failed'), []);
});
