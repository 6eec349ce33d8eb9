/**
 * Which variant the built daemon runs, and that it says so: in the trace, in readiness, in its log, and to subscribers.
 */
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { TuneFile } from '../../src/registry/tuning.js';
import { startAedes } from '../support/brokers.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { startSubscriber } from '../support/subscriber.js';
import { makeTwoVariants, tuningFor, twoVariantRef } from '../support/two-variants.js';
import { until } from '../support/until.js';

const patienceMs = 60_000;

interface Payload {
  readonly trace: { readonly stages: readonly { readonly model: string; readonly variant: string }[] };
}

async function place(t: Test) {
  const broker = await startAedes();
  const scratch = new Scratch();
  const subscriber = await startSubscriber({ url: broker.url, topic: 'shoal/#', protocol: 4 });
  const two = makeTwoVariants(scratch.dir);
  const state = join(scratch.dir, 'state');
  mkdirSync(state);
  const running: DaemonProcess[] = [];
  t.teardown(async () => {
    await subscriber.stop();
    for (const daemon of running) await daemon.kill();
    await scratch.remove();
    await broker.stop();
  });
  const start = async (variants: 'pinned' | 'auto') => {
    scratch.configure({
      device: { id: 'dock-7' },
      variants,
      paths: { state_dir: state, run_dir: join(scratch.dir, 'run'), models_dirs: [two.directory] },
      engine: { count: 1 },
      connections: { lan: { type: 'mqtt', url: broker.url } },
      sinks: { lan: { type: 'mqtt', connection: 'lan' } },
      inputs: { inbox: { type: 'folder', path: scratch.inbox, settle_ms: 20, rescan_ms: 200 } },
      pipelines: { faces: { from: ['inbox'], stages: [{ task: 'detect-faces', as: 'faces' }] } },
    });
    rmSync(scratch.log, { force: true });
    const daemon = new DaemonProcess(scratch);
    running.push(daemon);
    await daemon.ready(patienceMs);
    return daemon;
  };
  const stop = async (daemon: DaemonProcess) => {
    daemon.terminate();
    await daemon.exited;
  };
  const tune = (tuning: TuneFile) => writeFileSync(join(state, 'tune.json'), JSON.stringify(tuning));
  const last = (topic: RegExp) => JSON.parse(subscriber.on(topic).at(-1)?.payload.toString() ?? 'null') as unknown;
  /** The variant of the stage, as the trace of a fresh result has it. */
  const ran = async () => {
    const before = subscriber.on(/\/result\//).length;
    copyFileSync(join('samples', 'astronaut.png'), join(scratch.outside, 'a.png'));
    renameSync(join(scratch.outside, 'a.png'), join(scratch.inbox, 'a.png'));
    await until('a result has arrived', () => subscriber.on(/\/result\//).length > before, patienceMs);
    const [stage] = (last(/\/result\//) as Payload).trace.stages;
    t.equal(stage?.model, twoVariantRef);
    return stage?.variant;
  };
  const said = (words: RegExp) =>
    readFileSync(scratch.log, 'utf8')
      .split('\n')
      .filter((line) => words.test(line));
  return { two, start, stop, tune, last, ran, said };
}

const changeLine = /from now on/;

test('auto runs what was measured to be best here, and a change of variant is told once', async (t) => {
  const { two, start, stop, tune, last, ran, said } = await place(t);
  tune(tuningFor(two, 'int8', 'int8 takes half of the time'));
  const pinned = await start('pinned');
  t.equal(await ran(), 'fp32', 'pinned is not moved by what was measured');
  t.match(await pinned.json('/readyz'), { ready: true, variants: { [twoVariantRef]: ['fp32'] } });
  t.match(last(/\/models$/), {
    variants: 'pinned',
    tuned: 'usable',
    models: [{ variant: 'fp32', chosen_by: 'pinned', cost: { cpu_ms: 20 } }],
  });
  t.match(last(/\/info$/), { variants: { [twoVariantRef]: ['fp32'] }, variant_changes: [] });
  t.strictSame(said(changeLine), [], 'a first start is no change');
  await stop(pinned);

  const auto = await start('auto');
  t.equal(await ran(), 'int8');
  t.match(await auto.json('/readyz'), { ready: true, reasons: [], variants: { [twoVariantRef]: ['int8'] } });
  const change = { model: twoVariantRef, from: ['fp32'], to: ['int8'], reason: 'int8 takes half of the time' };
  t.match(last(/\/info$/), { variant_changes: [change] });
  t.match(last(/\/models$/), {
    models: [{ variant: 'int8', chosen_by: 'auto', accuracy: { budget: 0.02 }, changed: { from: ['fp32'], to: ['int8'] } }],
  });
  t.match(
    said(changeLine).map((line) => JSON.parse(line) as unknown),
    [change],
  );
  await stop(auto);

  const again = await start('auto');
  t.equal(await ran(), 'int8');
  t.strictSame(said(changeLine), [], 'told once');
  t.match(last(/\/info$/), { variant_changes: [] });
  t.match(last(/\/models$/), { models: [{ changed: { from: ['fp32'] } }] }, 'the last change can still be looked up');
  await stop(again);
});

test('a tuning of another board, or a damaged one, is not used: pinned runs, and readiness and log say why', async (t) => {
  const { two, start, stop, tune, last, ran, said } = await place(t);
  const mine = tuningFor(two, 'int8');
  tune({ ...mine, board: { ...mine.board, cpu: 'another' } });
  const foreign = await start('auto');
  t.equal(await ran(), 'fp32');
  t.match(await foreign.json('/readyz'), { ready: true, reasons: [/pinned ones run: .*of another board \(CPU another, here/] });
  t.equal(said(/the tuning is not used: .*of another board/).length, 1);
  t.match(last(/\/models$/), { tuned: 'unusable', models: [{ variant: 'fp32', chosen_by: 'pinned', reason: /since .*of another board/ }] });
  t.notMatch(last(/\/models$/), { models: [{ cost: {} }] }, 'and its figures are not shown as ours');
  await stop(foreign);

  tune(JSON.parse('{}') as TuneFile);
  const damaged = await start('auto');
  t.equal(await ran(), 'fp32');
  t.match(await damaged.json('/readyz'), { ready: true, reasons: [/is no tuning/] });
  await stop(damaged);
});
