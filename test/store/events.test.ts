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
import { resultId } from '../../src/core/id.js';
import { limits } from '../../src/core/limits.js';
import { judgeSaying, type SaidState } from '../../src/core/saying.js';
import { sightThings, type TracksState } from '../../src/core/track.js';
import { type EventWatch, encodeEvent, type TrackWatch } from '../../src/core/watch.js';
import { storeOptions } from '../../src/store/options.js';
import { migrate, migrations } from '../../src/store/schema.js';
import { SqliteStore } from '../../src/store/store.js';
import { ManualClock, record, settled } from '../support/settled.js';
import { testSurroundings } from '../support/surroundings.js';
import {
  crowdAt,
  crowdWatch,
  doorsWatch,
  eventsOwed,
  threefoldSettled,
  walkRules,
  walkSettled,
  walkSighting,
  wordsAt,
  wordsWatch,
} from '../support/walk.js';

const child = fileURLToPath(new URL('./walk-child.js', import.meta.url));

const now = { monoMs: 1e9, kernel: 1 };

interface Uninterrupted {
  readonly doors: Telling[];
  readonly crowd: Telling[];
  /** Ids of the results that are told on change. */
  readonly words: string[];
}

function uninterrupted(count: number): Uninterrupted {
  const told: Uninterrupted = { doors: [], crowd: [], words: [] };
  let [doors, crowd, words]: [EventState | null, TracksState | null, SaidState | null] = [null, null, null];
  for (let number = 0; number < count; number++) {
    const sighting = walkSighting(number);
    const step = sight(doors, sighting, walkRules, now, ['doors', 'cam']);
    const at = { ...sighting, resultId: resultId(sighting.captureId, 'crowd'), holds: true };
    const things = sightThings(crowd, at, crowdAt(number), crowdWatch.rules, now, ['crowd', 'cam']);
    const saying = { ...sighting, resultId: resultId(sighting.captureId, 'words'), what: wordsAt(number) };
    const judged = judgeSaying(words, saying, wordsWatch.rules, now);
    [doors, crowd, words] = [step.state, things.state, judged.state];
    told.doors.push(...step.tellings);
    told.crowd.push(...things.tellings);
    if (judged.isTold) told.words.push(saying.resultId);
  }
  return told;
}

const bodiesOf = (tellings: readonly Telling[], watch: EventWatch | TrackWatch) =>
  tellings.map((telling) => JSON.parse(Buffer.from(encodeEvent(telling, watch)).toString()));

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

test('a daemon that is killed at any commit starts no event twice, loses no end, and repeats or loses no change', async (t) => {
  const path = `${t.testdir()}/shoal.db`;
  const count = 360;
  let kills = 0;
  for (let i = 0; i < 40 && (await round(path, count, 5 + ((i * 7919) % 30))); i++) kills++;
  t.ok(kills >= 6, `it was killed ${kills} times`);
  const { store } = await open(t, path);
  const told = uninterrupted(count);
  const [doors, crowd] = [bodiesOf(told.doors, doorsWatch), bodiesOf(told.crowd, crowdWatch)];
  for (const expected of [doors, crowd]) t.ok(expected.filter(({ phase }) => phase === 'end').length > 4, 'there was something to lose');
  t.ok(told.words.length > 40, `${told.words.length} changes`);
  const events = await eventsOwed(store);
  t.same(
    events.filter(({ pipeline }) => pipeline === 'doors'),
    doors,
  );
  t.same(
    events.filter(({ pipeline }) => pipeline === 'crowd'),
    crowd,
  );
  const owed = await store.owed('lan', 0, 128);
  const all = [...owed];
  for (let last = owed.at(-1); last !== undefined; last = all.at(-1)) {
    const page = await store.owed('lan', last.seq, 128);
    if (page.length === 0) break;
    all.push(...page);
  }
  t.same(
    all.filter(({ kind }) => kind === 'result').map((delivery) => delivery.resultId),
    told.words,
  );
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

test('each source of an input has events of its own; one that is not heard for long makes room, and its event ends', async (t) => {
  const path = `${t.testdir()}/shoal.db`;
  const { store, clock } = await open(t, path);
  clock.mono = 1e9;
  const watch = { ...doorsWatch, rules: { ...walkRules, onAfterMs: 0 } };
  let number = 0;
  const look = (source: string, holds: boolean) => {
    const sighting = { ...walkSighting(number++), holds, score: holds ? 0.9 : null };
    const results = [
      { record: record(sighting.captureId, 'doors', { input: 'cam' }), sinks: [], watched: { watch: { ...watch, source }, sighting } },
    ];
    return store.commit({ captureId: sighting.captureId, input: 'cam', replayable: false, results });
  };
  for (let i = 0; i < 8; i++) {
    await look('hall/1', true);
    await look('hall/2', false);
  }
  const first = await eventsOwed(store);
  t.match(first, [{ phase: 'start', source: 'hall/1' }], 'the quiet one does not end it');
  t.match(await store.watchStates(), [
    { source: 'hall/1', state: { open: { id: first[0]?.id } } },
    { source: 'hall/2', state: { open: null } },
  ]);
  await look('hall/2', false);
  await Promise.all(Array.from({ length: limits.watchedSourcesMax - 1 }, (_, i) => look(`many/${i}`, false)));
  t.equal((await store.watchStates()).length, limits.watchedSourcesMax, 'no more are remembered');
  t.match((await eventsOwed(store)).at(-1), { phase: 'end', source: 'hall/1', id: first[0]?.id });
  await store.lapse([], 1e9);
  t.same(await store.watchStates(), [], 'and all are forgotten with their pipeline');
});

test('a state of the schema without sources is kept', async (t) => {
  const path = `${t.testdir()}/shoal.db`;
  const db = new Database(path);
  migrate(db, path, migrations.slice(0, 3));
  db.prepare('INSERT INTO report_state VALUES (?, ?, ?)').run(
    'doors',
    'cam',
    JSON.stringify({ version: 1, state: { open: null }, watch: {} }),
  );
  db.close();
  const { store } = await open(t, path);
  t.same(await store.watchStates(), [{ pipeline: 'doors', input: 'cam', state: { open: null }, phases: [] }]);
});

test('a state of another version counts as none', async (t) => {
  const path = `${t.testdir()}/shoal.db`;
  const first = await open(t, path);
  await first.store.stop();
  const db = new Database(path);
  db.prepare('INSERT INTO report_state VALUES (?, ?, ?, ?, ?)').run('doors', 'cam', '', 1, '{"version":9}');
  db.prepare('INSERT INTO report_state VALUES (?, ?, ?, ?, ?)').run('x', 'y', '', 2, 'no json');
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

test('a result told on change is decided where what was told last is, and the outcome is answered, also when it is repeated', async (t) => {
  const { store, clock } = await open(t, `${t.testdir()}/shoal.db`);
  clock.mono = 1e9;
  const words = async (number: number, replayable = false) => {
    const settled = threefoldSettled(number);
    return store.commit({ ...settled, replayable, results: settled.results.filter(({ record }) => record.pipeline === 'words') });
  };
  const first = resultId(walkSighting(7).captureId, 'words');
  const same = [{ pipeline: 'words', outcome: 'silent', reason: `it says the same as ${first}` }];
  t.same(await words(7), [{ pipeline: 'words', outcome: 'published' }]);
  t.same(await words(8, true), same);
  t.same(await words(8, true), same, 'its claim is open');
  t.same(await words(7), [{ pipeline: 'words', outcome: 'published' }], 'its result is known');
  await words(6);
  t.match(await store.explain(resultId(walkSighting(6).captureId, 'words')), {
    outcome: 'silent',
    reason: 'a later capture of its input was heard before it',
    deliveries: [],
  });
  const told = await store.explain(resultId(walkSighting(8).captureId, 'words'));
  t.same(JSON.parse(told?.payload ?? ''), {
    id: told?.id,
    outcome: 'silent',
    reason: `it says the same as ${first}`,
    same_as: first,
    holds: true,
  });
  t.same((await store.settled([walkSighting(8).captureId])).get(walkSighting(8).captureId), same, 'and its claim knows it');
  t.same(
    (await store.owed('lan', 0, 128)).map((delivery) => delivery.resultId),
    [first],
  );
});

test('a pipeline that is told in another way than before: its event ends, and nothing of it is taken for something else', async (t) => {
  const { store, clock } = await open(t, `${t.testdir()}/shoal.db`);
  clock.mono = 1e9;
  const changes: unknown[] = [];
  store.onWatchChange((all) => changes.push(...all));
  for (let number = 0; number < 12; number++) await store.commit(threefoldSettled(number));
  const crowdBefore = (await eventsOwed(store)).filter(({ pipeline }) => pipeline === 'crowd');
  t.match(crowdBefore, [{ phase: 'start' }, { phase: 'start' }]);
  await store.lapse([doorsWatch, crowdWatch, wordsWatch], 1e9);
  t.equal((await store.watchStates()).length, 2, 'what is told on change has no state');
  changes.length = 0;
  const other = { ...crowdWatch, kind: 'event' as const };
  await store.lapse([doorsWatch, other, wordsWatch], 1e9);
  t.match(changes, [{ pipeline: 'crowd', state: null, phases: ['end', 'end'] }]);
  t.match((await eventsOwed(store)).slice(-2), [
    { phase: 'end', end_reason: 'removed' },
    { phase: 'end', end_reason: 'removed' },
  ]);
  // What was told last outlives a configuration in which the pipeline is told on change, and no other.
  await store.lapse([doorsWatch, wordsWatch], 1e9);
  t.match(await store.commit(threefoldSettled(12)), [{ outcome: 'silent' }]);
  await store.lapse([doorsWatch], 1e9);
  t.match(await store.commit(threefoldSettled(13)), [{ outcome: 'published' }]);
});
