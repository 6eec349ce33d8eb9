/**
 * `shoal models calibrate` with a real model on real lines of text, and what an engine makes of its answer.
 *
 * The model tells which way up a line stands and is hardly ever wrong. What it answers is laid beside the lines as their truth, and beside each
 * third line the opposite: that makes a model that is surer than it is right.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Test, test } from 'tap';
import { calibrated } from '../../src/core/calibration.js';
import { limits } from '../../src/core/limits.js';
import type { Observation } from '../../src/core/result.js';
import { bundledModels } from '../../src/parts.js';
import { readCalibrations } from '../../src/registry/calibrations.js';
import { openRegistry } from '../../src/registry/registry.js';
import { classifyOrientation } from '../../src/tasks/classify-orientation.js';
import { openTask } from '../../tools/run-task.js';
import { catalogueBoard } from '../support/catalogue-board.js';
import { freshFolder, lineCrops } from '../support/samples.js';

const ref = 'ppocr-cls@2.0.0';

interface Line {
  readonly name: string;
  /** What the model says of it. */
  readonly label: string;
}

/** The lines in the order of their hashes, in which every other one judges. */
async function seenLines(): Promise<{ folder: string; lines: Line[] }> {
  const folder = await lineCrops(104);
  const model = (await openRegistry([bundledModels])).find(ref);
  if (model === null) throw new Error(`${ref} is not bundled`);
  const opened = await openTask(classifyOrientation, model, 'fp32');
  const lines: (Line & { hash: string })[] = [];
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(path.join(folder, name));
    const label = (await opened.run(bytes)).observations[0]?.label ?? '';
    lines.push({ name, label, hash: createHash('sha256').update(bytes).digest('hex') });
  }
  await opened.close();
  return { folder, lines: lines.sort((one, other) => (one.hash < other.hash ? -1 : 1)) };
}

const seen = seenLines();

/** A board, and the lines with a truth beside each: `right` says whether the model is right; null is no truth at all. */
async function place(t: Test, right: (index: number) => boolean | null) {
  const { folder, lines } = await seen;
  for (const [index, { name, label }] of lines.entries()) {
    const verdict = right(index);
    const truth = verdict === true ? label : label === '0' ? '180' : '0';
    writeFileSync(path.join(folder, `${name}.truth.json`), verdict === null ? 'none' : JSON.stringify([{ label: truth }]));
  }
  const board = await catalogueBoard(t);
  return { samples: folder, lines, board, kept: () => readCalibrations(board.state) };
}

const aThirdIsWrong = (index: number) => index % 3 !== 0;

test('a model that is surer than it is right is calibrated on this board, and can be set back', async (t) => {
  const { samples, board, kept } = await place(t, aThirdIsWrong);
  const first = await board.models('calibrate', 'ppocr-cls', '--samples', samples, '--method', 'temperature');
  t.equal(first.code, 0, first.err);
  t.match(first.out, /ppocr-cls@2\.0\.0, variant fp32: fitted on 52 observations \(\d+ % right\), judged on 52 others/);
  t.match(first.out, /expected calibration error +0\.[23]\d* +0\.\d+\nBrier score/);
  t.match(first.out, /Kept in .*calibrations\.json\.\nThe daemon reads models, pins and calibrations at its start/);
  const entry = (await kept()).models[ref]?.fp32;
  t.match(entry?.calibration, { method: 'temperature', samples: 104, calibrated_on: /104 samples of / });
  t.ok((entry?.calibration.ece_after ?? 1) < (entry?.calibration.ece_before ?? 0) / 2);
  const again = await board.models('calibrate', ref, '--variant', 'fp32', '--samples', samples, '--json');
  t.match(JSON.parse(again.out), { model: ref, variant: 'fp32', kept: true, samples: 104 });
  const list = await board.models('list');
  t.match(list.out, /ppocr-cls@2\.0\.0, fp32: scores are calibrated \(.*\) on 104 samples of .*; calibration error 0\.\d+ -> 0\.\d+/);
  const { models } = JSON.parse((await board.models('list', '--json')).out) as { models: { name: string; variants: object[] }[] };
  t.match(models.find(({ name }) => name === 'ppocr-cls')?.variants[0], { calibration: { samples: 104 } });

  t.equal((await board.models('calibrate', 'ppocr-cls', '--undo', '--variant', 'int8')).code, 2);
  const undone = await board.models('calibrate', 'ppocr-cls', '--undo');
  t.match(undone, { code: 0, out: /ppocr-cls@2\.0\.0 is no longer calibrated on this board \(fp32\)/ });
  t.same((await kept()).models, {});
  t.match(await board.models('calibrate', 'ppocr-cls', '--undo'), { code: 2, err: /not calibrated on this board; nothing is/ });
});

test('what an engine finds has calibrated scores, and its trace says so', async (t) => {
  const { samples, lines, board, kept } = await place(t, aThirdIsWrong);
  const infer = (...flags: string[]) => {
    const file = path.join(samples, lines[0]?.name ?? '');
    return execFileSync(path.resolve('bin/shoal'), ['infer', file, '-c', board.config, ...flags], { encoding: 'utf8' });
  };
  const stages = [{ task: 'classify-orientation', as: 'ways' }];
  const abstain = 'ways.exists(w, w.score < 0.9)';
  board.configure({ pipelines: { ways: { from: ['inbox'], stages, abstain, report: { trace: 'full' } } } });
  const scoreOf = (body: Body) => body.observations.ways?.[0]?.score ?? Number.NaN;
  const raw = JSON.parse(infer('--json')) as Body;
  t.notOk(raw.trace.stages[0]?.calibrated);
  t.equal(raw.outcome, 'published');
  t.equal((await board.models('calibrate', ref, '--samples', samples)).code, 0);
  const body = JSON.parse(infer('--json')) as Body;
  const calibration = (await kept()).models[ref]?.fp32?.calibration;
  if (calibration === undefined) throw new Error('nothing was kept');
  const expected = calibrated(calibration, scoreOf(raw));
  t.ok(Math.abs(scoreOf(body) - expected) < 1e-3, `${scoreOf(body)} is ${expected}, of a score that was rounded before`);
  t.ok(scoreOf(body) < 0.9 && scoreOf(raw) > 0.9, `${scoreOf(raw)} -> ${scoreOf(body)}`);
  t.match(body.trace.stages[0], { calibrated: true });
  t.equal(body.outcome, 'abstained', 'a condition sees the calibrated score');
  t.match(infer('--explain'), /and found 1, with calibrated scores\./);
});

interface Body {
  readonly outcome: string;
  readonly observations: Readonly<Record<string, Observation[]>>;
  readonly trace: { readonly stages: readonly Record<string, unknown>[] };
}

test('what says nothing of a score is refused, and nothing is kept', async (t) => {
  const { samples, board, kept } = await place(t, () => true);
  const refused = async (reason: RegExp, code: number, ...argv: string[]) => {
    const { err, out, code: found } = await board.models('calibrate', ...argv);
    t.match(err + out, reason);
    t.equal(found, code);
    t.same((await kept()).models, {});
  };
  await refused(/all 52 things found in the half that fits are right, so nothing tells.*hard/, 2, ref, '--samples', samples);
  await place(t, () => false);
  await refused(/are wrong.*check that the truth is of these samples/, 2, ref, '--samples', samples);
  await place(t, (index) => (index < 84 ? null : true));
  const least = limits.calibrationScoresMin;
  const few = new RegExp(
    `png is not used: the truth beside it: not readable as JSON[^]*found 20 things in 20 samples, 10 in the half.*at least ${least}`,
  );
  await refused(few, 2, ref, '--samples', samples);
  await refused(/there is no sample that it can use: lay NAME\.truth\.json/, 2, ref, '--samples', freshFolder('empty'));
  await refused(/cannot be read/, 2, ref, '--samples', '/nonexistent');
  await refused(/there is no model "nonesuch"/, 2, 'nonesuch', '--samples', samples);
  await refused(/has no variant "int4", only fp32/, 2, ref, '--variant', 'int4', '--samples', samples);
  await refused(
    /for detect-speech, whose score is no claim.*models of .*read-text.* can be calibrated/,
    2,
    'silero-vad',
    '--samples',
    samples,
  );
  await refused(/name --samples FOLDER.*or --undo/, 2, ref);
  await refused(/name --samples FOLDER.*or --undo/, 2, ref, '--samples', samples, '--undo');
});

test('what does not hold on the other half is said and not kept', async (t) => {
  const { samples, board, kept } = await place(t, (index) => index % 4 !== 0);
  const { code, out } = await board.models('calibrate', ref, '--samples', samples);
  t.equal(code, 1);
  t.match(out, /fitted on 52 observations \(50 % right\), judged on 52 others \(100 % right\)/);
  t.match(out, /Nothing was kept: on samples it was not fitted on/);
  t.same((await kept()).models, {});
});
