/**
 * Which captures leave a copy: live ones in memory and ones that lie in a file, through the real store and a real engine process. What is
 * captured is a series, so that no model is needed; what becomes of a picture is told in test/engine/copy.test.ts and test/e2e/privacy.test.ts.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tap, { type Test, test } from 'tap';
import type { Capture, CaptureHeader } from '../../src/core/capture.js';
import { type KeepConfig, keepRules } from '../../src/core/keep.js';
import type { Watch } from '../../src/core/watch.js';
import { Keeper } from '../../src/flow/keeper.js';
import { purge } from '../../src/flow/purge.js';
import { Snapshots } from '../../src/flow/snapshots.js';
import { KeptFiles } from '../../src/store/kept-files.js';
import { Lab, setup } from '../support/engine-lab.js';
import { record } from '../support/settled.js';
import { setUp } from '../support/store-bench.js';
import { testSurroundings } from '../support/surroundings.js';
import { crowdWatch, doorsWatch, walkHeader } from '../support/walk.js';

interface Scene {
  readonly keep?: KeepConfig;
  readonly watch?: Watch;
  readonly started?: boolean;
}

/** One for all tests, as the engines of a daemon are. */
const around = testSurroundings();
const running = new Lab(setup(around, []));
const neverStarted = new Lab(setup(around, []));
tap.teardown(() => running.stop(1000));

async function scene(t: Test, { keep = { keep: 'events' }, watch = doorsWatch, started = true }: Scene) {
  const { open, clock, around } = setUp(t, { commit_interval_ms: 1 });
  const { store, boot } = await open();
  const engines = started ? running : neverStarted;
  const root = join(t.testdir(), 'kept');
  const rules = { cam: keepRules(keep) };
  const shelf = new KeptFiles(root, rules, around);
  const snapshots = new Snapshots();
  const keeper = new Keeper({
    ...around,
    rules,
    pipelines: [],
    watches: [watch],
    engines,
    store,
    shelf,
    snapshots,
    faces: null,
    hangMs: 30_000,
  });
  await shelf.start();
  keeper.start();
  if (started) {
    await engines.start();
    await engines.freeFor();
  }
  t.teardown(() => keeper.stop());
  let number = 0;
  /** A capture of `cam` with this score, or none, a second after the one before; resolves when its file may go. */
  const see = async (score: number | null, path?: string, source?: string): Promise<string> => {
    const bytes = Buffer.from(`${number},${score}\n`);
    const base = walkHeader(number++, boot, clock.mono);
    const from = source === undefined ? {} : { source };
    const header: CaptureHeader = { ...base, ...from, kind: 'series', mediaType: 'text/csv', bytes: bytes.length };
    if (path !== undefined) writeFileSync(path, bytes);
    const capture: Capture = { header, content: path === undefined ? { bytes } : { path } };
    const kept = record(header.id, watch.pipeline, { input: 'cam' });
    const sighting = { captureId: header.id, resultId: kept.id, capturedAt: header.capturedAt, clockSynced: true, boot, seq: header.seq };
    const seen = { ...sighting, monoMs: clock.mono, holds: score !== null, score, labels: [] };
    const thing = { box: { x_min: 0.1, y_min: 0.1, x_max: 0.3, y_max: 0.9 }, label: 'person', score: score ?? 0, accepted: true };
    const watched =
      watch.kind === 'tracks'
        ? { watch, sighting: seen, things: score === null ? [] : [thing] }
        : { watch: { ...doorsWatch, ...from }, sighting: seen };
    const results = [{ record: kept, sinks: [], watched }];
    keeper.before(capture, results);
    await store.commit({ captureId: header.id, input: 'cam', replayable: false, results });
    await keeper.after(capture, results);
    keeper.letGo(capture);
    clock.advance(1000);
    return header.id;
  };
  const ids = async () => (await shelf.list({ limit: 100 })).map(({ id }) => id).sort();
  const rest = async () => {
    const done = () => around.value('shoal_kept_total') + around.value('shoal_not_kept_total');
    for (let before = -1; before !== done(); await new Promise((resolve) => setTimeout(resolve, 150))) before = done();
    return ids();
  };
  /** A purge of all that was captured by now. */
  const purgeAll = () => {
    const request = { input: 'cam', beforeMs: Date.UTC(2100, 0, 1), owed: true, dryRun: false };
    return purge(request, { shelf, store, snapshots, keeper, watches: [watch], log: around.log });
  };
  return { see, ids, rest, around, shelf, keeper, purgeAll, root };
}

test('of an event the capture that began it stays, and its best; nothing before, nothing of what is no event', async (t) => {
  const { see, rest, shelf } = await scene(t, {});
  for (const score of [null, 0.5, null, null]) await see(score);
  t.same(await rest(), [], 'what held for a moment only began nothing');
  const scores = [0.6, 0.7, 0.65, 0.95, 0.9, null, null, null, null, null];
  const seen: string[] = [];
  for (const score of scores) seen.push(await see(score));
  const kept = await rest();
  t.same(kept, [seen[1], seen[3]].sort(), 'it began with the second, the fourth was best');
  t.equal(Buffer.from((await shelf.read(seen[3] ?? ''))?.bytes ?? []).toString(), '7,0.95\n', 'its bytes as they are');
  for (const score of [null, null, 0.2, 0.2]) seen.push(await see(score));
  t.equal((await rest()).length, 3, 'the next event is one of its own, though its best is worse');
});

test('each source of an input has a best of its own', async (t) => {
  const { see, rest } = await scene(t, {});
  const seen: { of: string; id: string }[] = [];
  const both = async (hall: number | null, yard: number | null) => {
    for (const [of, score] of [['hall', hall] as const, ['yard', yard] as const]) seen.push({ of, id: await see(score, undefined, of) });
  };
  // The yard's better picture is none of the hall's event, and the yard's quiet ends none of it.
  for (const [hall, yard] of [
    [0.6, null],
    [0.7, 0.99],
    [0.8, null],
    [0.9, null],
    [0.85, null],
  ] as const)
    await both(hall, yard);
  for (let i = 0; i < 5; i++) await both(null, null);
  const kept = await rest();
  t.ok(kept.length > 0);
  t.same(
    seen.filter(({ id }) => kept.includes(id)).map(({ of }) => of),
    kept.map(() => 'hall'),
    'what held for a moment in the yard began nothing there',
  );
  t.ok(kept.includes(seen[6]?.id ?? ''), 'the best of the hall');
});

test('of things that are followed the capture with which each began stays', async (t) => {
  const { see, rest } = await scene(t, { watch: crowdWatch });
  const seen: string[] = [];
  for (const score of [0.5, 0.6, 0.9, 0.7]) seen.push(await see(score));
  t.equal((await rest()).length, 1);
  t.same(await rest(), [seen[1]]);
});

test('a capture that lies in a file keeps it until its copy is made', async (t) => {
  const { see, ids } = await scene(t, {});
  const folder = join(t.testdir(), 'work');
  mkdirSync(folder);
  await see(0.6, join(folder, 'a'));
  const began = await see(0.7, join(folder, 'b'));
  t.same(await ids(), [began], 'when its file may go, the copy is there');
  await see(0.9, join(folder, 'c'));
  for (let i = 0; i < 5; i++) await see(null, join(folder, 'd'));
  t.same(await ids(), [began], 'the best of an event was not kept in memory, and is not asked for when its file is gone');
});

test('a sample is kept once in its time, and nothing without keep', async (t) => {
  const { see, rest } = await scene(t, { keep: { keep: 'sample', keep_every_ms: 5000 } });
  const seen: string[] = [];
  for (let i = 0; i < 12; i++) seen.push(await see(0.9));
  t.same(await rest(), [seen[0], seen[5], seen[10]]);
  const none = await scene(t, { keep: {} });
  for (let i = 0; i < 12; i++) await none.see(0.9);
  t.same(await none.rest(), []);
  t.throws(() => readdirSync(none.root), { code: 'ENOENT' }, 'not even a folder');
});

test('what cannot be redacted or copied is not kept, and counted with its reason', async (t) => {
  const { see, rest, around } = await scene(t, { keep: { keep: 'sample', keep_every_ms: 1000, redact: { faces: 'blur' } } });
  await see(0.9);
  t.same(await rest(), []);
  t.equal(around.value('shoal_not_kept_total', { input: 'cam', reason: 'no_face_model' }), 1);
  const masked = await scene(t, {
    keep: {
      keep: 'sample',
      keep_every_ms: 1000,
      redact: {
        mask: [
          [
            [0, 0],
            [1, 0],
            [1, 1],
          ],
        ],
      },
    },
  });
  await masked.see(0.9);
  t.same(await masked.rest(), []);
  t.equal(masked.around.value('shoal_not_kept_total', { input: 'cam', reason: 'not_copied' }), 1, 'a series has nothing to mask');
});

test('a stop does not wait for an engine that never comes, nor hold a file back', async (t) => {
  const { see, keeper, around } = await scene(t, { keep: { keep: 'sample', keep_every_ms: 1000 }, started: false });
  const folder = join(t.testdir(), 'work');
  mkdirSync(folder);
  const seen = see(0.9, join(folder, 'a'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const began = performance.now();
  await keeper.stop();
  await seen;
  t.ok(performance.now() - began < 2000, 'at once');
  t.equal(around.value('shoal_not_kept_total', { input: 'cam', reason: 'stopping' }), 1);
});

test('what a purge takes back is said again to whoever connects later, one message a watch, until there is a new picture', (t) => {
  const snapshots = new Snapshots();
  const said: number[] = [];
  const unwatch = snapshots.watch((messages) => said.push(...messages.map(({ payload }) => payload.length)));
  snapshots.show(doorsWatch, Buffer.from('jpeg'));
  for (let i = 0; i < 3; i++) snapshots.forget([doorsWatch]);
  t.same(said, [4, 0, 0, 0], 'at once');
  const { pipeline, input } = doorsWatch;
  t.match(
    snapshots.all(),
    [{ pipeline, input, sinks: null, payload: { length: 0 } }],
    'a broker that was away then is told at its next connect',
  );
  t.equal(snapshots.all().length, 1, 'however often it was purged');
  snapshots.show(doorsWatch, Buffer.from('newer'));
  t.same(
    snapshots.all().map(({ payload }) => Buffer.from(payload).toString()),
    ['newer'],
  );
  unwatch();
  t.end();
});

test('a purge takes along what is in memory: the best of an event that goes on, and a copy that is being made', async (t) => {
  const event = await scene(t, {});
  const seen: string[] = [];
  for (const score of [0.6, 0.7, 0.95]) seen.push(await event.see(score));
  t.same(await event.rest(), [seen[1]], 'control: the best waits for the next message');
  t.match(await event.purgeAll(), { kept_files: 1 });
  seen.push(await event.see(0.5));
  for (let i = 0; i < 5; i++) await event.see(null);
  t.same(await event.rest(), [seen[3]], 'the best since then');

  const sample = await scene(t, { keep: { keep: 'sample', keep_every_ms: 1000 } });
  await sample.see(0.9);
  t.match(await sample.purgeAll(), { kept_files: 0 }, 'control: there is no copy yet');
  t.same(await sample.rest(), []);
  t.equal(sample.around.value('shoal_not_kept_total', { input: 'cam', reason: 'purged' }), 1);
  const young = await sample.see(0.9);
  t.same(await sample.rest(), [young], 'control: what comes later is kept');
});
