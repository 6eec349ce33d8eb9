/**
 * Goal: a board that gets hot runs what is cheaper, and what is configured again when it has cooled, without flapping. Method: the built daemon
 * over a made-up sysfs tree whose thermal zone is heated and cooled; a subscriber reads in each result how it was made. Control: while the
 * board stays warm but below the threshold, nothing changes.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { test } from 'tap';
import { startAedes } from '../support/brokers.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { startSubscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';
import { drop } from './small-daemon.js';

interface Told {
  readonly atMs: number;
  readonly variant: string;
  readonly degraded: { readonly steps: readonly string[]; readonly of: number; readonly why: string } | undefined;
}

test('a heated board takes the cheaper variant within 10 s, says why in every result, and goes back within 10 s', async (t) => {
  const broker = await startAedes();
  const scratch = new Scratch();
  const subscriber = await startSubscriber({ url: broker.url, topic: 'shoal/#', protocol: 4 });
  const zone = join(scratch.dir, 'board/sys/class/thermal/thermal_zone0');
  mkdirSync(zone, { recursive: true });
  const heat = (celsius: number) => writeFileSync(join(zone, 'temp'), `${celsius * 1000}\n`);
  heat(60);
  scratch.configure({
    board: { root: join(scratch.dir, 'board'), hot_celsius: 80 },
    connections: { lan: { type: 'mqtt', url: broker.url } },
    sinks: { lan: { type: 'mqtt', connection: 'lan' } },
    inputs: { inbox: { type: 'folder', path: scratch.inbox, settle_ms: 20, rescan_ms: 200 } },
    pipelines: {
      signs: {
        from: ['inbox'],
        stages: [{ task: 'detect-text', as: 'regions', variant: 'fp32' }],
        degrade: [{ stage: 'regions', variant: 'int8' }],
        report: { trace: 'full' },
      },
    },
  });
  const daemon = new DaemonProcess(scratch);
  t.teardown(async () => {
    await subscriber.stop();
    await daemon.kill();
    await scratch.remove();
    await broker.stop();
  });
  await daemon.ready(60_000);
  const picture = await sharp('samples/label.png').resize(320).flatten().jpeg().toBuffer();
  const feeding = setInterval(() => drop(scratch, `${performance.now()}.jpg`, picture), 300);
  t.teardown(() => clearInterval(feeding));
  const told = (): Told[] =>
    subscriber.on(/\/result\//).map(({ payload, atMs }) => {
      const { trace } = JSON.parse(payload.toString()) as { trace: { degraded: Told['degraded']; stages: { variant: string }[] } };
      return { atMs, degraded: trace.degraded, variant: trace.stages[0]?.variant ?? '' };
    });
  const since = (ms: number) => told().filter(({ atMs }) => atMs > ms);
  await until('it runs as configured', () => told().length > 3, 30_000);
  heat(78);
  await sleep(5000);
  t.equal(
    told().every(({ variant, degraded }) => variant === 'fp32' && degraded === undefined),
    true,
    'warm is not hot',
  );

  const heatedMs = performance.now();
  heat(84);
  await until('it runs what is cheaper', () => told().at(-1)?.variant === 'int8', 20_000);
  const first = told().find(({ variant }) => variant === 'int8');
  t.ok((first?.atMs ?? 0) - heatedMs <= 10_000, `after ${Math.round((first?.atMs ?? 0) - heatedMs)} ms`);
  t.match(first?.degraded, { steps: ['regions: variant int8'], of: 1, why: /84\.0 °C hot \(80 °C is too hot\)/ });
  t.equal(await daemon.metric('shoal_pipeline_degraded_steps', { pipeline: 'signs' }), 1);
  t.match(await daemon.json('/healthz'), { ready: true, status: 'degraded', reasons: [/84\.0 °C hot/] }, 'not well, and ready');
  await sleep(3000);

  const cooledMs = performance.now();
  heat(60);
  await until('it runs as configured again', () => told().at(-1)?.variant === 'fp32', 20_000);
  const back = since(cooledMs).find(({ variant }) => variant === 'fp32');
  t.ok((back?.atMs ?? 0) - cooledMs <= 10_000, `after ${Math.round((back?.atMs ?? 0) - cooledMs)} ms`);
  await sleep(4000);
  const changes = told().filter(({ variant }, i, all) => i > 0 && variant !== all[i - 1]?.variant).length;
  t.equal(changes, 2, 'once there, once back');
  t.equal(
    told().every(({ variant, degraded }) => (variant === 'int8') === (degraded !== undefined)),
    true,
    'every result that was made in the cheaper way says so',
  );
});
