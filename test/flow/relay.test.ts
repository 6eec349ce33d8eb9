import { type Test, test } from 'tap';
import { resultId } from '../../src/core/id.js';
import { limits } from '../../src/core/limits.js';
import type { Settled } from '../../src/core/settled.js';
import { Attempts } from '../../src/flow/attempts.js';
import { Relay, type RelayOptions } from '../../src/flow/relay.js';
import { storeOptions } from '../../src/store/options.js';
import { SqliteStore } from '../../src/store/store.js';
import { ScriptedSink } from '../support/scripted-sink.js';
import { ManualClock, record, settled } from '../support/settled.js';
import { testSurroundings } from '../support/surroundings.js';

async function setUp(t: Test, options: RelayOptions = {}) {
  const clock = new ManualClock();
  const around = testSurroundings(clock);
  const store = new SqliteStore(
    `${t.testdir()}/shoal.db`,
    storeOptions.parse({ commit_interval_ms: 0, ack_interval_ms: 5 }),
    around,
    (error) => t.fail(error),
  );
  await store.start(['lan']);
  const sink = new ScriptedSink();
  const relay = new Relay('lan', sink, store, around, { retry: { firstMs: 4, maxMs: 20 }, ...options });
  t.teardown(async () => {
    await relay.stop();
    await store.stop();
  });
  const owe = async (from: number, count: number) => {
    const results: Settled['results'][number][] = [];
    for (let i = from; i < from + count; i++) results.push({ record: record(`c${i}`, 'signs'), sinks: ['lan'] });
    await store.commit({ captureId: `batch-${from}`, input: 'inbox', replayable: false, results });
  };
  /** Until nothing is owed and every payment is in the store. */
  const paid = async () => {
    for (let tries = 0; ((await store.backlog()).lan?.owed ?? 0) > 0; tries++) {
      if (tries > 12_000) throw new Error(`still owed: ${JSON.stringify(await store.backlog())}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return { clock, around, store, sink, relay, owe, paid };
}

/** The sequences in the order in which each was first handed over and acknowledged. */
function firsts(seqs: readonly number[]): number[] {
  return [...new Set(seqs)];
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

test('what is owed is paid in order, within the window, once', async (t) => {
  const { relay, sink, owe, paid, around } = await setUp(t);
  sink.latencyMs = 1;
  await owe(0, 300);
  relay.start();
  await owe(300, 20);
  await paid();
  t.same(
    sink.wire.map((delivery) => delivery.seq),
    upTo(320),
  );
  t.equal(sink.mostInFlight, 8);
  t.notOk(sink.wire.some((delivery) => delivery.redelivery));
  t.equal(around.value('shoal_deliveries_total', { sink: 'lan', result: 'delivered' }), 320);
});

test('a delivery is marked only after the acknowledgement; marked at the hand-over it would be lost', async (t) => {
  for (const [markDelivered, owed] of [
    ['after-acknowledgement', 3],
    ['at-hand-over', 0],
  ] as const) {
    const { relay, sink, owe, store } = await setUp(t, { markDelivered });
    sink.verdict = () => 'hold';
    await owe(0, 3);
    relay.start();
    while (sink.wire.length < 3) await new Promise((resolve) => setTimeout(resolve, 2));
    await new Promise((resolve) => setTimeout(resolve, 40));
    t.same(await store.backlog(), { lan: { owed, dead: 0 } }, markDelivered);
    sink.setReady(false);
    await relay.stop();
  }
});

test('after a lost connection everything unacknowledged is sent again, in order and said to be', async (t) => {
  const { relay, sink, owe, paid } = await setUp(t);
  sink.verdict = (_, handOver) => (handOver % 25 === 20 ? 'lose' : 'ack');
  await owe(0, 200);
  relay.start();
  await paid();
  t.ok(sink.losses >= 8, `${sink.losses} connections were lost`);
  t.same(firsts(sink.acked), upTo(200), 'first deliveries keep the order');
  const seen = new Set<number>();
  for (const delivery of sink.wire) {
    if (seen.has(delivery.seq) !== delivery.redelivery) t.fail(`${delivery.seq} says ${delivery.redelivery}`);
    seen.add(delivery.seq);
  }
});

test('a poisonous delivery is buried after its tries, the others are delivered in order', async (t) => {
  const { relay, sink, owe, paid, store, around } = await setUp(t);
  const poison = new Set([4, 5, 17]);
  sink.verdict = (delivery) => (poison.has(delivery.seq) ? 'lose' : 'ack');
  await owe(0, 40);
  relay.start();
  await paid();
  t.same(
    firsts(sink.acked).sort((a, b) => a - b),
    upTo(40).filter((seq) => !poison.has(seq)),
  );
  t.same(await store.backlog(), { lan: { owed: 0, dead: 3 } });
  t.match((await store.explain(resultId('c3', 'signs')))?.deliveries, [{ state: 'dead', reason: /connection was lost 4 times/ }]);
  for (const seq of poison) t.ok(sink.wire.filter((delivery) => delivery.seq === seq).length <= 24, 'in few tries');
  t.equal(around.value('shoal_deliveries_total', { result: 'dead' }), 3);
  t.equal(around.lines.filter((line) => line.level === 'error').length, 1, 'repeats are folded');
});

test('a sick sink condemns nothing, however often it loses the connection', async (t) => {
  const { relay, sink, owe, paid, store } = await setUp(t);
  sink.verdict = (_, handOver) => (handOver <= 40 ? 'lose' : 'ack');
  await owe(0, 20);
  relay.start();
  await paid();
  t.ok(sink.losses > 4 * limits.deliveryTriesAloneMax, `${sink.losses} losses`);
  t.same(await store.backlog(), { lan: { owed: 0, dead: 0 } });
  t.same(
    firsts(sink.acked).sort((a, b) => a - b),
    upTo(20),
  );
});

test('attempts condemn only after another was acknowledged, and pass over a suspect meanwhile', async (t) => {
  const attempts = new Attempts();
  for (let i = 0; i < 10; i++) t.notOk(attempts.failed(1, true, true), 'nothing else to compare with');
  t.ok(attempts.alone);
  t.ok(attempts.passOver(1));
  t.notOk(attempts.passOver(2));
  attempts.failed(2, true, true);
  t.notOk(attempts.passOver(1), 'the suspect has its turn again');
  t.equal(attempts.nextSuspect, null);
  attempts.failed(1, true, true);
  attempts.acknowledged(2);
  t.equal(attempts.nextSuspect, 1);
  t.ok(attempts.failed(1, true, true), 'condemned');
  t.notOk(attempts.alone);
  for (let i = 0; i < 10; i++) t.notOk(attempts.failed(7, false, true), 'a late answer on a standing connection is no evidence');
});

test('a refused delivery is buried at once with its reason and holds nobody up', async (t) => {
  const { relay, sink, owe, paid, store } = await setUp(t);
  sink.verdict = (delivery) => (delivery.seq === 3 ? 'refuse' : 'ack');
  await owe(0, 10);
  relay.start();
  await paid();
  t.same(
    sink.wire.map((delivery) => delivery.seq),
    upTo(10),
  );
  t.match((await store.explain(resultId('c2', 'signs')))?.deliveries, [{ state: 'dead', reason: 'scripted: refuse' }]);
});

test('a rejection on a standing connection is tried again alone, and nothing is buried', async (t) => {
  const { relay, sink, owe, paid, store, around } = await setUp(t);
  let left = 12;
  sink.verdict = (delivery) => (delivery.seq === 2 && left-- > 0 ? 'retry' : 'ack');
  await owe(0, 30);
  relay.start();
  await paid();
  t.same(await store.backlog(), { lan: { owed: 0, dead: 0 } });
  t.equal(around.value('shoal_deliveries_total', { result: 'retried' }), 12);
  const second = sink.acked.indexOf(2);
  t.ok(second - 1 < sink.window, `${second - 1} that were in flight with it overtook it`);
});

test('fresh results go before the backlog, which keeps its own order and lane', async (t) => {
  const { relay, sink, owe, paid, clock, store, around } = await setUp(t);
  sink.setReady(false);
  relay.start();
  await owe(0, 2000);
  clock.advance(60_000);
  sink.latencyMs = 1;
  sink.setReady(true);
  while (sink.acked.length < 100) await new Promise((resolve) => setTimeout(resolve, 2));
  await store.commit(settled('fresh-1', ['lan']));
  // From when they can be read: how long the disk takes says nothing about the order.
  const sentBefore = sink.wire.length;
  await store.commit(settled('fresh-2', ['lan']));
  await paid();
  const live = sink.wire.filter((delivery) => delivery.lane === 'live').map((delivery) => delivery.seq);
  t.same(live, [2001, 2002]);
  const position = sink.wire.findIndex((delivery) => delivery.seq === 2001);
  t.ok(position - sentBefore < 600, `after ${position - sentBefore} of the 1,900 that were waiting`);
  t.same(
    sink.wire.filter((delivery) => delivery.lane === 'backlog').map((delivery) => delivery.seq),
    upTo(2000),
  );
  t.equal(around.states.get('sink:lan')?.state, 'ok');
});

test('an absent sink is degraded with what is owed to it, and a stop ends in time', async (t) => {
  const { relay, sink, owe, around, store } = await setUp(t);
  await owe(0, 5);
  sink.setReady(false);
  relay.start();
  for (let tries = 0; tries < 6000 && around.states.get('sink:lan') === undefined; tries++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  t.match(around.states.get('sink:lan'), { state: 'degraded', reason: /^away since 2026-01-01T00:00:00.000Z, 5 owed$/ });
  await relay.stop();
  await relay.stop();
  t.same(sink.wire, []);
  t.same(await store.backlog(), { lan: { owed: 5, dead: 0 } });
});
