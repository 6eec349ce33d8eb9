/**
 * Which model the built daemon runs after one was added and another pinned, and that it says so: in the trace, in `info`, in readiness.
 */
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { startAedes } from '../support/brokers.js';
import { catalogueBoard } from '../support/catalogue-board.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { startSubscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';

const patienceMs = 60_000;

interface Payload {
  readonly trace: { readonly stages: readonly { readonly model: string }[] };
}

test('a daemon takes an added model and a pin at its next start, and a pin that cannot be kept shows', async (t) => {
  const board = await catalogueBoard(t, { name: 'blazeface-back', version: '1.3.0' });
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
  mkdirSync(board.state, { recursive: true });
  scratch.configure({
    device: { id: 'dock-7' },
    paths: { state_dir: board.state, run_dir: join(scratch.dir, 'run') },
    engine: { count: 1 },
    connections: { lan: { type: 'mqtt', url: broker.url } },
    sinks: { lan: { type: 'mqtt', connection: 'lan' } },
    inputs: { inbox: { type: 'folder', path: scratch.inbox, settle_ms: 20, rescan_ms: 200 } },
    pipelines: { faces: { from: ['inbox'], stages: [{ task: 'detect-faces', as: 'faces' }] } },
  });
  const last = (topic: RegExp) => JSON.parse(subscriber.on(topic).at(-1)?.payload.toString() ?? 'null') as unknown;
  /** Starts, has one picture looked at, stops; answers the model of the trace. */
  const ran = async (look: (daemon: DaemonProcess) => Promise<void> = async () => {}) => {
    rmSync(scratch.log, { force: true });
    const daemon = new DaemonProcess(scratch);
    running.push(daemon);
    await daemon.ready(patienceMs);
    const before = subscriber.on(/\/result\//).length;
    copyFileSync(join('samples', 'astronaut.png'), join(scratch.outside, 'a.png'));
    renameSync(join(scratch.outside, 'a.png'), join(scratch.inbox, 'a.png'));
    await until('a result has arrived', () => subscriber.on(/\/result\//).length > before, patienceMs);
    await look(daemon);
    daemon.terminate();
    await daemon.exited;
    return (last(/\/result\//) as Payload).trace.stages[0]?.model;
  };

  t.equal(await ran(), 'blazeface-back@1.2.0', 'the bundled one');
  t.equal((await board.models('add', 'blazeface-back')).code, 0);
  t.equal(await ran(), 'blazeface-back@1.3.0', 'the newest');
  t.equal((await board.models('pin', 'blazeface-back@1.2.0', '--variant', 'fp32')).code, 0);
  t.equal(await ran(), 'blazeface-back@1.2.0', 'the pinned one');
  t.match(last(/\/info$/), { pins: { 'blazeface-back': { version: '1.2.0', variant: 'fp32' } }, models: ['blazeface-back@1.2.0'] });
  t.match(last(/\/models$/), {
    models: [{ model: 'blazeface-back', version: '1.2.0', chosen_by: 'operator', reason: /pinned on this board/ }],
  });

  writeFileSync(
    join(board.state, 'pins.json'),
    JSON.stringify({ schema: 'shoal/pins/1', models: { 'blazeface-back': { version: '9.9.9' } } }),
  );
  const other = { method: 'temperature', temperature: 2, samples: 200, calibrated_on: 'x', ece_before: 0.2, ece_after: 0.1 };
  const models = { 'blazeface-back@1.2.0': { fp32: { sha256: '0'.repeat(64), calibration: other } } };
  writeFileSync(join(board.state, 'calibrations.json'), JSON.stringify({ schema: 'shoal/calibrations/1', models }));
  const broken = async (daemon: DaemonProcess) => {
    const reasons = [
      /blazeface-back@9\.9\.9 is pinned, and not installed: blazeface-back@1\.3\.0 runs/,
      /blazeface-back@1\.2\.0, variant fp32, is another file than the one that was calibrated/,
    ];
    t.match(await daemon.json('/readyz'), { ready: true, reasons });
  };
  t.equal(await ran(broken), 'blazeface-back@1.3.0', 'a pin that cannot be kept keeps nothing from running');
  t.match(readFileSync(scratch.log, 'utf8'), /a pin is not kept: blazeface-back@9\.9\.9/);
  t.match(readFileSync(scratch.log, 'utf8'), /a calibration is not used: blazeface-back@1\.2\.0, variant fp32/);
});
