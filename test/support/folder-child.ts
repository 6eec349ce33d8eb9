/**
 * A process with a folder input and a ledger on disk, to be killed: `node folder-child.js DIR LEDGER [VARIANT]`.
 *
 * Variants break one promise each, to show that the judge sees it: `forgets` closes an id before its file is gone,
 * `unlinks-early` deletes the file before the commit. `dies-at=N` kills the process after the Nth commit, before the receipt.
 * `tells` prints what the input logs.
 */
import { rmSync } from 'node:fs';
import { folderOptions } from '../../src/inputs/folder/options.js';
import { folderInput } from '../../src/inputs/folder.js';
import { FileLedger } from './file-ledger.js';
import { noConnection, testSurroundings } from './surroundings.js';

const [path = '', ledgerPath = '', ...variants] = process.argv.slice(2);
const ledger = new FileLedger(ledgerPath);
const diesAt = Number(variants.find((variant) => variant.startsWith('dies-at='))?.slice(8) ?? Number.POSITIVE_INFINITY);
const around = testSurroundings();
let seq = 0;
let commits = 0;

const input = folderInput.create('inbox', folderOptions.parse({ path, settle_ms: 10, rescan_ms: 200 }), {
  ...around,
  boot: Number(process.env.BOOT ?? 1),
  ledger,
  connection: noConnection,
  nextSeq: () => ++seq,
});

await input.start(async (capture, receipt) => {
  const { id, name } = capture.header;
  if (variants.includes('unlinks-early') && 'path' in capture.content) rmSync(capture.content.path);
  setTimeout(async () => {
    if (Math.random() < 0.3 && !variants.includes('unlinks-early')) await capture.claim?.markSolo();
    ledger.commit(id, name);
    if (variants.includes('forgets')) await ledger.close([id]);
    if (++commits >= diesAt) process.kill(process.pid, 'SIGKILL');
    receipt.settle({ kind: 'stored', outcomes: [{ pipeline: 'p', outcome: name.includes('bad') ? 'failed' : 'published' }] });
  }, Math.random() * 10);
});
process.stdout.write('ready\n');
if (variants.includes('tells'))
  setInterval(
    () =>
      process.stdout.write(
        around.lines
          .splice(0)
          .map(({ message }) => `${message}\n`)
          .join(''),
      ),
    20,
  );
// The input's own timers do not keep a process alive.
setInterval(() => undefined, 1000);
