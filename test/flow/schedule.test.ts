import { test } from 'tap';
import type { Capture } from '../../src/core/capture.js';
import { Receipt, type Settlement } from '../../src/core/receipt.js';
import { waitingRules } from '../../src/core/waiting.js';
import { engineOptions } from '../../src/engine/options.js';
import { EnginePool } from '../../src/engine/pool.js';
import { Payments } from '../../src/flow/payments.js';
import { Reporter } from '../../src/flow/report.js';
import { Schedule } from '../../src/flow/schedule.js';
import { compileWorthTelling } from '../../src/flow/worth-telling.js';
import { storeOptions } from '../../src/store/options.js';
import { SqliteStore } from '../../src/store/store.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

test('a stop does not wait for a store that takes nothing: the capture goes back at once, unacknowledged', async (t) => {
  const around = testSurroundings();
  const store = new SqliteStore(`${t.testdir()}/shoal.db`, storeOptions.parse({}), around, () => {});
  await store.start([]);
  await store.stop();
  const engines = new EnginePool({ options: engineOptions.parse({}), pipelines: [], models: [], surroundings: around });
  const reporter = new Reporter({ device: 'd', configHash: 'h', worthTelling: await compileWorthTelling([], () => {}) });
  const schedule = new Schedule({
    ...around,
    pipelines: [],
    engines,
    store,
    reporter,
    waiting: () => waitingRules('block', {}),
    pressure: () => ({ steps: 0, reason: null }),
  });
  schedule.start();
  const header = { id: 'c1', input: 'inbox', name: 'a.png', kind: 'image', mediaType: 'image/png', bytes: 1 } as const;
  const capture: Capture = {
    header: { ...header, capturedAt: '2026-01-01T00:00:00.000Z', clockSynced: true, boot: 1, seq: 1 },
    content: { bytes: Buffer.of(0) },
    claim: { suspect: false, exhausted: null, markSolo: async () => {}, markCrash: async () => 0 },
  };
  const settlements: Settlement[] = [];
  const offered = schedule.offer(capture, new Receipt((settlement) => settlements.push(settlement)));
  // By then the waits between two tries are longer than what is asked below.
  await until('it was tried five times', () => around.lines.filter(({ message }) => /could not be committed/.test(message)).length >= 5);
  t.same(settlements, [], 'nothing is acknowledged');
  const began = performance.now();
  schedule.stop();
  await offered;
  await schedule.drained();
  t.ok(performance.now() - began < 500, 'at once');
  t.match(settlements, [{ kind: 'returned' }]);
});

test('payments are closed at once although the store takes none', async (t) => {
  const store = new SqliteStore(`${t.testdir()}/shoal.db`, storeOptions.parse({}), testSurroundings(), () => {});
  await store.start([]);
  await store.stop();
  const payments = new Payments(store, 'lan', () => t.fail('nothing can have been paid'));
  payments.add(1);
  // Its unreferenced wait alone would let the process end.
  const awake = setInterval(() => {}, 1000);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const began = performance.now();
  await payments.close();
  clearInterval(awake);
  t.ok(performance.now() - began < 100, 'at once');
  t.equal(payments.unpaid, 1, 'and it is still owed');
});
