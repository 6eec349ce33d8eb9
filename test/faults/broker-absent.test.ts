/** Goal: a broker that is away never holds up a start, and costs no result. Method: the daemon starts long before its broker does. */
import { test } from 'tap';
import { freePort, startAedes } from '../support/brokers.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { smallPictures } from '../support/pictures.js';
import { startSubscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';
import { drop, smallConfig, told } from './small-daemon.js';

const targetMs = 3000;
const captures = 8;

interface Health {
  readonly status: string;
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

test('with its broker away the daemon is ready within 3 s and says so, results wait, and all arrive when it comes', async (t) => {
  const scratch = new Scratch();
  t.teardown(() => scratch.remove());
  const port = await freePort();
  scratch.configure(smallConfig(scratch, { url: `mqtt://127.0.0.1:${port}` }));
  const starts: number[] = [];
  let daemon = new DaemonProcess(scratch);
  starts.push((await daemon.ready()) ?? Number.POSITIVE_INFINITY);
  // A machine busy with something else is given two more chances.
  while (starts.length < 3 && Math.min(...starts) > targetMs) {
    await daemon.kill();
    daemon = new DaemonProcess(scratch);
    starts.push((await daemon.ready()) ?? Number.POSITIVE_INFINITY);
  }
  t.comment(`from spawn to ready: ${starts.map((ms) => `${Math.round(ms)} ms`).join(', ')}; target ${targetMs} ms`);
  t.ok(Math.min(...starts) <= targetMs, 'ready within 3 s');

  const away = async () => await daemon.json<Health>('/healthz');
  await until('health says that the broker is away', async () => (await away()).reasons.some((reason) => /is away/.test(reason)));
  const { ready, status, reasons } = await away();
  t.match({ ready, status }, { ready: true, status: 'degraded' });
  t.match(reasons.join('; '), new RegExp(`lan.*127\\.0\\.0\\.1:${port} is away: .*ECONNREFUSED`));

  const pictures = await smallPictures();
  const names = Array.from({ length: captures }, (_, index) => `wait-${index}.jpg`);
  for (const name of names) drop(scratch, name, pictures[0]?.bytes ?? Buffer.alloc(0));
  const owed = async () => (await daemon.json<{ sinks: Record<string, { owed: number; dead: number }> }>('/v1/status')).sinks.lan;
  await until('all results wait', async () => (await owed())?.owed === captures, 30_000);
  t.same(scratch.files(), [], 'the captures are settled without the broker');

  const broker = await startAedes({ port });
  t.teardown(() => broker.stop());
  const subscriber = await startSubscriber({ url: broker.url });
  t.teardown(() => subscriber.stop());
  await until('all have arrived', () => told(subscriber).length >= captures, 60_000);
  t.same(
    told(subscriber).map(({ capture }) => capture.name),
    names,
    'each once, in order',
  );
  await until('nothing is owed', async () => (await owed())?.owed === 0);
  t.same(await owed(), { owed: 0, dead: 0 });
  await until('health is well again', async () => (await away()).status === 'ok');
});
