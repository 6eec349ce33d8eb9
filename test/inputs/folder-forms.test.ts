/** What lies in a folder or was brought, as far as the engine opens it: tables, JSON lines and texts, told by their content. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { Capture } from '../../src/core/capture.js';
import { formOf } from '../../src/core/form.js';
import { openContent } from '../../src/engine/content.js';
import { Decoding } from '../../src/engine/decoding.js';
import { HeldCorridor } from '../contracts/input-contract.js';
import { FileLedger } from '../support/file-ledger.js';
import { bench } from '../support/folder-bench.js';
import { httpBench } from '../support/http-bench.js';
import { until } from '../support/until.js';

const rows = (separator: string) =>
  ['time', 'x', 'y', 'state'].join(separator) +
  '\n' +
  Array.from({ length: 50 }, (_, i) => [`2026-11-23T12:00:${String(i).padStart(2, '0')}Z`, i / 10, -i, 'ok'].join(separator)).join('\n');

const files: Readonly<Record<string, string>> = {
  'a.csv': rows(','),
  'b.tsv': rows('\t'),
  'semicolons.txt': rows(';'),
  'c.ndjson': Array.from({ length: 50 }, (_, i) => JSON.stringify({ time: 1_700_000_000 + i, x: i / 10, y: -i })).join('\n'),
  'letter.txt': 'Dear all,\nthe pump at dock 7 is loud again.\n',
  'status.json': '{"pump": {"state": "loud", "since": "noon"}}',
  'short.csv': 'x,y\n1,2\n',
};

/** As the engine does it. */
async function open({ header, content }: Capture) {
  const opened = await openContent(content, header);
  try {
    const { series, text } = await new Decoding(header, opened).decoded();
    return { form: formOf(header.mediaType), series, text };
  } finally {
    await opened.close();
  }
}

async function judge(t: Test, corridor: HeldCorridor): Promise<void> {
  for (const { capture } of corridor.offered) {
    const { name } = capture.header;
    const { form, series, text } = await open(capture);
    const isTable = /^[a-c]\.|^semi|^log/.test(name);
    t.equal(form, isTable ? 'series' : 'text', name);
    if (isTable) t.match(series, { channels: ['x', 'y'], length: 50, rateHz: 1, filled: 0 }, name);
    else t.equal(text, files[name], name);
    if (isTable) t.equal(series?.data[50 + 49], -49, `${name}: the last of the second channel`);
  }
}

test('tables and texts of a folder reach the engine as series and text', async (t) => {
  const b = bench(t);
  for (const [name, content] of Object.entries(files)) b.put(name, content);
  await b.start();
  await until('all are offered', () => b.corridor.offered.length === Object.keys(files).length);
  await judge(t, b.corridor);
});

test('and so do those that are brought', async (t) => {
  const b = await httpBench(t);
  const ledger = new FileLedger(join(b.dir, 'ledger'));
  const corridor = new HeldCorridor(ledger);
  await b.create(ledger).start(corridor.offer);
  for (const [name, content] of Object.entries(files))
    t.equal((await b.post(content, { 'x-shoal-name': name, 'content-type': 'application/octet-stream' })).status, 202);
  await until('all are offered', () => corridor.offered.length === Object.keys(files).length);
  await judge(t, corridor);
});

test('a table that is still written to is not taken, and one whose writer paused too long is kept, not deleted', async (t) => {
  const b = bench(t);
  const [path, table] = [join(b.inbox, 'log.csv'), rows(',')];
  writeFileSync(path, table.slice(0, 300));
  await b.start({ settle_ms: 300, rescan_ms: 100 });
  for (let at = 300; at < table.length; at += 300) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    writeFileSync(path, table.slice(0, at + 300));
    t.equal(b.corridor.offered.length, 0, 'its writer goes on');
  }
  await until('it stood still', () => b.corridor.offered.length === 1);
  await judge(t, b.corridor);
  const where = b.corridor.at(0).capture.content;
  if (!('path' in where)) throw new Error('a file is given by its path');
  writeFileSync(where.path, `${readFileSync(where.path, 'utf8')}\n`, { flag: 'a' });
  b.corridor.settleAll();
  await until('it is kept', () => b.list('failed').includes('log.csv'));
  t.match(b.reason('log.csv'), /written to after it had been taken/);
  renameSync(join(b.inbox, 'failed', 'log.csv'), join(b.inbox, 'again.csv'));
  await until('it can be handed in again', () => b.corridor.offered.length === 2);
});
