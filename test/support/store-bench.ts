/** A store on a real disk with a clock that the test moves. */
import type { Test } from 'tap';
import type { ShoalError } from '../../src/core/errors.js';
import { limits } from '../../src/core/limits.js';
import { storeOptions } from '../../src/store/options.js';
import { SqliteStore } from '../../src/store/store.js';
import { ManualClock, record } from './settled.js';
import { testSurroundings } from './surroundings.js';

export function setUp(t: Test, options: Record<string, unknown> = {}, path = `${t.testdir()}/shoal.db`) {
  const clock = new ManualClock();
  const around = testSurroundings(clock);
  const losses: ShoalError[] = [];
  const make = () => new SqliteStore(path, storeOptions.parse(options), around, (error) => losses.push(error));
  const open = async (sinks: readonly string[] = ['lan']) => {
    const store = make();
    const { boot } = await store.start(sinks);
    t.teardown(() => store.stop());
    return { store, boot };
  };
  return { path, clock, around, losses, open };
}

export function seqs(deliveries: readonly { seq: number }[]): number[] {
  return deliveries.map((delivery) => delivery.seq);
}

/** Commits so many, reads them in pages and acknowledges them, with memory watched. */
export async function payBacklog(t: Test, total: number): Promise<void> {
  const { open } = setUp(t, { fresh_ms: 100 });
  const { store } = await open();
  const template = record('c', 'signs', { payload: Buffer.alloc(300, 0x20) });
  for (let batch = 0; batch < total / 1000; batch++) {
    const results = Array.from({ length: 1000 }, (_, i) => ({ record: { ...template, id: `${batch}-${i}` }, sinks: ['lan'] }));
    await store.commit({ captureId: `b${batch}`, input: 'inbox', replayable: false, results });
  }
  t.same(await store.backlog(), { lan: { owed: total, dead: 0 } });
  const rssBefore = process.memoryUsage.rss();
  let after = 0;
  let count = 0;
  let inOrder = true;
  const acks: Promise<void>[] = [];
  for (;;) {
    const page = await store.owed('lan', after, 1000);
    if (page.length === 0) break;
    if (page.length > limits.relayBatch) t.fail('a page is bounded');
    for (const delivery of page) {
      inOrder &&= delivery.seq === after + 1;
      after = delivery.seq;
    }
    count += page.length;
    acks.push(store.acknowledge('lan', seqs(page)));
  }
  await Promise.all(acks);
  t.equal(count, total);
  t.ok(inOrder, 'in commit order');
  t.same(await store.backlog(), { lan: { owed: 0, dead: 0 } });
  const grown = (process.memoryUsage.rss() - rssBefore) / 1024 / 1024;
  t.ok(grown < 60, `grew by ${grown.toFixed(0)} MB`);
}
