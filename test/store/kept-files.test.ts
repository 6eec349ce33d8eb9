/** The shelf on a real disk, with a clock that the test moves. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { seriesMediaType } from '../../src/core/form.js';
import { captureId } from '../../src/core/id.js';
import { type KeptItem, keepRules } from '../../src/core/keep.js';
import { KeptFiles } from '../../src/store/kept-files.js';
import { dayOf, fileNameOf, readFileName } from '../../src/store/kept-names.js';
import { ManualClock } from '../support/settled.js';
import { testSurroundings } from '../support/surroundings.js';

const mib = 1024 * 1024;

function item(id: string, bytes: number, input = 'cam'): KeptItem {
  return { id, input, capturedAt: '2026-01-01T10:00:00.000Z', copy: { bytes: Buffer.alloc(bytes, id), mediaType: 'image/jpeg', faces: 0 } };
}

function setUp(t: Test) {
  const root = join(t.testdir(), 'kept');
  const clock = new ManualClock();
  clock.wall = Date.now();
  const around = testSurroundings(clock);
  const open = async () => {
    const shelf = new KeptFiles(root, { cam: keepRules({ keep: 'sample', keep_mib: 1, keep_days: 2 }) }, around);
    await shelf.start();
    t.teardown(() => shelf.stop());
    return shelf;
  };
  return { root, clock, around, open };
}

test('a copy is a file that only its owner reads, found again after a restart', async (t) => {
  const { root, open } = setUp(t);
  const first = await open();
  t.notOk(existsSync(root), 'nothing is made before there is something to keep');
  await first.put(item('a1', 100));
  await first.put(item('a1', 100));
  await first.stop();
  const file = join(root, 'cam', '2026-01-01', 'a1.jpg');
  t.equal(statSync(file).mode & 0o777, 0o600);
  for (const folder of [root, join(root, 'cam'), join(root, 'cam', '2026-01-01')]) t.equal(statSync(folder).mode & 0o777, 0o700, folder);
  writeFileSync(join(root, 'cam', '2026-01-01', 'a2.jpg.tmp'), 'half');
  writeFileSync(join(root, 'cam', '2026-01-01', 'notes.by.hand'), 'mine');
  mkdirSync(join(root, 'cam', 'elsewhere'));
  const second = await open();
  t.match(await second.list({ limit: 10 }), [{ id: 'a1', input: 'cam', bytes: 100, mediaType: 'image/jpeg' }]);
  t.same(await second.list({ input: 'door', limit: 10 }), []);
  t.same((await second.read('a1'))?.bytes, readFileSync(file));
  t.equal(await second.read('a2'), null);
  t.same(readdirSync(join(root, 'cam', '2026-01-01')).sort(), ['a1.jpg', 'notes.by.hand'], 'what a death left half written is gone');
});

test('by size and by age the oldest goes first, counted; a clock that may be wrong deletes nothing', async (t) => {
  const { root, clock, around, open } = setUp(t);
  const shelf = await open();
  for (const id of ['a', 'b', 'c']) {
    await shelf.put(item(id, 0.4 * mib));
    clock.advance(1000);
  }
  t.same(
    (await shelf.list({ limit: 10 })).map(({ id }) => id),
    ['c', 'b'],
  );
  t.equal(around.value('shoal_kept_removed_total', { input: 'cam', reason: 'quota' }), 1);
  t.equal(around.value('shoal_kept_bytes', { input: 'cam' }), 2 * Math.trunc(0.4 * mib));
  await t.rejects(shelf.put(item('d', mib + 1)), { code: 'STORE_FULL' });
  await shelf.stop();
  clock.advance(3 * 86_400_000);
  clock.isSynced = false;
  t.equal((await (await open()).list({ limit: 10 })).length, 2);
  clock.isSynced = true;
  t.equal((await (await open()).list({ limit: 10 })).length, 0);
  t.same(readdirSync(join(root, 'cam')), [], 'nor is its day left');
});

test('a purge takes what is older of one input, and a dry one only counts', async (t) => {
  const { clock, open } = setUp(t);
  const shelf = await open();
  await shelf.put(item('a', 10));
  await shelf.put(item('x', 10, 'door'));
  clock.advance(1000);
  const beforeMs = clock.wall;
  await shelf.put(item('b', 10));
  t.same(await shelf.purge({ input: 'cam', beforeMs, dryRun: true }), { files: 1, bytes: 10 });
  t.equal((await shelf.list({ limit: 10 })).length, 3);
  t.same(await shelf.purge({ input: 'cam', beforeMs, dryRun: false }), { files: 1, bytes: 10 });
  t.same((await shelf.list({ limit: 10 })).map(({ id }) => id).sort(), ['b', 'x']);
});

test('a purge goes by when it was captured, not by when it was kept, after a restart too', async (t) => {
  const { clock, open } = setUp(t);
  const first = await open();
  const beforeMs = clock.wall - 60_000;
  const [old, young] = [captureId(beforeMs - 1), captureId(beforeMs)];
  await first.put(item(old, 10));
  await first.put(item(young, 10));
  t.same(await first.purge({ input: 'cam', beforeMs, dryRun: true }), { files: 1, bytes: 10 });
  await first.stop();
  const second = await open();
  t.same(await second.purge({ input: 'cam', beforeMs, dryRun: false }), { files: 1, bytes: 10 });
  t.same(
    (await second.list({ limit: 10 })).map(({ id }) => id),
    [young],
  );
});

test('a folder that cannot be read hides no other, and a purge of its input says so until it can be', async (t) => {
  const { root, around, clock, open } = setUp(t);
  const first = await open();
  for (const input of ['attic', 'cam', 'door']) await first.put(item(`in-${input}`, 10, input));
  await first.put({ ...item('later', 10), capturedAt: '2026-01-02T10:00:00.000Z' });
  await first.stop();
  const all = { beforeMs: clock.wall + 60_000, dryRun: false };
  /** Nothing can be asked of it, not even by root. */
  const sick = join(root, 'cam', '2026-01-01', 'sick.jpg');
  symlinkSync('nowhere', sick);
  const second = await open();
  const warnings = () => around.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields.path);
  t.same(warnings(), [join(root, 'cam', '2026-01-01')], 'it is told');
  t.ok((await second.list({ limit: 10 })).length >= 3, 'other inputs are seen, and other days');
  for (const dryRun of [true, false]) {
    await t.rejects(second.purge({ ...all, input: 'cam', dryRun }), {
      code: 'STORE_UNAVAILABLE',
      message: /of cam .*sick\.jpg.*purge again/,
    });
  }
  t.notOk(existsSync(join(root, 'cam', '2026-01-02')), 'what could be read is gone');
  t.same(await second.purge({ ...all, input: 'door' }), { files: 1, bytes: 10 });
  t.equal(warnings().length, 1, 'once');
  rmSync(sick);
  writeFileSync(sick, 'found');
  const count = await second.purge({ ...all, input: 'cam' });
  t.ok(count.files >= 1, 'when it can be read it is purged');
  t.notOk(existsSync(join(root, 'cam', '2026-01-01')));
  await second.stop();

  renameSync(root, `${root}.aside`);
  writeFileSync(root, 'no folder');
  const third = await open();
  await t.rejects(third.purge({ ...all, input: 'attic' }), { code: 'STORE_UNAVAILABLE' }, 'nothing is known of any');
  rmSync(root);
  renameSync(`${root}.aside`, root);
  t.same(await third.purge({ ...all, input: 'attic' }), { files: 1, bytes: 10 });
});

test('a name says what it is, and no name leaves its folder', async (t) => {
  for (const type of ['image/jpeg', 'audio/wav', 'text/csv', seriesMediaType]) {
    t.same(readFileName(fileNameOf('01-a_B', type)), { id: '01-a_B', mediaType: type });
  }
  t.same(readFileName(fileNameOf('a', 'application/pdf')), { id: 'a', mediaType: 'application/octet-stream' });
  for (const name of ['.jpg', '../a.jpg', 'a.b.jpg', 'a.exe', 'a']) t.equal(readFileName(name), null, name);
  t.equal(dayOf('2026-01-31T10:00:00.000Z'), '2026-01-31');
  t.equal(dayOf('+275760-09-13T00:00:00.000Z'), '1970-01-01');
});
