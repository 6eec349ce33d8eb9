/**
 * Goal: the state of events and the results they are made of are one: no kill, repetition or refusal parts them.
 * Method: a child commits a series and is killed at random commits until it is through; what is then owed must be, message for message,
 * what the pure machine makes of the series without any interruption.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { type Test, test } from 'tap';
import { type EventState, sight, type Telling } from '../../src/core/event.js';
import { encodeEvent } from '../../src/core/watch.js';
import { storeOptions } from '../../src/store/options.js';
import { migrate, migrations } from '../../src/store/schema.js';
import { SqliteStore } from '../../src/store/store.js';
import { ManualClock, settled } from '../support/settled.js';
import { testSurroundings } from '../support/surroundings.js';
import { doorsWatch, eventsOwed, walkRules, walkSettled, walkSighting } from '../support/walk.js';

const child = fileURLToPath(new URL('./walk-child.js', import.meta.url));

function uninterrupted(count: number): Telling[] {
  const told: Telling[] = [];
  let state: EventState | null = null;
  for (let number = 0; number < count; number++) {
    const step = sight(state, walkSighting(number), walkRules, { monoMs: 1e9, kernel: 1 }, ['doors', 'cam']);
    state = step.state;
    told.push(...step.tellings);
  }
  return told;
}

/** Kills the child at a commit; true when it was killed before it was through. */
async function round(path: string, count: number, killAt: number): Promise<boolean> {
  const process_ = spawn(process.execPath, [child, path, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<string | null>((resolve) => process_.on('exit', (_, signal) => resolve(signal)));
  let lines = 0;
  for await (const piece of process_.stdout) {
    lines += String(piece).split('\n').length - 1;
    if (lines >= killAt) process_.kill('SIGKILL');
  }
  return (await ended) === 'SIGKILL';
}

async function open(t: Test, path: string, clock = new ManualClock()): Promise<{ store: SqliteStore; clock: ManualClock }> {
  const store = new SqliteStore(path, storeOptions.parse({ commit_interval_ms: 1 }), testSurroundings(clock), () => {});
  await store.start(['lan']);
  t.teardown(() => store.stop());
  return { store, clock };
}

test('a daemon that is killed at any commit starts no event twice and loses no end', async (t) => {
  const path = `${t.testdir()}/shoal.db`;
  const count = 360;
  let kills = 0;
  for (let i = 0; i < 40 && (await round(path, count, 5 + ((i * 7919) % 30))); i++) kills++;
  t.ok(kills >= 6, `it was killed ${kills} times`);
  const { store } = await open(t, path);
  const expected = uninterrupted(count).map((telling) => JSON.parse(Buffer.from(encodeEvent(telling, doorsWatch)).toString()));
  t.ok(expected.filter(({ phase }) => phase === 'end').length > 4, 'there was something to lose');
  t.same(await eventsOwed(store), expected);
});

test('a known result does not turn the state a second time', async (t) => {
  const { store, clock } = await open(t, `${t.testdir()}/shoal.db`);
  clock.mono = 1e9;
  for (let number = 0; number < 20; number++) await store.commit(walkSettled(number));
  const before = await store.watchStates();
  for (let number = 0; number < 20; number++) await store.commit(walkSettled(number));
  t.same(await store.watchStates(), before);
  t.match(before, [{ pipeline: 'doors', input: 'cam', state: { run: { tally: { captures: 12 } } } }]);
});

test('the end of an event whose watch is gone is told to the sinks that are left, and its state is forgotten', async (t) => {
  const { store, clock } = await open(t, `${t.testdir()}/shoal.db`);
  clock.mono = 1e9;
  const changes: unknown[] = [];
  store.onWatchChange((all) => changes.push(...all));
  for (let number = 0; number < 20; number++) await store.commit(walkSettled(number));
  await store.lapse([doorsWatch], 1e9);
  t.match(await eventsOwed(store), [{ phase: 'start' }, { phase: 'update' }], 'what is watched goes on');
  await store.lapse([], 1e9);
  await store.lapse([], 1e9);
  t.match((await eventsOwed(store)).at(-1), { phase: 'end', end_reason: 'removed', device: 'dock-7' });
  t.equal((await eventsOwed(store)).length, 3);
  t.same(await store.watchStates(), []);
  t.match(changes, [{ phases: [] }, { phases: ['start'] }, { phases: ['update'] }, { state: null, phases: ['end'] }]);
});

test('a silent input ends its event in the store, and messages of events are no results to list or explain', async (t) => {
  const { store, clock } = await open(t, `${t.testdir()}/shoal.db`);
  clock.mono = 1e9;
  for (let number = 0; number < 20; number++) await store.commit(walkSettled(number));
  clock.advance(61_000);
  await store.lapse([doorsWatch], clock.mono - 30_000);
  t.equal((await eventsOwed(store)).length, 2, 'it listens for 30 s only');
  await store.lapse([doorsWatch], 1e9);
  t.match((await eventsOwed(store)).at(-1), { phase: 'end', end_reason: 'silence' });
  t.equal((await store.results({ limit: 100 })).length, 20);
  const [first] = await store.owed('lan', 0, 1);
  t.equal(await store.explain(first?.resultId ?? ''), null);
});

test('a state of another version counts as none', async (t) => {
  const path = `${t.testdir()}/shoal.db`;
  const first = await open(t, path);
  await first.store.stop();
  const db = new Database(path);
  db.prepare('INSERT INTO report_state VALUES (?, ?, ?)').run('doors', 'cam', '{"version":9}');
  db.prepare('INSERT INTO report_state VALUES (?, ?, ?)').run('x', 'y', 'no json');
  db.close();
  const { store, clock } = await open(t, path);
  clock.mono = 1e9;
  t.same(await store.watchStates(), []);
  for (let number = 0; number < 20; number++) await store.commit(walkSettled(number));
  await store.lapse([doorsWatch], 1e9);
  t.match(await eventsOwed(store), [{ phase: 'start' }, { phase: 'update' }]);
});

test('a file of the schema before events keeps what it owes', async (t) => {
  const path = `${t.testdir()}/shoal.db`;
  const db = new Database(path);
  migrate(db, path, migrations.slice(0, 2));
  db.exec(`INSERT INTO boots VALUES (1, 'k', 0, 0, NULL);
    INSERT INTO results (id, boot, mono_ms, wall_ms, pipeline, input, outcome, capture_id, capture_name, sinks, payload, trace)
      VALUES ('r1', 1, 0, 0, 'signs', 'inbox', 'published', 'c', 'n', '["lan"]', x'7b7d', '{}');
    INSERT INTO deliveries (sink, state, seq) VALUES ('lan', 0, 1);`);
  db.close();
  const { store } = await open(t, path);
  await store.commit(settled('c2', ['lan']));
  t.match(await store.owed('lan', 0, 10), [{ kind: 'result', resultId: 'r1' }, { kind: 'result' }]);
});
