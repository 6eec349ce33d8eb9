import { closeSync, existsSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import Database from 'better-sqlite3';
import { test } from 'tap';
import { storeOptions } from '../../src/store/options.js';
import { migrate, migrations } from '../../src/store/schema.js';
import { SqliteStore } from '../../src/store/store.js';
import { settled } from '../support/settled.js';
import { seqs, setUp } from '../support/store-bench.js';

test('a migration keeps what was stored; a newer or foreign file is refused untouched', async (t) => {
  const { open, path } = setUp(t);
  const first = await open();
  await first.store.commit(settled('c1', ['lan']));
  await first.store.stop();
  const raw = new Database(path);
  const next = [...migrations, 'ALTER TABLE results ADD COLUMN model TEXT'];
  migrate(raw, path, next);
  t.same(raw.prepare('SELECT seq, model FROM results').get(), { seq: 1, model: null });
  t.throws(() => migrate(raw, path, [...next, 'CREATE TABLE half (a); SELECT broken']), /broken/);
  t.equal(raw.pragma('user_version', { simple: true }), next.length, 'a failed migration leaves no trace');
  t.same(raw.prepare("SELECT name FROM sqlite_schema WHERE name = 'half'").all(), []);
  raw.close();
  await t.rejects(open(), { code: 'STORE_UNAVAILABLE', message: /newer Shoal/ });
  const other = `${t.testdir()}/other.db`;
  const foreign = new Database(other);
  foreign.exec('CREATE TABLE theirs (a)');
  foreign.close();
  await t.rejects(setUp(t, {}, other).open(), { code: 'STORE_UNAVAILABLE', message: /another program/ });
  t.notOk(existsSync(`${other}.corrupt-1`));
});

test('a second daemon on the same file is refused', async (t) => {
  const { open } = setUp(t);
  await open();
  await t.rejects(open(), { code: 'STORE_UNAVAILABLE', message: /another process/ });
});

test('a damaged file is moved aside, said loudly, and a bounded number is kept', async (t) => {
  const { open, path, around } = setUp(t);
  for (let i = 0; i < 4; i++) {
    writeFileSync(path, `this is no database ${i} `.repeat(500));
    const { store } = await open();
    await store.commit(settled('c1', ['lan']));
    t.equal(around.states.get('store')?.state, 'degraded');
    await store.stop();
  }
  t.equal(around.lines.filter((line) => line.level === 'error').length, 4);
  const kept = readdirSync(path.replace('/shoal.db', '')).filter((name) => name.startsWith('shoal.db.corrupt'));
  t.same(kept.sort(), ['shoal.db.corrupt-1', 'shoal.db.corrupt-2']);
});

test('damage found at work ends the store once, rejects what is asked, and the next start begins anew', async (t) => {
  const { open, path, losses, around } = setUp(t, { commit_interval_ms: 0 });
  const first = await open();
  const payload = Buffer.alloc(50_000, 0x41);
  for (let i = 0; i < 200; i++) await first.store.commit(settled(`c${i}`, ['lan'], { payload }));
  await first.store.stop();
  const { store } = await open();
  const file = openSync(path, 'r+');
  for (let page = 100; page < 2400; page++) writeSync(file, Buffer.alloc(4096, 0xff), 0, 4096, page * 4096);
  closeSync(file);
  const asked = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => store.owed('lan', i * 10, 10)));
  t.ok(
    asked.some((answer) => answer.status === 'rejected'),
    'the damage was met',
  );
  await t.rejects(store.commit(settled('late', ['lan'])), { code: 'STORE_UNAVAILABLE' });
  t.equal(losses.length, 1);
  t.equal(around.states.get('store')?.state, 'down');
  await store.stop();
  t.ok(existsSync(`${path}.suspect`));
  const next = await open();
  t.ok(existsSync(`${path}.corrupt-1`));
  await next.store.commit(settled('fresh', ['lan']));
  await next.store.stop();
  t.notOk(existsSync(`${path}.suspect`));
});

test('a stop commits what is queued, may be called twice and during the start', async (t) => {
  const { open, path, around } = setUp(t, { commit_interval_ms: 1000 });
  const { store } = await open();
  await store.commit(settled('c1', ['lan']));
  const late = store.commit(settled('c2', ['lan']));
  await Promise.all([store.stop(), store.stop()]);
  await late;
  await t.rejects(store.commit(settled('c3', ['lan'])), { code: 'STORE_UNAVAILABLE' });
  const second = new SqliteStore(path, storeOptions.parse({}), around, () => t.fail('not lost'));
  const starting = second.start(['lan']);
  await second.stop();
  await starting;
  const third = await open();
  t.same(seqs(await third.store.owed('lan', 0, 10)), [1, 2]);
});
