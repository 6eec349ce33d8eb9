import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { test } from 'tap';
import { resultId } from '../../src/core/id.js';
import { limits } from '../../src/core/limits.js';
import type { Settled } from '../../src/core/settled.js';
import { requireSqlite } from '../../src/store/open.js';
import type { SqliteStore } from '../../src/store/store.js';
import { record, settled } from '../support/settled.js';
import { payBacklog, seqs, setUp } from '../support/store-bench.js';

const dayMs = 86_400_000;

test('a result is owed with its exact bytes until it is acknowledged, and is explained afterwards', async (t) => {
  const { open } = setUp(t, { ack_interval_ms: 0 });
  const { store } = await open(['lan', 'disk']);
  const payload = Buffer.from([0x7b, 0x22, 0xc3, 0xa4, 0x22, 0x3a, 0x31, 0x7d]);
  let commits = 0;
  store.watch(() => commits++);
  await store.commit(settled('c1', ['lan', 'disk'], { payload, trace: '{"stages":[]}', outcome: 'late', reason: 'slow' }));
  t.equal(commits, 1);
  const [delivery] = await store.owed('lan', 0, 10);
  t.same(Buffer.from(delivery?.payload ?? []), payload);
  t.match(delivery, { seq: 1, resultId: resultId('c1', 'signs'), pipeline: 'signs', input: 'inbox', lane: 'live', redelivery: false });
  await store.acknowledge('lan', [1]);
  await store.bury('disk', 1, 'the disk said no');
  await store.bury('disk', 1, 'again');
  await store.acknowledge('disk', [1, 77]);
  t.same(await store.owed('lan', 0, 10), []);
  t.same(await store.backlog(), { lan: { owed: 0, dead: 0 }, disk: { owed: 0, dead: 1 } });
  t.match(await store.explain(resultId('c1', 'signs')), {
    captureName: 'c1.png',
    outcome: 'late',
    reason: 'slow',
    payload: '{"ä":1}',
    trace: '{"stages":[]}',
    committedAt: '2026-01-01T00:00:00.000Z',
    deliveries: [
      { sink: 'lan', state: 'delivered', reason: null },
      { sink: 'disk', state: 'dead', reason: 'the disk said no' },
    ],
  });
  t.equal(await store.explain('nothing'), null);
});

test('a known result keeps its bytes and gets no second delivery', async (t) => {
  const { open } = setUp(t, { ack_interval_ms: 0 });
  const { store } = await open();
  await store.commit(settled('c1', ['lan']));
  await store.acknowledge('lan', [1]);
  await store.commit(settled('c1', ['lan'], { payload: Buffer.from('other') }));
  t.same(await store.owed('lan', 0, 10), []);
  t.equal((await store.explain(resultId('c1', 'signs')))?.payload, '{"capture":"c1","pipeline":"signs"}');
});

test('a replayable capture is settled until its claim is closed, also over a restart', async (t) => {
  const { open } = setUp(t, { ack_interval_ms: 0 });
  const first = await open();
  await first.store.commit({ ...settled('c1', ['lan']), replayable: true });
  await first.store.commit({ ...settled('c4', ['lan'], { outcome: 'failed', reason: 'cut off' }), replayable: true });
  await first.store.commit({ ...settled('c5', []), results: [], replayable: true });
  await first.store.commit(settled('c2', ['lan']));
  await first.store.stop();
  const { store, boot } = await open();
  t.equal(boot, first.boot + 1);
  t.same(
    [...(await store.settled(['c1', 'c2', 'c3', 'c4', 'c5']))],
    [
      ['c1', [{ pipeline: 'signs', outcome: 'published' }]],
      ['c4', [{ pipeline: 'signs', outcome: 'failed', reason: 'cut off' }]],
      ['c5', []],
    ],
  );
  await store.commit({ ...settled('c1', ['lan']), results: [{ record: record('c1', 'later'), sinks: ['lan'] }] });
  t.equal(await store.explain(resultId('c1', 'later')), null, 'a settled capture is not settled again');
  await store.close(['c1', 'c3']);
  t.same([...(await store.settled(['c1']))], []);
});

test('durability is asked for and read back at every open, and an SQLite that can corrupt its log is refused', async (t) => {
  const { open, path } = setUp(t);
  for (let i = 0; i < 2; i++) {
    const { store } = await open();
    t.match(store.pragmas, {
      journal_mode: 'wal',
      synchronous: 2,
      auto_vacuum: 2,
      locking_mode: 'exclusive',
      trusted_schema: 0,
      mmap_size: 0,
    });
    await store.commit(settled(`c${i}`, ['lan']));
    await store.stop();
  }
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.throws(() => requireSqlite('3.51.2'), { code: 'STORE_UNAVAILABLE' });
  t.doesNotThrow(() => requireSqlite('3.51.3'));
  t.doesNotThrow(() => requireSqlite('4.0.0'));
});

test('a delivery is live while fresh, then backlog; after another kernel boot always backlog', async (t) => {
  const { open, clock, path } = setUp(t, { fresh_ms: 10_000 });
  const first = await open();
  await first.store.commit(settled('old', ['lan']));
  clock.advance(9_000);
  await first.store.commit(settled('new', ['lan']));
  t.same(
    (await first.store.owed('lan', 0, 10)).map((d) => d.lane),
    ['live', 'live'],
  );
  clock.advance(2_000);
  t.same(
    (await first.store.owed('lan', 0, 10)).map((d) => d.lane),
    ['backlog', 'live'],
  );
  t.same(seqs(await first.store.owed('lan', 0, 10, 'live')), [2]);
  t.same(seqs(await first.store.owed('lan', 0, 10, 'backlog')), [1]);
  await first.store.stop();
  const second = await open();
  const again = await second.store.owed('lan', 0, 10);
  t.same(
    again.map((d) => d.lane),
    ['backlog', 'live'],
    'a restart of the daemon alone changes no lane',
  );
  t.same(
    again.map((d) => d.redelivery),
    [true, true],
    'an earlier start may have sent them',
  );
  await second.store.stop();
  const raw = new Database(path);
  raw.exec("UPDATE boots SET kernel_boot = 'another'");
  raw.close();
  const { store } = await open();
  t.same(
    (await store.owed('lan', 0, 10)).map((d) => d.lane),
    ['backlog', 'backlog'],
  );
  t.same(await store.owed('lan', 0, 10, 'live'), []);
  await store.commit(settled('newest', ['lan']));
  t.same(seqs(await store.owed('lan', 0, 10, 'live')), [3]);
});

test('the first commit after a pause is made at once, those that follow share one', async (t) => {
  const { open } = setUp(t, { commit_interval_ms: 1000 });
  const { store } = await open();
  const began = performance.now();
  await store.commit(settled('first', ['lan']));
  const first = performance.now() - began;
  let transactions = 0;
  store.watch(() => transactions++);
  await Promise.all(Array.from({ length: 300 }, (_, i) => store.commit(settled(`c${i}`, ['lan']))));
  const all = performance.now() - began;
  t.ok(first < 900, `the first took ${first.toFixed(1)} ms`);
  t.ok(all >= 990, `the others waited for each other (${all.toFixed(1)} ms)`);
  t.equal(transactions, 1);
  t.same(seqs(await store.owed('lan', 0, 3)), [1, 2, 3]);
});

test('calls beyond the bound wait and all are answered', async (t) => {
  const { open } = setUp(t);
  const { store } = await open();
  const many = limits.storeCallsMax + 500;
  const before = await Promise.all(Array.from({ length: many }, (_, i) => store.settled([`c${i}`])));
  t.equal(before.length, many);
});

test('results are listed newest first, by filter, in pages', async (t) => {
  const { open } = setUp(t);
  const { store } = await open();
  const results: Settled['results'][number][] = [];
  for (let i = 0; i < 5000; i++) results.push({ record: record(`c${i}`, i === 3 ? 'rare' : 'signs'), sinks: [] });
  await store.commit({ captureId: 'all', input: 'inbox', replayable: false, results });
  t.same(seqs(await store.results({ limit: 3 })), [5000, 4999, 4998]);
  t.same(seqs(await store.results({ limit: 2, beforeSeq: 10 })), [9, 8]);
  t.same(seqs(await store.results({ limit: 10, pipeline: 'rare' })), [4], 'one row far behind is found');
  t.same(await store.results({ limit: 10, outcome: 'failed' }), []);
  t.equal((await store.results({ limit: 9999 })).length, limits.pageRowsMax);
});

test('a backlog of 20,000 is read in pages and paid without growing memory', (t) => payBacklog(t, 20_000));

test('the quota drops dead letters, then delivered results, then the oldest owed, counted exactly', async (t) => {
  const { open, around, path } = setUp(t, { max_bytes: 16 * 1024 * 1024, ack_interval_ms: 0, commit_interval_ms: 0 });
  const { store } = await open();
  const payload = Buffer.alloc(60_000, 0x20);
  let committed = 0;
  const fill = async (count: number) => {
    for (let i = 0; i < count; i++) await store.commit(settled(`c${committed++}`, ['lan'], { payload }));
  };
  await fill(150);
  await store.acknowledge(
    'lan',
    Array.from({ length: 50 }, (_, i) => 51 + i),
  );
  for (let seq = 101; seq <= 120; seq++) await store.bury('lan', seq, 'refused');
  t.same(await store.backlog(), { lan: { owed: 80, dead: 20 } });

  await fill(85);
  t.equal((await store.backlog()).lan?.dead, 0, 'dead letters went first');
  t.equal(around.value('shoal_store_dropped_total', { reason: 'dead_quota', sink: 'lan' }), 20);
  t.equal(around.value('shoal_store_dropped_total', { reason: 'quota' }), 0, 'nothing owed was touched');

  await fill(150);
  const owed = (await store.backlog()).lan?.owed ?? 0;
  const dropped = around.value('shoal_store_dropped_total', { reason: 'quota', sink: 'lan' });
  t.ok(dropped > 0, `${dropped} owed were dropped`);
  t.equal(owed + dropped, committed - 50 - 20, 'every owed delivery is there or counted');
  const left = await store.results({ limit: 1000 });
  t.equal(left.length + around.value('shoal_store_expired_total'), committed, 'every result is there or counted');
  t.equal(left[0]?.seq, committed, 'the newest is kept');
  const firstOwed = (await store.owed('lan', 0, 1))[0]?.seq ?? 0;
  t.equal(firstOwed, dropped <= 50 ? dropped + 1 : dropped + 71, 'the oldest owed went, and nothing delivered stayed for it');
  t.ok(statSync(path).size <= 16 * 1024 * 1024, 'the file is within its quota');
  await store.stop();
  const raw = new Database(path);
  t.same(raw.prepare("SELECT total FROM drops WHERE reason = 'quota'").get(), { total: dropped }, 'the count is durable');
  raw.close();
});

test('a commit larger than the quota is refused whole, and the store goes on', async (t) => {
  const { open, around, losses } = setUp(t, { max_bytes: 16 * 1024 * 1024 });
  const { store } = await open();
  const payload = Buffer.alloc(100_000);
  const results = Array.from({ length: 200 }, (_, i) => ({ record: record(`big${i}`, 'signs', { payload }), sinks: ['lan'] }));
  await t.rejects(store.commit({ captureId: 'big', input: 'inbox', replayable: true, results }), { code: 'STORE_FULL' });
  t.equal(around.states.get('store')?.state, 'degraded');
  t.same(await store.results({ limit: 10 }), []);
  t.same([...(await store.settled(['big']))], []);
  await store.commit(settled('small', ['lan']));
  t.equal(around.states.get('store')?.state, 'ok');
  t.same(seqs(await store.owed('lan', 0, 10)), [1]);
  t.same(losses, []);
  await t.rejects(store.commit(settled('huge', [], { payload: Buffer.alloc(limits.payloadBytesMax + 1) })), { code: 'SHOAL_INTERNAL' });
});

test('results expire by age, owed ones never, and nothing while the clock cannot be trusted', async (t) => {
  const { open, clock, around } = setUp(t, { keep_days: 7, ack_interval_ms: 0 });
  clock.isSynced = false;
  clock.wall = 0;
  const first = await open();
  await first.store.commit(settled('before-sync', []));
  await first.store.commit(settled('owed', ['lan']));
  const listed = async (store: SqliteStore) => (await store.results({ limit: 10 })).map((row) => row.captureId).reverse();
  clock.wall = Date.UTC(2026, 0, 1);
  await first.store.tend();
  t.same(await listed(first.store), ['before-sync', 'owed'], 'a jump of an unsynchronized clock expires nothing');
  clock.isSynced = true;
  await first.store.tend();
  clock.advance(limits.storeSteadyMs);
  await first.store.tend();
  t.same(await listed(first.store), ['before-sync', 'owed'], 'the row is dated by its monotonic time, not by its label of 1970');
  clock.wall += 68 * 365 * dayMs;
  await first.store.tend();
  t.same(await listed(first.store), ['before-sync', 'owed'], 'a jump of 68 years expires nothing');
  clock.wall -= 68 * 365 * dayMs;
  await first.store.tend();
  clock.advance(8 * dayMs);
  await first.store.commit(settled('young', []));
  await first.store.tend();
  t.same(await listed(first.store), ['owed', 'young']);
  t.equal(around.value('shoal_store_expired_total', { reason: 'age' }), 1);
  await first.store.acknowledge('lan', [2]);
  await first.store.tend();
  t.same(await listed(first.store), ['young'], 'once delivered, it goes too');
});

test('a claim that was never closed is forgotten after a month, not before, and not by an untrusted clock', async (t) => {
  const { open, clock, around } = setUp(t, { ack_interval_ms: 0, keep_days: 1 });
  const { store } = await open();
  const known = async () => [...(await store.settled(['left', 'young'])).keys()];
  await store.commit({ ...settled('left', []), replayable: true });
  clock.advance(29 * dayMs);
  await store.commit({ ...settled('young', []), replayable: true });
  await store.tend();
  t.same(await known(), ['left', 'young']);
  clock.isSynced = false;
  clock.advance(2 * dayMs);
  await store.tend();
  t.same(await known(), ['left', 'young'], 'the clock is not to be trusted');
  clock.isSynced = true;
  await store.tend();
  clock.advance(limits.storeSteadyMs);
  await store.tend();
  t.same(await known(), ['young']);
  t.equal(around.value('shoal_store_dropped_total', { reason: 'claims' }), 1);
});

test('what is owed to a sink that left the configuration is buried and counted', async (t) => {
  const { open, around } = setUp(t);
  const first = await open(['lan', 'old']);
  await first.store.commit(settled('c1', ['lan', 'old']));
  await first.store.stop();
  const { store } = await open(['lan']);
  t.same(await store.backlog(), { lan: { owed: 1, dead: 0 }, old: { owed: 0, dead: 1 } });
  t.equal(around.value('shoal_store_dropped_total', { reason: 'sink_removed', sink: 'old' }), 1);
  t.match((await store.explain(resultId('c1', 'signs')))?.deliveries, [
    { sink: 'lan', state: 'owed' },
    { sink: 'old', state: 'dead' },
  ]);
});

test('quarantine is remembered, newest first', async (t) => {
  const { open } = setUp(t);
  const { store } = await open();
  for (const id of ['c1', 'c2']) {
    const quarantine = { captureId: id, input: 'inbox', name: `${id}.png`, reason: 'killed two engines' };
    await store.commit({ captureId: id, input: 'inbox', replayable: true, results: [], quarantine });
  }
  t.match(await store.quarantined(), [
    { captureId: 'c2', at: '2026-01-01T00:00:00.000Z' },
    { captureId: 'c1', reason: 'killed two engines' },
  ]);
});
