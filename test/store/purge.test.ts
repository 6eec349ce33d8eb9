/** Purges of the store: what goes, what stays, and that no byte of it is left in the file. */
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'tap';
import { resultId } from '../../src/core/id.js';
import { settled } from '../support/settled.js';
import { setUp } from '../support/store-bench.js';

function bytesHold(path: string, words: string): boolean {
  return [path, `${path}-wal`].some((file) => existsSync(file) && readFileSync(file).includes(words));
}

test('a purge takes the results of one input that are older, and not a byte of them is left', async (t) => {
  const { open, clock, path, around } = setUp(t, { ack_interval_ms: 0 });
  const { store } = await open();
  const commit = (id: string, sinks: string[], input: string) =>
    store.commit(settled(id, sinks, { input, captureName: `canary-${id}`, payload: Buffer.from(`secret-${id}`.repeat(40)) }));
  await Promise.all(Array.from({ length: 60 }, (_, i) => commit(`old${i}`, [], 'cam')));
  await commit('owed', ['lan'], 'cam');
  await commit('other', [], 'door');
  await store.commit({
    ...settled('sick', [], { input: 'cam' }),
    input: 'cam',
    quarantine: { captureId: 'sick', input: 'cam', name: 'canary-sick', reason: 'crashed' },
  });
  clock.advance(60_000);
  const beforeMs = clock.wall;
  await commit('young', [], 'cam');
  t.ok(bytesHold(path, 'secret-old7'), 'control: it is in the file');

  const request = { input: 'cam', beforeMs, owed: false, dryRun: true };
  const counted = { results: 61, events: 0, left_owed: 1, given_up: 0, quarantine: 1 };
  t.same(await store.purge(request), counted, 'a dry run counts');
  t.equal((await store.results({ input: 'cam', limit: 100 })).length, 63, 'and does nothing');
  t.same(await store.purge({ ...request, dryRun: false }), counted);
  t.same(
    (await store.results({ input: 'cam', limit: 100 })).map(({ captureId }) => captureId),
    ['young', 'owed'],
  );
  t.equal((await store.results({ input: 'door', limit: 100 })).length, 1);
  t.same(await store.quarantined(), []);
  t.not(await store.explain(resultId('owed', 'signs')), null);
  for (const words of ['secret-old', 'canary-old', 'canary-sick']) t.notOk(bytesHold(path, words), `${words} is gone from file and log`);
  t.ok(bytesHold(path, 'secret-other') && bytesHold(path, 'secret-young'), 'control: what stays is still found so');

  t.match(await store.purge({ ...request, owed: true, dryRun: false }), { results: 1, left_owed: 0, given_up: 1 });
  t.same(await store.owed('lan', 0, 10), []);
  t.same(await store.backlog(), { lan: { owed: 0, dead: 0 } });
  t.equal(around.value('shoal_store_dropped_total', { reason: 'purge', sink: 'lan' }), 1, 'what was owed is counted');
  t.notOk(bytesHold(path, 'secret-owed'));
  await store.acknowledge('lan', [61]);
});
