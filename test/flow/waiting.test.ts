/**
 * What becomes of captures that find no room: the schedule with a real engine, whose task takes the time it is told, and a real store.
 */
import { type Test, test } from 'tap';
import type { Capture } from '../../src/core/capture.js';
import type { PipelineSpec } from '../../src/core/pipeline.js';
import { Receipt, type Settlement } from '../../src/core/receipt.js';
import { type WhenFull, waitingRules } from '../../src/core/waiting.js';
import { Reporter } from '../../src/flow/report.js';
import { Schedule } from '../../src/flow/schedule.js';
import { compileWorthTelling } from '../../src/flow/worth-telling.js';
import { storeOptions } from '../../src/store/options.js';
import { SqliteStore } from '../../src/store/store.js';
import { Lab, pipeline, pixelPng, setup, stage } from '../support/engine-lab.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

const slow = (name: string, more: Partial<PipelineSpec> = {}) =>
  pipeline(name, [stage('block', { ms: 150 }, { as: 'x' })], { from: ['cam'], sinks: ['lan'], ...more });

async function corridor(t: Test, pipelines: readonly PipelineSpec[], whenFull: WhenFull, maxWaiting: number) {
  const around = testSurroundings();
  const store = new SqliteStore(`${t.testdir()}/shoal.db`, storeOptions.parse({}), around, () => {});
  await store.start(['lan']);
  const engines = new Lab(setup(around, pipelines));
  await engines.start();
  const reporter = new Reporter({ device: 'd', configHash: 'h', worthTelling: await compileWorthTelling([], () => {}) });
  const waiting = () => waitingRules('block', { when_full: whenFull, max_waiting: maxWaiting });
  const schedule = new Schedule({ ...around, pipelines, engines, store, reporter, waiting, pressure: () => ({ steps: 0, reason: null }) });
  schedule.start();
  t.teardown(async () => {
    schedule.stop();
    await engines.stop(100);
    await schedule.drained();
    await store.stop();
  });
  await engines.freeFor();
  const ended: { readonly name: string; readonly settlement: Settlement; readonly atMs: number }[] = [];
  const offer = (name: string, replayable = false, input = 'cam'): Promise<void> => {
    const receipt = new Receipt((settlement) => ended.push({ name, settlement, atMs: performance.now() }));
    return schedule.offer(captureOf(name, replayable, input), receipt);
  };
  const outcomes = (name: string) => {
    const settlement = ended.find((each) => each.name === name)?.settlement;
    return settlement?.kind === 'stored' ? settlement.outcomes.map(({ outcome, cause = '' }) => `${outcome} ${cause}`.trim()) : [];
  };
  const all = (count: number) => until(`${count} are settled`, () => ended.length === count, 20_000);
  return { around, store, offer, outcomes, ended, all };
}

function captureOf(name: string, replayable: boolean, input: string): Capture {
  const header = { id: name, input, name, kind: 'image', mediaType: 'image/png', bytes: pixelPng.length } as const;
  const claim = { suspect: false, exhausted: null, markSolo: async () => {}, markCrash: async () => 0 };
  return {
    header: { ...header, capturedAt: '2026-01-01T00:00:00.000Z', clockSynced: true, boot: 1, seq: Number(name.slice(1)) },
    content: { bytes: pixelPng },
    ...(replayable ? { claim } : {}),
  };
}

test('keep_latest drops what has waited longest, and what ends is the newest; each drop is counted', async (t) => {
  const { around, offer, outcomes, all, store } = await corridor(t, [slow('watch')], 'keep_latest', 1);
  // The engine takes two; of the others only the last has room.
  for (let i = 0; i < 10; i++) await offer(`c${i}`, i === 4);
  await all(10);
  const looked = Array.from({ length: 10 }, (_, i) => `c${i}`).filter((name) => outcomes(name)[0] === 'published');
  t.ok(looked.includes('c0') && looked.includes('c9') && looked.length <= 4, looked.join(', '));
  t.same(outcomes('c5'), ['dropped overtaken']);
  t.equal(around.value('shoal_drops_total', { input: 'cam', pipeline: 'watch', cause: 'overtaken' }), 10 - looked.length);
  const kept = await store.results({ outcome: 'dropped', limit: 10 });
  t.match(kept, [{ captureId: 'c4', reason: /a newer capture of its input came while it waited/ }], 'a replayable one is on record');
});

test('drop_newest drops what comes, block makes it wait', async (t) => {
  const full = await corridor(t, [slow('watch')], 'drop_newest', 2);
  for (let i = 0; i < 8; i++) await full.offer(`c${i}`);
  await full.all(8);
  const looked = Array.from({ length: 8 }, (_, i) => i).filter((i) => full.outcomes(`c${i}`)[0] === 'published');
  t.same(looked.slice(0, 3), [0, 1, 2], 'those that came first');
  t.ok(looked.length <= 5, `one that runs, one beside it, two that wait: ${looked.join(', ')}`);
  t.equal(full.around.value('shoal_drops_total', { cause: 'queue_full' }), 8 - looked.length);
  const patient = await corridor(t, [slow('watch')], 'block', 2);
  let accepted = 0;
  const offering = (async () => {
    for (let i = 0; i < 6; i++) await patient.offer(`c${i}`).then(() => accepted++);
  })();
  await until('as many are accepted as have room', () => accepted >= 3);
  t.ok(accepted <= 5, `two in the engine, two that wait: ${accepted}`);
  await offering;
  await patient.all(6);
  t.equal(patient.around.value('shoal_drops_total'), 0);
});

test('beyond max_rate_hz a capture waits where its input blocks, and that pipeline alone passes it over elsewhere', async (t) => {
  const quick = (name: string, more: Partial<PipelineSpec> = {}) =>
    pipeline(name, [stage('block', { ms: 1 }, { as: 'x' })], { from: ['cam'], ...more });
  const live = await corridor(t, [quick('all'), quick('some', { maxRateHz: 1 })], 'drop_newest', 64);
  for (let i = 0; i < 6; i++) await live.offer(`c${i}`);
  await live.all(6);
  t.same(live.outcomes('c0'), ['published', 'published']);
  t.same([...live.outcomes('c5')].sort(), ['dropped max_rate', 'published']);
  t.equal(live.around.value('shoal_drops_total', { pipeline: 'some', cause: 'max_rate' }), 4);
  const files = await corridor(t, [quick('some', { maxRateHz: 5 })], 'block', 64);
  const began = performance.now();
  for (let i = 0; i < 6; i++) await files.offer(`c${i}`);
  await files.all(6);
  const lasted = (files.ended.at(-1)?.atMs ?? 0) - began;
  t.ok(lasted >= 790, `two at once and four at 200 ms: ${Math.round(lasted)} ms`);
  t.equal(files.around.value('shoal_drops_total'), 0);
});

test('waiting counts against the budget where the input keeps the latest, and not where it blocks', async (t) => {
  const tight = { budgetMs: 550 };
  const live = await corridor(t, [slow('watch', tight)], 'drop_newest', 8);
  for (let i = 0; i < 6; i++) await live.offer(`c${i}`);
  await live.all(6);
  t.equal(live.outcomes('c0')[0], 'published');
  t.equal(live.outcomes('c5')[0], 'late', 'five of 150 ms were before it');
  const files = await corridor(t, [slow('watch', tight)], 'block', 8);
  for (let i = 0; i < 6; i++) await files.offer(`c${i}`);
  await files.all(6);
  t.equal(files.outcomes('c5')[0], 'published');
});

test('inputs of one priority share the engine by time: many quick captures pass few slow ones', async (t) => {
  const takes = (ms: number, from: string) => pipeline(from, [stage('block', { ms }, { as: 'x' })], { from: [from] });
  const { offer, ended, all } = await corridor(t, [takes(100, 'slow'), takes(10, 'quick')], 'block', 64);
  for (let i = 0; i < 10; i++) await offer(`s${i}`, false, 'slow');
  for (let i = 0; i < 40; i++) await offer(`q${i}`, false, 'quick');
  await all(50);
  const order = ended.map(({ name }) => name);
  const before = order.slice(0, order.indexOf('s6')).filter((name) => name.startsWith('q')).length;
  t.ok(before >= 20, `${before} quick ones before the seventh slow one`);
});
