/** A burst of files into a folder input, with its memory watched. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { folderOptions } from '../../src/inputs/folder/options.js';
import { folderInput } from '../../src/inputs/folder.js';
import { bench, nextSeq, remaining, workOf } from './folder-bench.js';
import { noConnection } from './surroundings.js';
import { until } from './until.js';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Bytes still in use after a collection. */
function retained(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** So many files at once; each must be seen once, and memory must not grow with them. */
export async function burst(t: Test, total: number): Promise<void> {
  const b = bench(t);
  const seen = new Map<string, number>();
  let inFlight = 0;
  let most = 0;
  const options = folderOptions.parse({ path: b.inbox, settle_ms: 10, rescan_ms: 1000 });
  const input = folderInput.create('inbox', options, {
    ...b.around,
    boot: 1,
    ledger: { settled: async () => new Map(), close: async () => undefined },
    nextSeq,
    connection: noConnection,
  });
  await input.start(async (capture, receipt) => {
    seen.set(capture.header.name, (seen.get(capture.header.name) ?? 0) + 1);
    most = Math.max(most, ++inFlight);
    setImmediate(() => {
      inFlight--;
      receipt.settle({ kind: 'stored', outcomes: [{ pipeline: 'p', outcome: 'published' }] });
    });
  });
  const started = performance.now();
  for (let i = 0; i < total; i++) b.put(`burst-${i}.png`);
  const written = performance.now();
  await until('half of them are taken', () => seen.size >= total / 2, 60_000);
  const early = retained();
  await until('all are gone', () => seen.size === total && remaining(b.inbox).length === 0 && workOf(b.inbox).length === 0, 60_000);
  const growth = retained() - early;
  await input.stop();
  t.equal(seen.size, total);
  t.ok([...seen.values()].every((times) => times === 1));
  t.ok(most <= limits.claimsPerInputMax, `at most ${most} in flight`);
  // The test itself keeps the names; code that warms up takes some as well.
  t.ok(growth < 2.5e6 + 300 * total, `what is kept grew by ${(growth / 1e6).toFixed(2)} MB over the second half`);
  t.comment(
    `${total} files written in ${(written - started).toFixed(0)} ms, taken and gone ${(performance.now() - written).toFixed(0)} ms later`,
  );
}
