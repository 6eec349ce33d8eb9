/**
 * Windows of sensors through a real schedule, engine and store: they share crossings, and only some of those that say nothing are kept.
 */
import { type Test, test } from 'tap';
import type { Capture } from '../../src/core/capture.js';
import type { Engines } from '../../src/core/contracts.js';
import { seriesMediaType } from '../../src/core/form.js';
import { captureId } from '../../src/core/id.js';
import { limits } from '../../src/core/limits.js';
import type { PipelineConfig } from '../../src/core/pipeline.js';
import { Receipt, type SettledOutcome } from '../../src/core/receipt.js';
import { encodeSeries } from '../../src/core/series.js';
import { waitingRules } from '../../src/core/waiting.js';
import { engineOptions } from '../../src/engine/options.js';
import { EnginePool } from '../../src/engine/pool.js';
import { Batch, BatchCosts } from '../../src/flow/batch.js';
import { Reporter } from '../../src/flow/report.js';
import { Schedule } from '../../src/flow/schedule.js';
import { SilentSample } from '../../src/flow/silent-sample.js';
import { compileWorthTelling } from '../../src/flow/worth-telling.js';
import { bundledModels } from '../../src/parts.js';
import { openRegistry } from '../../src/registry/registry.js';
import { resolvePipelines } from '../../src/registry/resolve.js';
import { storeOptions } from '../../src/store/options.js';
import { SqliteStore } from '../../src/store/store.js';
import { tasks } from '../../src/tasks/index.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

const level: PipelineConfig = {
  from: ['pump'],
  stages: [{ task: 'measure-series', as: 'level', options: {} }],
  report: { when: 'level.exists(c, c.values.mean > 50.0)', trace: 'summary' },
  priority: 5,
};

let seq = 0;

function window(mean: number): Capture {
  const data = Float32Array.of(mean - 1, mean + 1);
  const bytes = encodeSeries({ channels: ['value'], rateHz: 10, length: 2, data, startMs: null, filled: 0 });
  const kinds = { kind: 'series', mediaType: seriesMediaType } as const;
  const when = { capturedAt: '2026-01-01T00:00:00.000Z', clockSynced: true, boot: 1, seq: ++seq };
  return {
    header: { id: captureId(Date.now()), input: 'pump', name: `${seq}`, ...kinds, bytes: bytes.length, ...when },
    content: { bytes },
  };
}

/** The daemon's own parts, and how many jobs each crossing had. */
async function corridor(t: Test) {
  const around = testSurroundings();
  const registry = await openRegistry([bundledModels]);
  const policy = { mode: 'pinned', board: 'x64', tuning: { state: 'none', reason: '' } } as const;
  const { pipelines } = resolvePipelines({ level }, registry, tasks, { sinks: [], hangMs: 60_000, policy });
  const store = new SqliteStore(`${t.testdir()}/shoal.db`, storeOptions.parse({}), around, () => {});
  await store.start([]);
  const pool = new EnginePool({ options: engineOptions.parse({ count: 1 }), pipelines, models: registry.list(), surroundings: around });
  await pool.start();
  const crossings: number[] = [];
  const engines: Engines = {
    start: () => pool.start(),
    stop: (graceMs) => pool.stop(graceMs),
    free: (solo) => pool.free(solo),
    watch: (onFree) => pool.watch(onFree),
    run: (job) => pool.run(job),
    runBatch: (jobs) => {
      crossings.push(jobs.length);
      return pool.runBatch(jobs);
    },
  };
  const worthTelling = await compileWorthTelling(pipelines, () => {});
  const schedule = new Schedule({
    ...around,
    pipelines,
    engines,
    store,
    reporter: new Reporter({ device: 'd', configHash: '0123456789abcdef', worthTelling }),
    waiting: () => waitingRules('keep_latest', { when_full: 'block', max_waiting: 500 }),
    pressure: () => ({ steps: 0, reason: null }),
  });
  schedule.start();
  const outcomes: SettledOutcome[] = [];
  const offer = (capture: Capture) =>
    schedule.offer(capture, new Receipt((settled) => settled.kind === 'stored' && outcomes.push(...settled.outcomes)));
  t.teardown(async () => {
    schedule.stop();
    await pool.stop(1000);
    await schedule.drained();
    await store.stop();
  });
  return { around, store, pool, crossings, outcomes, offer };
}

test('many windows share a crossing; silent ones are kept at a rate, and all are counted', async (t) => {
  const { around, store, pool, crossings, outcomes, offer } = await corridor(t);
  await until('an engine is ready', () => pool.free(false));
  const total = 400;
  for (let i = 0; i < total; i++) await offer(window(i % 100 === 99 ? 60 : 40));
  await until('all are settled', () => outcomes.length === total);
  t.equal(
    crossings.reduce((sum, jobs) => sum + jobs, 0),
    total,
  );
  t.equal(crossings[0], 1, 'while nobody knows what one costs, it goes alone');
  t.ok(crossings.length < total / 2, `${crossings.length} crossings for ${total} windows`);
  t.ok(Math.max(...crossings) <= limits.batchJobsMax);
  t.equal(outcomes.filter(({ outcome }) => outcome === 'published').length, 4);
  const published = await store.results({ outcome: 'published', limit: 50 });
  t.equal(published.length, 4, 'whatever is told is kept');
  const silent = await store.results({ outcome: 'silent', limit: 500 });
  t.ok(silent.length >= 1, 'some moment can say why nothing was told');
  t.ok(silent.length < 200, `${silent.length} of 396 silent ones are kept`);
  t.equal(around.value('shoal_outcomes_total', { outcome: 'silent' }), 396);
});

test('where the store is away, no more captures are worked on than may wait for it, in batches or not', async (t) => {
  const { store, pool, crossings, outcomes, offer } = await corridor(t);
  await until('an engine is ready', () => pool.free(false));
  await offer(window(60));
  await until('the first is settled', () => outcomes.length === 1);
  await store.stop();
  let accepted = 0;
  for (let i = 0; i < 3000; i++) void offer(window(60)).then(() => accepted++);
  let given = 0;
  const jobs = () => crossings.reduce((sum, each) => sum + each, 0);
  await until('nothing more is given out', async () => {
    given = jobs();
    await new Promise((resolve) => setTimeout(resolve, 300));
    return given > limits.settlingMax && given === jobs();
  });
  t.ok(given <= limits.settlingMax + limits.batchJobsMax * (limits.jobsPerEngine + 1), `${given} were worked on`);
  t.ok(crossings.length < given / 2, 'in batches');
  t.ok(accepted < 3000, 'the others wait with their input');
});

test('an engine that dies under a batch loses all of it, and every window is settled as failed', async (t) => {
  const { around, pool, crossings, outcomes, offer } = await corridor(t);
  await until('an engine is ready', () => pool.free(false));
  await offer(window(40));
  await until('the first is settled', () => outcomes.length === 1);
  // Stopped, it cannot answer: what is sent meanwhile is in it when it dies.
  const [pid = 0] = pool.pids;
  process.kill(pid, 'SIGSTOP');
  for (let i = 0; i < 40; i++) await offer(window(40));
  const given = crossings.reduce((sum, jobs) => sum + jobs, 0) - 1;
  t.ok(given > 1, `${given} are in the engine`);
  process.kill(pid, 'SIGKILL');
  await until('all are settled', () => outcomes.length === 41);
  t.equal(outcomes.filter(({ outcome }) => outcome === 'failed').length, given, 'live captures are not run again');
  t.equal(around.value('shoal_engine_jobs_total', { result: 'crashed' }), given);
  t.equal(outcomes.filter(({ outcome }) => outcome === 'silent').length, 41 - given, 'what waited is run by the next engine');
});

test('a batch holds what is small and cheap', async (t) => {
  const costs = new BatchCosts();
  const waiting = (capture: Capture, solo = false) => ({
    ...({} as Parameters<Batch['add']>[0]),
    capture,
    solo,
    input: capture.header.input,
  });
  const one = waiting(window(1));
  t.notOk(new Batch(costs).add(one), 'its cost is unknown');
  for (let i = 0; i < 100; i++) costs.learn('pump', limits.batchMs / 3.5);
  const dear = new Batch(costs);
  t.same([dear.add(one), dear.add(one), dear.add(one), dear.add(one)], [true, true, true, false]);
  for (let i = 0; i < 200; i++) costs.learn('pump', 0.01);
  const cheap = new Batch(costs);
  for (let i = 0; i < limits.batchJobsMax; i++) cheap.add(one);
  t.equal(cheap.size, limits.batchJobsMax);
  t.notOk(cheap.add(one));
  const { header } = window(1);
  t.notOk(new Batch(costs).add(waiting({ header: { ...header, mediaType: 'image/jpeg' }, content: { bytes: Buffer.of(0) } })));
  t.notOk(new Batch(costs).add(waiting({ header: { ...header, bytes: limits.batchCaptureBytesMax + 1 }, content: { path: '/x' } })));
  t.notOk(new Batch(costs).add(waiting(window(1), true)), 'a suspect runs alone');
});

test('silent results are kept at a rate for each pipeline and input', async (t) => {
  const sample = new SilentSample();
  let kept = 0;
  for (let ms = 0; ms < 10_000; ms++) if (sample.keeps('p', 'i', ms)) kept++;
  t.ok(Math.abs(kept - 10 * limits.silentKeptHz) <= 2, `${kept} in ten seconds`);
  t.ok(sample.keeps('p', 'other', 10_000), 'each input has its own');
});
