import { spawn } from 'node:child_process';
import { once } from 'node:events';
import sharp from 'sharp';
import { type Test, test } from 'tap';
import { EngineLoss, ShoalError } from '../../src/core/errors.js';
import type { EngineAnswer } from '../../src/core/job.js';
import { limits } from '../../src/core/limits.js';
import { bareSpawn } from '../support/bare-spawn.js';
import { alive, entryOf, job, Lab, model, pipeline, setup, stage, until } from '../support/engine-lab.js';
import { testSurroundings } from '../support/surroundings.js';

bareSpawn();

type LabArgs = Parameters<typeof setup> extends [unknown, ...infer Rest] ? Rest : never;

const slow = (ms: number) => stage('block', { ms });
const crash = pipeline('crash', [stage('crash', { says: 'illegal tensor 42' })]);
const block = pipeline('block', [slow(30)]);

async function lossOf(promise: Promise<EngineAnswer>): Promise<EngineLoss> {
  const outcome = await promise.then(
    () => 'an answer',
    (error: unknown) => error,
  );
  if (outcome instanceof EngineLoss) return outcome;
  throw new Error(`expected an EngineLoss, got ${outcome}`);
}

async function started(t: Test, ...args: LabArgs) {
  const surroundings = testSurroundings();
  const pool = new Lab(setup(surroundings, ...args));
  t.teardown(() => pool.stop(0));
  await pool.start();
  return { pool, surroundings };
}

test("a crash with one job in it is that job's loss, said in words, and the next job is answered", async (t) => {
  const { pool, surroundings } = await started(t, [crash, block]);
  await pool.freeFor();
  const [pid] = pool.pids;
  const loss = await lossOf(pool.run(job(['crash'])));
  t.match(loss, { code: 'ENGINE_CRASHED', alone: true });
  t.match(loss.message, /SIGSEGV.*illegal tensor 42/);
  t.notOk(alive(pid ?? 0), 'the process really died');
  const began = performance.now();
  t.match(await pool.submit(job(['block'])), { pipelines: [{ state: 'done' }] });
  t.ok(performance.now() - began < 20_000, 'restarted at once');
  t.notOk(
    surroundings.lines.some((line) => Number(line.fields.wait_ms ?? 0) > 0),
    'without a backoff',
  );
  t.not(pool.pids[0], pid);
  t.equal(surroundings.value('shoal_engine_restarts_total', { reason: 'crash' }), 1);
  t.equal(surroundings.value('shoal_engine_jobs_total', { result: 'crashed' }), 1);
  t.equal(surroundings.value('shoal_engine_jobs_total', { result: 'answered' }), 1);
  t.match(surroundings.states.get('engine'), { state: 'ok' });
});

test('a crash with two jobs in it blames neither', async (t) => {
  const { pool } = await started(t, [crash, block]);
  await pool.freeFor();
  const losses = [pool.run(job(['crash'])), pool.run(job(['block']))].map(lossOf);
  t.notOk(pool.free(false), 'one running, one prefetched, no more');
  t.match(await Promise.all(losses), [
    { code: 'ENGINE_CRASHED', alone: false },
    { code: 'ENGINE_CRASHED', alone: false },
  ]);
});

test('an answer that was sent before the crash of the next job still counts', async (t) => {
  const { pool } = await started(t, [crash, block]);
  await pool.freeFor();
  const first = pool.run(job(['block']));
  const second = lossOf(pool.run(job(['crash'])));
  t.match(await first, { pipelines: [{ state: 'done' }] });
  t.match(await second, { alone: true });
});

test('a hung job is killed at its hang_ms, and other engines go on meanwhile', async (t) => {
  const { pool, surroundings } = await started(t, [pipeline('hang', [stage('hang')]), block], { count: 2 });
  await until(() => pool.pids.length === 2 && surroundings.value('shoal_engine_ready') === 2, 'two engines');
  const began = performance.now();
  const hung = lossOf(pool.run(job(['hang'], { hangMs: 1200 })));
  const others: EngineAnswer[] = [];
  const other = pool.run(job(['block']));
  const behind = lossOf(pool.run(job(['block'])));
  await other;
  while (performance.now() - began < 1000) others.push(await pool.submit(job(['block'])));
  t.match(await hung, { code: 'ENGINE_HUNG', alone: false });
  const tookMs = performance.now() - began;
  t.ok(tookMs >= 1200 && tookMs < 12_000, `killed after ${Math.round(tookMs)} ms`);
  t.match(await behind, { code: 'ENGINE_CRASHED', alone: false });
  t.ok(others.length >= 3, `${others.length} jobs were answered beside it`);
  t.match(await lossOf(pool.submit(job(['hang'], { hangMs: 100, solo: true }))), { code: 'ENGINE_HUNG', alone: true });
});

test("a prefetched job's hang clock starts with its turn", async (t) => {
  const { pool } = await started(t, [pipeline('slow', [slow(400)])]);
  await pool.freeFor();
  const both = [pool.run(job(['slow'], { hangMs: 600 })), pool.run(job(['slow'], { hangMs: 600 }))];
  t.match(await Promise.all(both), [{ pipelines: [{ state: 'done' }] }, { pipelines: [{ state: 'done' }] }]);
});

test('a capture is decoded while the one before it runs, and a large one only when its turn has come', async (t) => {
  const waits = pipeline('waits', [stage('allocate', { bytes: 1, keep: false, ms: 600 })]);
  const { pool } = await started(t, [waits, pipeline('size', [stage('size')])]);
  const picture = await sharp({ create: { width: 5000, height: 4000, channels: 3, background: '#123456' } })
    .jpeg()
    .toBuffer();
  // The first of all opens what decodes.
  await pool.submit(job(['size'], {}, picture));
  const alone = await pool.submit(job(['size'], {}, picture));
  const behind = async (bytes: number): Promise<EngineAnswer> => {
    await pool.freeFor(true);
    const before = pool.run(job(['waits']));
    const each = job(['size'], {}, picture);
    const answer = pool.run({ ...each, header: { ...each.header, bytes } });
    await before;
    return answer;
  };
  const ahead = await behind(picture.length);
  t.match(ahead.pipelines[0]?.observations.size, [{ label: '5000 x 4000' }]);
  t.equal(ahead.decodedAhead, true, 'and it says so');
  t.equal(alone.decodedAhead, undefined);
  t.ok(ahead.decodeMs < alone.decodeMs / 3, `${ahead.decodeMs} of ${alone.decodeMs} ms are left of it behind another`);
  const large = await behind(limits.decodeAheadBytesMax + 1);
  t.ok(large.decodeMs > 3 * ahead.decodeMs, `${large.decodeMs} ms for one that counts as large`);
  const [, broken] = await Promise.all([pool.run(job(['waits'])), pool.run(job(['size'], {}, Buffer.from('no picture')))]);
  t.match(broken.pipelines, [{ state: 'failed', error: { code: 'CAPTURE_DECODE' } }], 'what it fails with is told in its turn');
});

test('a solo job has the engine for itself', async (t) => {
  const { pool } = await started(t, [block]);
  await pool.freeFor();
  const solo = pool.run(job(['block'], { solo: true }));
  t.notOk(pool.free(false));
  await t.rejects(pool.run(job(['block'])), { code: 'ENGINE_UNAVAILABLE' });
  await solo;
  const usual = pool.run(job(['block']));
  t.notOk(pool.free(true));
  t.ok(pool.free(false));
  await usual;
});

test('a reply that is no answer costs the engine its life and names what is wrong', async (t) => {
  const says = (name: string, message: unknown) => pipeline(name, [stage('say', { message }, { as: 'x' })]);
  const answer = (x: unknown) => ({
    type: 'answer',
    seq: 0,
    rssBytes: 1,
    answers: [{ pipelines: [{ pipeline: 'p', state: 'done', observations: { x }, stages: [] }], decodeMs: 0, waitedMs: 0, totalMs: 0 }],
  });
  const nonsense: readonly [unknown, RegExp][] = [
    [{ type: 'ready', models: [], runtimeMs: 1 }, /twice/],
    [{ type: 'started', seq: 7 }, /job 7/],
    [answer([{ score: Number.NaN }]), /score/],
    [answer([]), /pipelines of the job/],
  ];
  const pipelines = nonsense.map(([message], index) => says(`says-${index}`, message));
  const { pool, surroundings } = await started(t, pipelines, { count: 2 });
  for (const [index, [, words]] of nonsense.entries()) {
    const loss = await lossOf(pool.submit(job([`says-${index}`], { solo: true })));
    t.match(loss, { code: 'ENGINE_PROTOCOL', alone: true });
    t.match(loss.message, words);
  }
  t.equal(surroundings.value('shoal_engine_restarts_total', { reason: 'protocol' }), nonsense.length);
});

test('replacing engines after every 40 jobs loses none of 200', async (t) => {
  const { pool, surroundings } = await started(t, [pipeline('process', [stage('process')])], { count: 2, recycle_after_jobs: 40 });
  const pids = new Set<string>();
  let answered = 0;
  let given = 0;
  await pool.freeFor();
  await new Promise<void>((resolve, reject) => {
    const feed = (): void => {
      while (given < 200 && pool.free(false)) {
        given++;
        pool.run(job(['process'])).then((answer) => {
          pids.add(answer.pipelines[0]?.observations.process?.[0]?.label ?? '');
          if (++answered === 200) resolve();
        }, reject);
      }
    };
    pool.watch(feed);
    feed();
  });
  const replaced = surroundings.value('shoal_engine_restarts_total', { reason: 'recycle_jobs' });
  t.ok(replaced >= 3 && replaced <= 5, `${replaced} replaced`);
  t.ok(pids.size >= replaced, `${pids.size} processes worked`);
  t.equal(surroundings.value('shoal_engine_jobs_total', { result: 'answered' }), 200);
  await until(() => [...pids].filter((pid) => alive(Number(pid))).length <= 2, 'the replaced ones are gone');
});

test('an engine above its memory ceiling is replaced between jobs, and killed within one far above it', async (t) => {
  const mib = 1024 * 1024;
  const grow = (name: string, bytes: number, ms: number) => pipeline(name, [stage('allocate', { bytes, keep: true, ms })]);
  const { pool, surroundings } = await started(t, [grow('some', 150 * mib, 0), grow('much', 500 * mib, 5000), block], {
    max_rss_bytes: 200 * mib,
  });
  await pool.freeFor();
  const [pid] = pool.pids;
  const both = [pool.run(job(['some'])), pool.run(job(['block']))];
  await Promise.all(both);
  await until(() => pool.pids[0] !== pid && pool.free(true), 'a new engine');
  t.equal(surroundings.value('shoal_engine_restarts_total', { reason: 'recycle_rss' }), 1);
  const loss = await lossOf(pool.run(job(['much'], { solo: true })));
  t.match(loss, { code: 'ENGINE_CRASHED', alone: true });
  t.match(loss.message, /max_rss_bytes/);
});

test('an engine that dies before it is ready is tried again ever later, and health says why', async (t) => {
  const { pool, surroundings } = await started(t, [block], {}, { entry: entryOf('engine-exits') });
  await until(() => surroundings.value('shoal_engine_restarts_total', { reason: 'start' }) >= 2, 'two deaths');
  t.match(surroundings.states.get('engine'), { state: 'down', reason: /exit code 3; it said: cannot work here/ });
  const waits = surroundings.lines.flatMap((line) => (typeof line.fields.wait_ms === 'number' ? [line.fields.wait_ms] : []));
  t.ok((waits[1] ?? 0) >= 200 && (waits[0] ?? 0) >= 100, `waits of ${waits.join(', ')} ms`);
  await t.rejects(pool.run(job(['block'])), { code: 'ENGINE_UNAVAILABLE', message: /cannot work here/ });
});

test('stopping lets the running job end, refuses the prefetched one, and can be called twice', async (t) => {
  const { pool } = await started(t, [pipeline('slow', [slow(600)])]);
  await pool.freeFor();
  const pids = pool.pids;
  const running = pool.run(job(['slow']));
  const prefetched = pool.run(job(['slow'])).then(
    () => null,
    (error: unknown) => error,
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  const stops = [pool.stop(5000), pool.stop(5000)];
  t.match(await running, { pipelines: [{ state: 'done' }] });
  t.match(await prefetched, { code: 'ENGINE_UNAVAILABLE' });
  t.notOk((await prefetched) instanceof EngineLoss);
  await Promise.all(stops);
  t.notOk(alive(pids[0] ?? 0));
  await t.rejects(pool.run(job(['slow'])), ShoalError);
});

test('stopping kills what is still busy after the grace', async (t) => {
  const { pool } = await started(t, [pipeline('hang', [stage('hang')])]);
  await pool.freeFor();
  const pids = pool.pids;
  const hung = t.rejects(pool.run(job(['hang'])), { code: 'ENGINE_UNAVAILABLE' });
  await pool.stop(200);
  await hung;
  t.notOk(alive(pids[0] ?? 0));
});

test('stopping during the start leaves no process', async (t) => {
  for (const waitMs of [0, 40]) {
    const { pool } = await started(t, [block], { count: 2 });
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const pids = pool.pids;
    await pool.stop(1000);
    t.equal(pool.pids.length, 0);
    t.same(pids.filter(alive), []);
  }
  const { pool } = await started(t, [block], {}, { entry: entryOf('engine-mute') });
  await until(() => pool.pids.length === 1, 'a process');
  const [pid] = pool.pids;
  const began = performance.now();
  await pool.stop(5000);
  t.ok(performance.now() - began < 4500, 'not waited for');
  t.notOk(alive(pid ?? 0));
});

test('a core killed with SIGKILL leaves no engine behind, not even one that hangs', async (t) => {
  const core = spawn(process.execPath, [entryOf('core-script')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(core.stdout, 'data');
  const pids = String(line).trim().split(' ').map(Number);
  t.equal(pids.length, 2);
  t.ok(pids.every(alive), 'both engines are there');
  core.kill('SIGKILL');
  await until(() => !pids.some(alive), 'the engines are gone', 10_000);
});

test('an engine sees no secret of the core', async (t) => {
  process.env.SHOAL_TEST_SECRET = 'hunter2';
  const { pool } = await started(t, [pipeline('process', [stage('process')])]);
  const answer = await pool.submit(job(['process']));
  const seen = JSON.parse(answer.pipelines[0]?.observations.process?.[0]?.text ?? '{}');
  const allowed = [
    'VIPSHOME',
    'PATH',
    'HOME',
    'LANG',
    'ORT_DISABLE_TELEMETRY',
    'VIPS_BLOCK_UNTRUSTED',
    'MALLOC_ARENA_MAX',
    'UV_THREADPOOL_SIZE',
  ];
  const own = ['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE'];
  t.same(
    Object.keys(seen).filter((key) => ![...allowed, ...own].includes(key)),
    [],
  );
  t.equal(seen.ORT_DISABLE_TELEMETRY, '1');
});

test('a model that cannot be opened shows in health, and the engine works on', async (t) => {
  const warm = [{ model: 'addition@1', variant: 'int4' }];
  const { pool, surroundings } = await started(t, [pipeline('add', [stage('add', { calls: 1 })])], {}, { warm, models: [model] });
  t.match(await pool.submit(job(['add'])), { pipelines: [{ state: 'done', observations: { add: [{ label: '11, 22' }] } }] });
  t.match(surroundings.states.get('engine'), { state: 'degraded', reason: /addition@1, int4/ });
});
