/**
 * `shoal models tune` and what reads its answer, on this very machine: a model whose `fp32` was made slow beside an `int8` that is not.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { DoctorContext } from '../../src/cli/doctor.js';
import { doctorCommand } from '../../src/cli/doctor.js';
import { modelsCommand } from '../../src/cli/models.js';
import type { ModelsContext } from '../../src/cli/models-context.js';
import { runProgram } from '../../src/cli/program.js';
import { parts } from '../../src/parts.js';
import { readCard } from '../../src/registry/card.js';
import { type TuneFile, tuneFile } from '../../src/registry/tuning.js';
import { goodAccuracy, makeTwoVariants, tuningFor, twoVariantRef } from '../support/two-variants.js';

async function shoal(...argv: string[]) {
  let out = '';
  let err = '';
  const context: ModelsContext & DoctorContext = {
    parts,
    defaults: { configPath: '/nonexistent/shoal.yaml', socketPath: '/nonexistent/shoal.sock' },
    version: '0.1.0',
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    modelsDirectories: [],
    catalogue: '/nonexistent/catalogue',
    fitModel: () => {},
    probeModels: () => Promise.resolve([]),
    probeRuntime: () => Promise.resolve({ ok: true, ms: 1 }),
  };
  const code = await runProgram(argv, [modelsCommand, doctorCommand], context);
  return { code, out, err };
}

function place(t: Test, change: Parameters<typeof makeTwoVariants>[1] = {}) {
  const dir = t.testdir();
  const two = makeTwoVariants(dir, change);
  const state = join(dir, 'state');
  const where = ['--dir', two.directory, '--state-dir', state];
  const tuned = (): TuneFile => tuneFile.parse(JSON.parse(readFileSync(join(state, 'tune.json'), 'utf8')));
  return { dir, two, state, where, tuned };
}

test('every variant is measured with threads and engines, the faster one wins, and the list says so', async (t) => {
  const { where, tuned, dir, state } = place(t);
  const { code, out, err } = await shoal('models', 'tune', ...where, '--threads', '1,2', '--seconds', '0.3');
  t.equal(code, 0, err);
  t.match(out, /int8 \*/);
  t.match(out, /int8 wins: int8 takes \d+ % of the CPU time .*faces missed at most 1 points worse, 2 points allowed/);
  t.match(err, /fp32, 1 engine at once\n.*all variants in turns, 1 thread\n/s, 'it says what it does');
  const tuning = tuned().models[twoVariantRef];
  t.match(tuning, { reference: 'fp32', winner: 'int8' });
  for (const variant of Object.values(tuning?.variants ?? {})) {
    t.same(
      variant.threads.map(({ threads }) => threads),
      [1, 2],
    );
    for (const { runs, cpu_ms, wall_ms } of variant.threads) {
      t.ok(runs >= 9);
      for (const { median, min, max } of [cpu_ms, wall_ms]) t.ok(min > 0 && min <= median && median <= max);
    }
    t.equal(variant.engines[0]?.engines, 1);
    for (const { captures_per_s } of variant.engines) t.ok(captures_per_s > 0);
    t.ok((variant.memory_bytes ?? 0) > 1e6 && (variant.load_ms ?? 0) > 0);
  }
  t.equal(tuning?.variants.int8?.found, 1, 'it found the face on the golden capture');
  t.ok((tuning?.variants.int8?.cpu_ratio?.bound ?? 1) < 0.97);

  const pinned = await shoal('models', 'list', ...where);
  t.match(pinned.out, /fp32 +pinned +\d.*\n.*int8 +on request +\d/, 'measured, but pinned is the default');
  t.match(pinned.out, /runs as fp32: it is the first of its card\n.*variants: pinned; this board is tuned/);
  const config = join(dir, 'shoal.yaml');
  const body = { version: 1, variants: 'auto', paths: { state_dir: state, models_dirs: [join(dir, 'two-variants')] } };
  const inputs = { inbox: { type: 'folder', path: dir } };
  const pipelines = { faces: { from: ['inbox'], stages: [{ task: 'detect-faces' }] } };
  writeFileSync(config, JSON.stringify({ ...body, inputs, pipelines, sinks: { out: { type: 'file', path: '/dev/null' } } }));
  const auto = await shoal('models', 'list', '--config', config);
  t.match(auto.out, /int8 +auto/);
  const json = JSON.parse((await shoal('models', 'list', '--config', config, '--json')).out) as { models: object[] };
  t.match(json, { variants: 'auto', tuning: { state: 'usable' }, models: [{ runs: { variant: 'int8', chosen_by: 'auto' } }] });
  t.match((await shoal('doctor', '--state-dir', state)).out, /variants +class \S+, tuned for 1 model\n/);
});

test('a variant that is not accurate enough does not win, however fast; one that cannot run is said', async (t) => {
  const { two, where, tuned } = place(t, { accuracy: { ...goodAccuracy, bound: 0.03 } });
  writeFileSync(join(two.directory, 'blazeface-back', '1.2.0', 'slow.onnx'), 'not what the card promises');
  const told = await shoal('models', 'tune', 'blazeface-back', ...where, '--threads', '1', '--seconds', '0', '--json');
  t.equal(told.code, 0);
  t.match(JSON.parse(told.out), { failed: [], models: { [twoVariantRef]: { winner: 'int8' } } }, 'what runs wins over what does not');
  t.match(tuned().models[twoVariantRef]?.variants.fp32, { failure: /has SHA-256 .*its card says/, threads: [] });

  const other = place(t, { accuracy: { ...goodAccuracy, bound: 0.03 } });
  await shoal('models', 'tune', ...other.where, '--threads', '1', '--seconds', '0');
  t.match(other.tuned().models[twoVariantRef], { winner: 'fp32', reason: /fp32 stays: int8 is not accurate enough/ });
});

test('what cannot be measured ends with 1 and a sentence, and nothing is written', async (t) => {
  const { two, where, state } = place(t);
  t.match(await shoal('models', 'tune', 'nonesuch', ...where), { code: 2, err: /there is no model "nonesuch"/ });
  t.match(await shoal('models', 'tune', ...where, '--threads', '0'), { code: 2, err: /whole numbers 1 \.\. 16/ });
  t.match(await shoal('models', 'tune', ...where, '--export', '/tmp/x', '--import', '/tmp/y'), { code: 2, err: /not both/ });
  const card = join(two.directory, 'blazeface-back', '1.2.0', 'card.yaml');
  writeFileSync(card, readFileSync(card, 'utf8').replace(/golden:[\s\S]*?(?=\n\w|$)/, 'golden: []'));
  t.strictSame((await readCard(join(two.directory, 'blazeface-back', '1.2.0'))).card.golden, []);
  t.match(await shoal('models', 'tune', ...where), { code: 1, err: /cannot be measured: its card names no golden capture/ });
  t.notOk(existsSync(join(state, 'tune.json')));
  const file = join(t.testdir({ a: '' }), 'a');
  t.match(await shoal('models', 'tune', ...where, '--export', file), { code: 2, err: /nothing to export/ });
});

test('a tuning goes to boards of the same class, with every difference said, and to no other', async (t) => {
  const here = place(t);
  const exported = join(here.dir, 'exported.json');
  const write = (tuning: TuneFile) => writeFileSync(exported, JSON.stringify(tuning));
  const mine = tuningFor(here.two, 'int8');
  const elsewhere = { ...mine, board: { ...mine.board, cpu: 'another', cores: 64 } };

  write({ ...elsewhere, board: { ...elsewhere.board, class: mine.board.class === 'x64' ? 'arm64' : 'x64' } });
  t.match(await shoal('models', 'tune', ...here.where, '--import', exported), { code: 2, err: /is of the class .* this board is/ });
  t.notOk(existsSync(here.state));

  write(elsewhere);
  const taken = await shoal('models', 'tune', ...here.where, '--import', exported);
  t.match(taken, {
    code: 0,
    out: /blazeface-back@1\.2\.0: int8\n.*another board of the class: CPU another, here .*\n.*cores 64, here \d+\n1 of 1 models taken/,
  });
  t.match(here.tuned(), { board: mine.board, models: { [twoVariantRef]: { winner: 'int8', measured_on: { cpu: 'another' } } } });

  const again = join(here.dir, 'again.json');
  t.match(await shoal('models', 'tune', ...here.where, '--export', again), { code: 0, out: /1 models, for boards of the class/ });
  t.strictSame(JSON.parse(readFileSync(again, 'utf8')), JSON.parse(JSON.stringify(here.tuned())));

  const strange = JSON.parse(JSON.stringify(elsewhere).replaceAll(here.two.sha256.int8, 'c'.repeat(64))) as TuneFile;
  write(strange);
  t.match(await shoal('models', 'tune', ...here.where, '--import', exported), { code: 1, out: /is left out: its files are not those/ });
  writeFileSync(exported, '{');
  t.match(await shoal('models', 'tune', ...here.where, '--import', exported), { code: 2, err: /cannot be read/ });
  writeFileSync(join(here.state, 'tune.json'), '{');
  t.match((await shoal('doctor', '--state-dir', here.state)).out, /warn +variants +.*a tuning that is not used\n.*cannot be read/);
});
