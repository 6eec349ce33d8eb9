import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { folderOptions } from '../../src/inputs/folder/options.js';
import { folderInput } from '../../src/inputs/folder.js';
import { replayableInputContract } from '../contracts/input-contract.js';
import { type Bench, bench, nextSeq, png, remaining, workOf } from '../support/folder-bench.js';
import { burst } from '../support/folder-burst.js';
import { noConnection, testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

test('a folder is an input that keeps its promises', async (t) => {
  replayableInputContract(t, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'shoal-contract-'));
    const inbox = join(dir, 'inbox');
    mkdirSync(inbox);
    t.teardown(() => rmSync(dir, { recursive: true, force: true }));
    const options = folderOptions.parse({ path: inbox, settle_ms: 10, rescan_ms: 100 });
    let fed = 0;
    return {
      ledgerPath: join(dir, 'ledger'),
      create: (ledger, boot) =>
        folderInput.create('inbox', options, { ...testSurroundings(), boot, ledger, nextSeq, connection: noConnection }),
      feed: async (count) => {
        const names: string[] = [];
        for (let i = 0; i < count; i++) {
          const name = `f${String(++fed).padStart(5, '0')}.png`;
          writeFileSync(join(dir, name), png);
          // The order is that of the modification times, not of the names: the later the name, the older here.
          const at = 1_700_000_000 - fed;
          utimesSync(join(dir, name), at, at);
          renameSync(join(dir, name), join(inbox, name));
          names.unshift(name);
        }
        return names;
      },
      empty: async () => remaining(inbox).length === 0 && workOf(inbox).length === 0,
    };
  });
});

test('entries that are no proper files end in failed/ with a reason, and the good file among them goes through', async (t) => {
  const b = bench(t);
  const secret = join(b.dir, 'secret');
  writeFileSync(secret, 'secret');
  b.put('good.png');
  symlinkSync('/etc/passwd', join(b.inbox, 'passwd.png'));
  symlinkSync(join(b.inbox, 'nowhere'), join(b.inbox, 'dangling'));
  execFileSync('mkfifo', [join(b.inbox, 'pipe.wav')]);
  linkSync(secret, join(b.inbox, 'linked.png'));
  mkdirSync(join(b.inbox, 'subfolder'));
  writeFileSync(join(b.inbox, 'subfolder', 'inside.png'), png);
  b.put('empty.png', '');
  b.put('huge.png', Buffer.alloc(5000));
  const server = createServer().listen(join(b.inbox, 'talk.sock'));
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const root = process.getuid?.() === 0;
  if (root) execFileSync('mknod', [join(b.inbox, 'null.png'), 'c', '1', '3']);
  await b.start({ max_bytes: 4096 });
  const refused = ['symlink', 'fifo', 'hard_link', 'empty', 'too_large', 'socket', ...(root ? ['device'] : [])];
  const count = (reason: string) => b.around.value('shoal_input_refused_total', { input: 'inbox', reason });
  await until('all are refused', () => refused.every((reason) => count(reason) > 0));
  await until('both links are', () => count('symlink') === 2);
  t.same(b.corridor.names, ['good.png']);
  t.same(b.list(), ['done', 'failed', 'subfolder', 'work']);
  t.ok(lstatSync(join(b.inbox, 'failed', 'passwd.png')).isSymbolicLink(), 'the link itself was moved');
  t.equal(readFileSync(secret, 'utf8'), 'secret');
  t.match(b.reason('passwd.png'), /symbolic link.*To do: {4}Copy the file itself/s);
  t.match(b.reason('pipe.wav'), /named pipe/);
  t.match(b.reason('linked.png'), /another name elsewhere/);
  t.match(b.reason('empty.png'), /zero bytes/);
  t.match(b.reason('huge.png'), /between 1 and 4096 bytes.*max_bytes/s);
  t.equal(count('directory'), 1, 'a subfolder is counted once');
  t.same(readdirSync(join(b.inbox, 'subfolder')), ['inside.png'], 'and left alone');
  if (!root) t.comment('1 skipped: a device can only be made as root');
});

test('what a file is follows from its bytes, and what failed is kept with what the pipelines said', async (t) => {
  const b = bench(t);
  b.put('note.jpg', 'just a text');
  b.put('plan.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>');
  b.put('book.pdf', '%PDF-1.7\n');
  b.put('torn.png', png);
  await b.start();
  await until('all are offered', () => b.corridor.offered.length === 4);
  const kinds = b.corridor.offered.map(({ capture: { header } }) => [header.name, header.kind, header.mediaType]).sort();
  t.same(kinds, [
    ['book.pdf', 'document', 'application/pdf'],
    ['note.jpg', 'text', 'text/plain'],
    ['plan.svg', 'image', 'image/svg+xml'],
    ['torn.png', 'image', 'image/png'],
  ]);
  for (const [index, { capture }] of b.corridor.offered.entries()) {
    const torn = capture.header.name === 'torn.png';
    b.corridor.settle(index, torn ? [{ pipeline: 'signs', outcome: 'failed', reason: 'the image is cut short' }] : []);
  }
  await until('all are closed', () => b.ledger.closed.length === 4);
  t.same(workOf(b.inbox), []);
  t.match(b.reason('note.jpg'), /It is a plain text \(text\/plain\) of 11 bytes/);
  t.match(b.reason('note.jpg'), /none wanted it/);
  t.match(b.reason('plan.svg'), /an SVG drawing/);
  t.match(b.reason('book.pdf'), /a PDF document/);
  t.match(b.reason('torn.png'), /signs: failed, the image is cut short/);
  t.ok(existsSync(join(b.inbox, 'failed', 'torn.png')), 'under its own name');
  t.equal(b.around.value('shoal_input_captures_settled_total', { result: 'failed' }), 4);
});

test('a file that failed before a death is kept in failed/ afterwards, one that did not is gone', async (t) => {
  const b = bench(t);
  for (const name of ['good.png', 'bad.png', 'unwanted.png']) b.put(name);
  const dead = await b.start();
  await until('all are offered', () => b.corridor.offered.length === 3);
  // Committed, but the receipts never settle: as if the daemon died in between.
  for (const { capture } of b.corridor.offered) {
    const { id, name } = capture.header;
    const failed = [{ pipeline: 'signs', outcome: 'failed' as const, reason: 'the engine died, 2 times, running alone' }];
    b.ledger.commit(id, name, { 'good.png': undefined, 'bad.png': failed, 'unwanted.png': [] }[name]);
  }
  await dead.stop();
  await b.start({}, 2);
  await until('all are closed', () => b.ledger.open.size === 0);
  t.equal(b.corridor.offered.length, 3, 'none is offered again');
  t.same(b.list('failed'), ['bad.png', 'bad.png.reason.txt', 'unwanted.png', 'unwanted.png.reason.txt']);
  t.match(b.reason('bad.png'), /signs: failed, the engine died, 2 times/);
  t.same(b.list('work'), []);
});

test('any name a filesystem allows is claimed, shown safely and given back unchanged', async (t) => {
  const b = bench(t);
  const names = [
    Buffer.from('two\nlines\t.png'),
    Buffer.from([0x66, 0xff, 0xfe, 0x80, 0x2e, 0x70, 0x6e, 0x67]),
    Buffer.from('\u202egnp.exe.png'),
    Buffer.from(`-rf ;$(reboot)'"*.png`),
    Buffer.from(`${'ü'.repeat(125)}.jpeg`),
    Buffer.from(`${'x'.repeat(251)}.png`),
    Buffer.from('%41%.png'),
  ];
  for (const name of names) b.put(name);
  await b.start({ done: 'keep' });
  await until('all are offered', () => b.corridor.offered.length === names.length);
  for (const { capture } of b.corridor.offered) {
    t.ok(capture.header.name.length <= 255);
    t.notMatch(capture.header.name, /[\p{Cc}\p{Cf}]/u);
    const path = 'path' in capture.content ? capture.content.path : '';
    t.match(path, /^[\x20-\x7e]+$/, 'an engine can open it');
    t.same(readFileSync(path), png);
  }
  t.ok(b.corridor.names.includes('two\\nlines\\t.png'));
  t.ok(b.corridor.names.includes('\\u{202e}gnp.exe.png'));
  b.corridor.settleAll();
  await until('all are kept', () => b.list('done').length === names.length);
  const kept = readdirSync(join(b.inbox, 'done'), { encoding: 'buffer' }).map((name) => name.toString('hex'));
  for (const name of names)
    if (name.length <= 244) t.ok(kept.includes(name.toString('hex')), `${b.corridor.names.length} names: ${name.toString('latin1')}`);
  t.equal(kept.filter((name) => name.endsWith(Buffer.from('.jpeg').toString('hex'))).length, 1, 'a long name keeps its extension');
});

test('a file is taken when it stands still, and one that is renamed into place at once', async (t) => {
  const b = bench(t);
  await b.start({ settle_ms: 800 });
  b.put('growing.png');
  const started = Date.now();
  while (Date.now() - started < 1600) {
    appendFileSync(join(b.inbox, 'growing.png'), 'more');
    await new Promise((resolve) => setTimeout(resolve, 30));
    if (b.corridor.offered.length > 0) break;
  }
  t.equal(b.corridor.offered.length, 0, 'not while it grows');
  await until('it is offered when it stands still', () => b.corridor.names.includes('growing.png'));
  t.equal(b.corridor.at(0).capture.header.bytes, lstatSync(pathOf(b, 'growing.png')).size);

  const c = bench(t);
  await c.start({ settle_ms: 20_000, rescan_ms: 60_000 });
  writeFileSync(join(c.dir, 'whole.png'), png);
  utimesSync(join(c.dir, 'whole.png'), 1_700_000_000, 1_700_000_000);
  const moved = Date.now();
  renameSync(join(c.dir, 'whole.png'), join(c.inbox, 'whole.png'));
  await until('the old file is offered', () => c.corridor.names.includes('whole.png'), 30_000);
  t.ok(Date.now() - moved < 15_000, `it waited neither to settle nor for a rescan (${Date.now() - moved} ms)`);
});

const pathOf = (b: Bench, name: string): string => {
  const content = b.corridor.offered.find(({ capture }) => capture.header.name === name)?.capture.content;
  return content !== undefined && 'path' in content ? content.path : '';
};

test('a file dated in the future is taken once it stands still, and unfinished names never', async (t) => {
  const b = bench(t);
  b.put('tomorrow.png');
  utimesSync(join(b.inbox, 'tomorrow.png'), Date.now() / 1000 + 86_400, Date.now() / 1000 + 86_400);
  for (const name of ['.hidden.png', 'a.png.part', 'b.tmp', 'c.crdownload']) b.put(name);
  await b.start();
  await until('it is offered', () => b.corridor.offered.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.same(b.corridor.names, ['tomorrow.png']);
});

test('a file written to after its claim is kept, never deleted', async (t) => {
  const b = bench(t);
  b.put('late.png');
  await b.start();
  await until('it is offered', () => b.corridor.offered.length === 1);
  appendFileSync(pathOf(b, 'late.png'), 'more');
  b.corridor.settleAll();
  await until('it is closed', () => b.ledger.closed.length === 1);
  t.match(b.reason('late.png'), /written to after it had been taken/);
  t.equal(lstatSync(join(b.inbox, 'failed', 'late.png')).size, png.length + 4);
});

test('what is given back after a run alone comes back as suspect, and not at all when its file is gone', async (t) => {
  const b = bench(t);
  b.put('a.png');
  await b.start();
  await until('it is offered', () => b.corridor.offered.length === 1);
  const first = b.corridor.at(0);
  t.equal(first.capture.claim?.suspect, false);
  await first.capture.claim?.markSolo();
  first.receipt.settle({ kind: 'returned', reason: 'a mark could not be made' });
  await until('it is offered again', () => b.corridor.offered.length === 2);
  const second = b.corridor.at(1);
  t.equal(second.capture.claim?.suspect, true);
  if ('path' in second.capture.content) rmSync(second.capture.content.path);
  second.receipt.settle({ kind: 'returned', reason: 'a mark could not be made' });
  await until('its claim has ended', () => b.around.value('shoal_input_captures_settled_total', { result: 'gone' }) === 1);
  t.equal(b.corridor.offered.length, 2);
});

test('what was given back is offered again although work/ could not be synced for a while', {
  skip: process.getuid?.() === 0 ? false : '1 skipped: needs root to give up its rights',
}, async (t) => {
  const b = bench(t);
  for (const path of [b.dir, b.inbox]) chmodSync(path, 0o777);
  t.teardown(() => process.seteuid?.(0));
  process.seteuid?.(65534);
  b.put('a.png');
  await b.start();
  await until('it is offered', () => b.corridor.offered.length === 1);
  b.corridor.at(0).receipt.settle({ kind: 'returned', reason: 'no engine' });
  await until('it is given back', () => b.around.value('shoal_input_captures_settled_total', { result: 'returned' }) === 1);
  // Without reading it cannot be opened to be synced; renames in it go on.
  chmodSync(join(b.inbox, 'work'), 0o300);
  await until('health says so', () => b.around.states.get('input:inbox')?.state === 'degraded');
  chmodSync(join(b.inbox, 'work'), 0o700);
  await until('it is offered again', () => b.corridor.offered.length === 2);
});

test('the folder may go and come back while it is watched', async (t) => {
  const b = bench(t);
  b.put('before.png');
  await b.start();
  await until('the first is offered', () => b.corridor.offered.length === 1);
  const { claim } = b.corridor.at(0).capture;
  rmSync(b.inbox, { recursive: true });
  await until('health says so', () => b.around.states.get('input:inbox')?.state === 'degraded');
  t.match(b.around.states.get('input:inbox')?.reason, /the folder is gone/);
  await t.rejects(claim?.markSolo() ?? Promise.resolve(), { code: 'CAPTURE_CHANGED' });
  b.corridor.settleAll();
  await until('the claim of the vanished file is closed', () => b.ledger.closed.length === 1);
  mkdirSync(b.inbox);
  b.put('after.png');
  await until('the new folder is watched', () => b.corridor.names.includes('after.png'));
  t.equal(b.around.states.get('input:inbox')?.state, 'ok');
  rmSync(join(b.inbox, 'failed'), { recursive: true });
  b.corridor.settle(1, [{ pipeline: 'p', outcome: 'failed', reason: 'no' }]);
  await until('a subfolder that went is made again', () => b.list('failed').includes('after.png'));
  const warnings = b.around.lines.filter(({ level }) => level !== 'debug').map(({ message }) => message);
  t.ok(warnings.length <= 4, `trouble is logged on change only: ${warnings.join(' | ')}`);
});

test('a start on a missing folder makes it, and on a file in its place says so and goes on trying', async (t) => {
  const b = bench(t);
  rmSync(b.inbox, { recursive: true });
  const first = await b.start();
  t.same(b.list(), ['done', 'failed', 'work']);
  await first.stop();
  rmSync(b.inbox, { recursive: true });
  writeFileSync(b.inbox, 'a file');
  await b.start();
  t.equal(b.around.states.get('input:inbox')?.state, 'degraded');
  rmSync(b.inbox);
  mkdirSync(b.inbox);
  b.put('now.png');
  await until('it works after all', () => b.corridor.offered.length === 1);
});

test('a link in the place of a subfolder is not written through', async (t) => {
  const b = bench(t);
  const elsewhere = join(b.dir, 'elsewhere');
  mkdirSync(elsewhere);
  symlinkSync(elsewhere, join(b.inbox, 'failed'));
  b.put('empty.png', '');
  await b.start();
  t.match(b.around.states.get('input:inbox')?.reason, /must be a folder of the daemon's own/);
  t.same(readdirSync(elsewhere), []);
  rmSync(join(b.inbox, 'failed'));
  await until('it works without the link', () => b.list('failed').includes('empty.png'));
});

test('done/ and failed/ stay within their bytes and hours, the oldest going first', async (t) => {
  const b = bench(t);
  const kept = 16;
  await b.start({ done: 'keep', keep_bytes: 5000 });
  for (let i = 0; i < kept; i++) {
    b.put(`f${i}.png`, Buffer.concat([png, Buffer.alloc(984)]));
    await until('it is offered', () => b.corridor.offered.length === i + 1);
    b.corridor.settle(i);
    await until('it is closed', () => b.ledger.closed.length === i + 1);
  }
  await until('the rest is deleted', () => b.list('done').length <= 5);
  t.ok(b.list('done').includes(`f${kept - 1}.png`), 'the newest is kept');
  t.notOk(b.list('done').includes('f0.png'));
  const deleted = () => b.around.value('shoal_input_kept_files_deleted_total', { folder: 'done' });
  await until('each deletion is counted', () => deleted() === kept - b.list('done').length);
  const c = bench(t);
  mkdirSync(join(c.inbox, 'failed'));
  writeFileSync(join(c.inbox, 'failed', 'old.png'), png);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await c.start({ keep_hours: 0 });
  await until('what is too old is deleted', () => c.list('failed').length === 0);
});

test('one file above the whole bound pushes out no other, and what failed is told in the log', async (t) => {
  const b = bench(t);
  mkdirSync(join(b.inbox, 'failed'));
  writeFileSync(join(b.inbox, 'failed', 'earlier.png'), png);
  await b.start({ keep_bytes: 5000 });
  b.put('huge.png', Buffer.concat([png, Buffer.alloc(6000)]));
  await until('it is offered', () => b.corridor.offered.length === 1);
  b.corridor.settle(0, [{ pipeline: 'p', outcome: 'failed', reason: 'no' }]);
  await until('it is gone', () => b.ledger.closed.length === 1 && !b.list('failed').includes('huge.png'));
  t.same(b.list('failed').sort(), ['earlier.png', 'huge.png.reason.txt'], 'what was there stays, and the reason too');
  t.equal(b.around.lines.filter(({ message }) => /huge\.png could not be worked on/.test(message)).length, 1);
});

test('files of one name are all kept apart', async (t) => {
  const b = bench(t);
  await b.start();
  for (let i = 0; i < 12; i++) {
    b.put('frame.png', Buffer.concat([png, Buffer.from([i])]));
    await until('it is offered', () => b.corridor.offered.length === i + 1);
    b.corridor.settle(i, [{ pipeline: 'p', outcome: 'failed', reason: 'no' }]);
    await until('it is closed', () => b.ledger.closed.length === i + 1);
  }
  const files = b.list('failed').filter((name) => name.endsWith('.png'));
  const last = files.map((name) => readFileSync(join(b.inbox, 'failed', name)).at(-1));
  t.same(
    last.sort((x, y) => (x ?? 0) - (y ?? 0)),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  );
  t.ok(files.includes('frame-2.png') && files.includes('frame-9.png'));
  t.equal(b.list('failed').length, 24, 'each has its reason');
});

test('hundreds of files in a burst are each seen once, in bounded memory', (t) => burst(t, 500));
