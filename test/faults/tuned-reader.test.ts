/**
 * The bundled line reader with its real int8 from measuring to running: `shoal models tune` stores the winner with its evidence, the list
 * shows it, and a daemon with `variants: auto` runs it and says so. Its card's own choice is taken out, so that only the tuning can speak.
 */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { type Test, test } from 'tap';
import { tuneFile } from '../../src/registry/tuning.js';
import { boardClassHere } from '../../tools/run-task.js';
import { bareSpawn } from '../support/bare-spawn.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { until } from '../support/until.js';

bareSpawn();
const run = promisify(execFile);
const patienceMs = 60_000;
const ref = 'ppocr-rec@4.0.0';

function place(t: Test) {
  const scratch = new Scratch();
  const models = join(scratch.dir, 'models');
  const state = join(scratch.dir, 'state');
  const results = join(scratch.dir, 'results.ndjson');
  cpSync('models/ppocr-rec', join(models, 'ppocr-rec'), { recursive: true });
  const card = join(models, 'ppocr-rec', '4.0.0', 'card.yaml');
  const text = readFileSync(card, 'utf8');
  const unpinned = text.replace(/^pinned:.*\n/m, '');
  t.not(unpinned, text, 'the card had a choice of its own');
  writeFileSync(card, unpinned);
  scratch.configure({
    device: { id: 'dock-7' },
    variants: 'auto',
    paths: { state_dir: state, run_dir: join(scratch.dir, 'run'), models_dirs: [models] },
    engine: { count: 1 },
    sinks: { out: { type: 'file', path: results } },
    inputs: { inbox: { type: 'folder', path: scratch.inbox, settle_ms: 20, rescan_ms: 200 } },
    pipelines: { line: { from: ['inbox'], stages: [{ task: 'read-text', as: 'lines' }] } },
  });
  const shoal = (...args: string[]) => run(resolve('bin/shoal'), args, { timeout: 3 * patienceMs });
  return { scratch, models, state, results, shoal };
}

test('the real int8 line reader is measured, listed, run and told', async (t) => {
  const { scratch, models, state, results, shoal } = place(t);
  t.teardown(() => scratch.remove());

  const told = await shoal('models', 'tune', ref, '--dir', models, '--state-dir', state, '--threads', '1', '--seconds', '0');
  const tuning = tuneFile.parse(JSON.parse(readFileSync(join(state, 'tune.json'), 'utf8'))).models[ref];
  const winner = tuning?.winner ?? '';
  t.comment(`${boardClassHere()}: ${tuning?.reason}`);
  // Elsewhere it may go either way; what follows holds for the winner, whichever it is.
  if (boardClassHere() === 'x64-vnni') t.equal(winner, 'int8');
  t.match(told.stdout, new RegExp(`${winner} \\*`));
  const { int8, fp32 } = tuning?.variants ?? {};
  t.match(tuning, { reference: 'fp32', reason: /int8/ });
  t.equal(int8?.failure, undefined);
  t.ok((int8?.found ?? 0) > 0, 'it reads the golden lines');
  t.ok((int8?.cpu_ratio?.bound ?? 0) > 0, 'compared side by side');
  for (const variant of [int8, fp32]) {
    t.ok((variant?.threads[0]?.runs ?? 0) >= 9 && (variant?.threads[0]?.cpu_ms.median ?? 0) > 0, 'the evidence is kept');
  }

  const listed = await shoal('models', 'list', '--config', scratch.config);
  t.match(listed.stdout, new RegExp(`ppocr-rec[\\s\\S]*${winner} +auto +\\d`));

  const daemon = new DaemonProcess(scratch);
  t.teardown(() => daemon.kill());
  await daemon.ready(patienceMs);
  t.match(await daemon.json('/readyz'), { ready: true, reasons: [], variants: { [ref]: [winner] } });
  // As tools/make-bench-pages.ts sets the first line.
  const line = sharp('bench/data/page-1.jpg').extract({ left: 50, top: 37, width: 900, height: 54 });
  await line.png().toFile(join(scratch.outside, 'line.png'));
  renameSync(join(scratch.outside, 'line.png'), join(scratch.inbox, 'line.png'));
  await until('a result has arrived', () => existsSync(results) && readFileSync(results, 'utf8').includes('\n'), patienceMs);
  const payload = JSON.parse(readFileSync(results, 'utf8').split('\n')[0] ?? '') as Payload;
  t.match(JSON.stringify(payload.observations), /DELIVERY NOTE/);
  t.match(payload.trace.stages, [{ stage: 'lines', model: ref, variant: winner }]);
  daemon.terminate();
  await daemon.exited;
});

interface Payload {
  readonly observations: object;
  readonly trace: { readonly stages: readonly object[] };
}
