/** What is learned to be normal: that the ONNX model computes it, that the threshold means what it says, and what is refused. */
import path from 'node:path';
import { type Test, test } from 'tap';
import { encodeSeries, type Series } from '../../src/core/series.js';
import type { Task } from '../../src/core/task.js';
import { type AnomalyOptions, learnAnomaly } from '../../src/learn/anomaly/learn-anomaly.js';
import { eigenOf, greatest, least, solve } from '../../src/learn/anomaly/linear.js';
import { indicesOf } from '../../src/learn/anomaly/normal-model.js';
import { returnLevel } from '../../src/learn/anomaly/threshold.js';
import { bandsOf } from '../../src/learn/anomaly/window-examples.js';
import { writeLearned } from '../../src/learn/write-learned.js';
import { readCard } from '../../src/registry/card.js';
import { detectAnomaly } from '../../src/tasks/detect-anomaly.js';
import { openTask } from '../../tools/run-task.js';
import { boiler, motor, noiseOf } from '../support/signals.js';

const usual: AnomalyOptions = { name: 'pump', windowS: 1, hopS: 0.5, falseAlarmEveryS: 86_400, acceptDrift: false };
const learn = (series: Series, change: Partial<AnomalyOptions> = {}) =>
  learnAnomaly([{ name: 'pump.csv', series }], { ...usual, ...change });

/** The task on the ONNX model that was written, through the engine's session. */
async function judgedBy(t: Test, learned: ReturnType<typeof learn>, ...all: readonly Series[]) {
  const { folder } = await writeLearned(path.join(t.testdir(), 'models'), learned.learned, async () => []);
  const task = await openTask(detectAnomaly as Task, (await readCard(folder)).model);
  const answers = [];
  for (const series of all) answers.push((await task.run(encodeSeries(series))).observations);
  await task.close();
  return answers;
}

test('a machine in two states: a tone that should not be there is an anomaly, and the words name channel and band', async (t) => {
  const learned = learn(motor({ seconds: 120, seed: 1 }));
  t.ok(learned.evaluated.model.states.count >= 2, `${learned.evaluated.model.states.count} states`);
  t.ok(learned.evaluated.model.states.count <= 4, 'slow, fast, and windows in which it changes');
  const odd = motor({ seconds: 60, seed: 3, also: (s) => (s >= 30 ? 0.3 * Math.sin(2 * Math.PI * 37 * s) : 0) });
  const [same = [], fresh = [], found = []] = await judgedBy(
    t,
    learned,
    motor({ seconds: 120, seed: 1 }),
    motor({ seconds: 120, seed: 2 }),
    odd,
  );
  const own = indicesOf(learned.evaluated.model, learned.examples.rows);
  t.equal(same.length, own.length);
  const apart = same.map(({ values }, i) => Math.abs((values?.index ?? 0) - (own[i] ?? 0)));
  t.ok(Math.max(...apart) < 2e-3, `the ONNX model computes what was fitted: ${Math.max(...apart)} apart, told to a thousandth`);
  const alarms = fresh.filter(({ label }) => label === 'anomaly').length;
  t.ok(alarms <= fresh.length * 0.05, `${alarms} of ${fresh.length} normal windows it never saw`);
  const before = found.filter(({ segment }) => (segment?.end_s ?? 0) <= 30);
  const after = found.filter(({ segment }) => (segment?.start_s ?? 0) >= 30);
  t.ok(before.filter(({ label }) => label === 'anomaly').length <= 3);
  t.ok(after.every(({ label, score }) => label === 'anomaly' && score > 0.5));
  t.match(after[0]?.text, /y: energy from 3[4-7]\S* to 3[7-9]\S* Hz [\d.]+ times the usual \(\d+ %\)/);
  t.equal(before.find(({ label }) => label === 'normal')?.text, undefined);
});

test('a slow series: a jump and a day that is not like the others are anomalies, an ordinary day is none', async (t) => {
  const learned = learn(boiler(12, 1));
  t.equal(learned.examples.kind, 'forecast');
  const odd = boiler(8, 2, (day) => (day >= 5 && day < 5.2 ? 6 : day >= 7 ? -5 * Math.sin(2 * Math.PI * day) : 0));
  const [same = [], fresh = [], found = []] = await judgedBy(t, learned, boiler(12, 1), boiler(8, 3), odd);
  const own = indicesOf(learned.evaluated.model, learned.examples.rows);
  t.equal(same.length, own.length);
  t.ok(Math.max(...same.map(({ values }, i) => Math.abs((values?.index ?? 0) - (own[i] ?? 0)))) < 2e-3, 'ONNX and TypeScript agree');
  const days = (from: number, to: number) =>
    found.filter(({ segment }) => (segment?.end_s ?? 0) > from * 86_400 && (segment?.end_s ?? 0) <= to * 86_400);
  t.ok(fresh.filter(({ label }) => label === 'anomaly').length <= fresh.length / 100);
  t.ok(days(2, 5).filter(({ label }) => label === 'anomaly').length <= 3);
  const jump = days(5, 5.02).find(({ label }) => label === 'anomaly');
  t.match(jump?.text, /^temp: [56]\S* above what went before lets expect/);
  t.ok(days(7, 8).filter(({ label }) => label === 'anomaly').length > 30, 'most of a day without its shape');
  t.match(learned.learned.events, { on_after_ms: 0, cooldown_ms: 86_400_000 });
});

test('the same recordings give the same bytes', (t) => {
  const [a, b] = [0, 1].map(() => learn(motor({ seconds: 40, seed: 1 })).learned);
  t.same(a?.onnx, b?.onnx);
  t.strictSame(a?.params, b?.params);
  t.end();
});

test('what was not normal in the recording is listed with its time, worst first', (t) => {
  const learned = learn(motor({ seconds: 120, seed: 1, also: (s) => (s >= 64 && s < 65 ? 3 * Math.sin(2 * Math.PI * 30 * s) : 0) }));
  const [worst] = learned.evaluated.suspicious;
  t.match(worst, { recording: 'pump.csv', words: /^y|y:/ });
  t.ok(Math.abs((worst?.startS ?? 0) - 64) <= 1, `${worst?.startS} s`);
  t.equal(worst?.timeMs, Date.UTC(2026, 0, 1) + 1000 * (worst?.startS ?? 0));
  t.end();
});

test('what would be a model in name only is refused, with what to do', (t) => {
  const refused = (series: Series, message: RegExp, change: Partial<AnomalyOptions> = {}) =>
    t.throws(() => learn(series, change), { code: 'LEARN_REFUSED', message });
  const well = motor({ seconds: 60, seed: 1 });
  refused(motor({ seconds: 10, seed: 1 }), /^19 windows of 1 s are too little .* at least 30 are needed \(15.5 s\)/);
  refused({ ...well, data: well.data.map((value, i) => (i < well.length ? 0.3 : value)) }, /channel x never changes .*--channels y/);
  refused({ ...well, rateHz: null }, /pump.csv: its rate is not known/);
  refused(well, /--window takes 0.16 \.\. /, { windowS: 0.1 });
  const drifting = motor({ seconds: 60, seed: 1, also: (s) => (s > 50 ? 0.6 * Math.sin(2 * Math.PI * 40 * s) : 0) });
  refused(drifting, /the last fifth .* is unlike what was before .* of pump.csv: .*y.*--accept-drift/);
  t.equal(learn(drifting, { acceptDrift: true }).learned.evidence.drift_accepted, true);
  refused(boiler(2, 1), /2 d of a slow series are too little: at least 3 days/);
  refused({ ...boiler(5, 1), startMs: null }, /by the time of day/);
  refused({ ...boiler(20, 1), rateHz: 1 / 7200 }, /a sample every 2 h is too seldom/);
  t.throws(() => learn(well, { channels: ['x', 'q'] }), { code: 'USAGE', message: /pump.csv has no channel q; it has x, y/ });
  const other = { name: 'b.csv', series: { ...well, rateHz: 50 } };
  t.throws(() => learnAnomaly([{ name: 'a.csv', series: well }, other], usual), { message: /b.csv has 50 Hz and a.csv 100 Hz/ });
  t.end();
});

test('the threshold is one that normal scores return to about as seldom as wanted', (t) => {
  const noise = noiseOf(5);
  // Roots of means of squares, as an index is.
  const score = () => Math.sqrt(Array.from({ length: 20 }, () => noise() ** 2).reduce((sum, value) => sum + value, 0) / 20);
  const level = returnLevel(Array.from({ length: 2000 }, score), 1, 1000);
  const above = Array.from({ length: 20_000 }, score).filter((each) => each > level).length;
  t.ok(above >= 4 && above <= 80, `${above} in 20 times as long, 20 wanted`);
  const seldom = returnLevel(Array.from({ length: 2000 }, score), 1, 100_000);
  t.ok(seldom > level);
  t.ok(returnLevel(Array.from({ length: 2000 }, score), 1, 100_000, 3) < seldom, 'three in a row are more seldom than one');
  t.end();
});

test('a record of months has a greatest and a least', (t) => {
  const many = Float64Array.from({ length: 300_000 }, (_, i) => 1 + Math.sin(i));
  t.same([greatest(many) > 1.99, least(many) < 0.01], [true, true]);
  t.same([greatest([]), least([])], [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
  t.ok(returnLevel(new Float64Array(16 * 300_000).fill(1), 60, 86_400 * 30) >= 1, 'a sixteenth of them is more than the stack holds');
  t.end();
});

test('the linear algebra is right', (t) => {
  const { values, vectors } = eigenOf(Float64Array.of(2, 1, 0, 1, 2, 0, 0, 0, 5), 3);
  const near = (a: number, b: number) => Math.abs(a - b) < 1e-9;
  t.ok(
    [...values].every((value, i) => near(value, [5, 3, 1][i] ?? 0)),
    `${values}`,
  );
  t.ok(near(Math.abs(vectors[3] ?? 0), Math.SQRT1_2) && near(Math.abs(vectors[2] ?? 0), 1));
  const x = solve(Float64Array.of(4, 2, 2, 3), Float64Array.of(10, 8), 2);
  t.ok(near(x[0] ?? 0, 1.75) && near(x[1] ?? 0, 1.5), `${x}`);
  t.end();
});

test('bands are even where there is room, and grow where there is not; they leave no gap', (t) => {
  const even = bandsOf(200, 200, 40);
  t.equal(even.length, 33);
  for (const bands of [even, bandsOf(10_000, 10_000, 32)]) {
    t.ok(bands.every(([low], i) => i === 0 || low === bands[i - 1]?.[1]));
  }
  const growing = bandsOf(10_000, 10_000, 32);
  t.equal(growing.length, 32);
  t.equal(growing[0]?.[0], 1);
  t.equal(growing.at(-1)?.[1], 5000);
  t.ok((growing[31]?.[1] ?? 0) - (growing[31]?.[0] ?? 0) > 10 * ((growing[0]?.[1] ?? 0) - (growing[0]?.[0] ?? 0)));
  t.same(bandsOf(16, 200, 0), []);
  t.end();
});
