/**
 * The MQTT sink on a real connection to real brokers, driven by a tiny relay: what arrives, where, with which bytes, in which order.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Test, test } from 'tap';
import type { Delivery } from '../../src/core/contracts.js';
import { MqttConnection } from '../../src/mqtt/connection.js';
import { mqttOptions } from '../../src/mqtt/options.js';
import { createTopics } from '../../src/mqtt/topics.js';
import { mqttSink, mqttSinkOptions } from '../../src/sinks/mqtt.js';
import { judge } from '../e2e/judge.js';
import { skipWithoutMosquitto, startAedes, startMosquitto } from '../support/brokers.js';
import { deliveriesOf, relayAll } from '../support/mqtt-relay.js';
import { startProxy } from '../support/proxy.js';
import { startSubscriber } from '../support/subscriber.js';
import { testSurroundings } from '../support/surroundings.js';

const prefix = 'acme/plant3';
const device = { id: 'dock-7', name: 'Dock 7', site: 'plant-3' };

async function corridor(t: Test, url: string, more: { protocol?: '3.1.1' | '5'; window?: number; keepalive_s?: number } = {}) {
  const surroundings = testSurroundings();
  const { protocol = '3.1.1', keepalive_s = 30, ...rest } = more;
  const options = mqttOptions.parse({ url, protocol, keepalive_s, ack_timeout_ms: 500 });
  const context = { ...surroundings, deviceId: device.id, statusTopic: createTopics(prefix, device.id).status };
  const connection = new MqttConnection('lan', options, context, { firstMs: 10, maxMs: 40, gapMs: 5 });
  const sink = mqttSink.create('lan', mqttSinkOptions.parse({ connection: 'lan', topic_prefix: prefix, ...rest }), {
    ...surroundings,
    device,
    connection: () => connection,
    info: () => ({ version: '0.1.0', config_hash: 'abc' }),
    models: () => ({ schema: 'shoal/models/1', models: [] }),
    vitals: () => ({ queue: 3 }),
    latest: { all: () => [], watch: () => () => {} },
  });
  await connection.start();
  await sink.start();
  t.teardown(async () => {
    await sink.stop();
    await connection.stop();
  });
  return { connection, sink, ...surroundings };
}

test('a subscriber gets the stored bytes on the topic of the lane, and a redelivery is said beside them', {
  skip: skipWithoutMosquitto,
}, async (t) => {
  const broker = await startMosquitto({ dir: mkdtempSync(join(tmpdir(), 'shoal-sink-')) });
  t.teardown(() => broker.stop());
  const subscriber = await startSubscriber({ url: broker.url, protocol: 5, topic: `${prefix}/shoal/#` });
  t.teardown(() => subscriber.stop());
  const { sink } = await corridor(t, broker.url, { protocol: '5' });
  const [live] = deliveriesOf(1) as [Delivery];
  await relayAll(sink, [live, { ...live, resultId: 'late', lane: 'backlog' }]);
  await sink.deliver({ ...live, redelivery: true });
  await subscriber.wait((messages) => messages.length >= 6);
  const base = 'acme/plant3/shoal/dock-7';
  t.same(
    subscriber.messages.map((message) => message.topic),
    [
      `${base}/status`,
      `${base}/info`,
      `${base}/models`,
      `${base}/result/signs/inbox`,
      `${base}/backlog/signs/inbox`,
      `${base}/result/signs/inbox`,
    ],
  );
  const results = subscriber.messages.slice(3);
  for (const message of results) {
    t.ok(message.payload.equals(live.payload), 'the very bytes');
    t.match(message, { qos: 1, retain: false, contentType: 'application/json' });
  }
  t.same(
    results.map((message) => message.userProperties.redelivery),
    [undefined, undefined, 'true'],
  );
  t.equal(subscriber.messages[1]?.payload.toString(), '{"version":"0.1.0","config_hash":"abc"}');
  t.equal(subscriber.messages[2]?.payload.toString(), '{"schema":"shoal/models/1","models":[]}');
});

test('info and models are retained, health is not and comes each minute without an acknowledgement', async (t) => {
  const broker = await startAedes();
  t.teardown(() => broker.stop());
  const proxy = await startProxy(broker.port);
  t.teardown(() => proxy.stop());
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const { sink } = await corridor(t, proxy.url, { keepalive_s: 1160 });
  await relayAll(sink, deliveriesOf(1));
  mock.timers.tick(60_000);
  await relayAll(sink, deliveriesOf(1));
  t.match(
    proxy.sent.map(({ topic, qos, retain }) => ({ topic: topic.split('/').slice(4).join('/'), qos, retain })),
    [
      { topic: 'status', qos: 1, retain: true },
      { topic: 'info', qos: 1, retain: true },
      { topic: 'models', qos: 1, retain: true },
      { topic: 'result/signs/inbox', qos: 1, retain: false },
      { topic: 'health', qos: 0, retain: false },
      { topic: 'result/signs/inbox', qos: 1, retain: false },
    ],
  );
});

test('the window is the smaller of ours and the broker`s, and ready follows the connection', { skip: skipWithoutMosquitto }, async (t) => {
  const broker = await startMosquitto({ dir: mkdtempSync(join(tmpdir(), 'shoal-sink-')), lines: ['max_inflight_messages 5'] });
  t.teardown(() => broker.stop());
  const { sink } = await corridor(t, broker.url, { protocol: '5', window: 9 });
  const seen: boolean[] = [];
  sink.watch((ready) => seen.push(ready));
  t.equal(sink.window, 9, 'ours, before the broker has spoken');
  await relayAll(sink, deliveriesOf(1));
  t.equal(sink.window, 5);
  await sink.stop();
  t.same(seen, [false, true, false]);
  const [one] = deliveriesOf(1) as [Delivery];
  await t.rejects(sink.deliver(one), { code: 'DELIVERY_RETRY' });
});

test('a prefix that would make topics of eight levels, or a wildcard, is no option', (t) => {
  for (const topic_prefix of ['a/b/c', '#', 'a/+', '/a', 'a/', 'a b']) {
    t.equal(mqttSinkOptions.safeParse({ connection: 'lan', topic_prefix }).success, false, topic_prefix);
  }
  t.ok(mqttSinkOptions.safeParse({ connection: 'lan' }).success);
  t.end();
});

test('a link that is cut, swallowed or refused 60 times loses nothing, changes no byte and keeps the order', async (t) => {
  const broker = await startAedes();
  t.teardown(() => broker.stop());
  const proxy = await startProxy(broker.port);
  t.teardown(() => proxy.stop());
  const subscriber = await startSubscriber({ url: broker.url, topic: `${prefix}/shoal/+/result/#` });
  t.teardown(() => subscriber.stop());
  const { sink, lines } = await corridor(t, proxy.url);
  const deliveries = deliveriesOf(4_000);
  let done = false;
  let flaps = 0;
  const flap = async () => {
    while (flaps < 60 && !done) {
      await sleep(20 + 20 * Math.random());
      if (proxy.open === 0) continue;
      if (flaps % 20 === 19) {
        await proxy.setMode('blackhole');
        await sleep(60);
        proxy.cut();
        await proxy.setMode('forward');
      } else if (flaps % 20 === 9) {
        await proxy.setMode('refuse');
        await sleep(40);
        await proxy.setMode('forward');
      } else if (proxy.cut() === 0) continue;
      flaps++;
    }
  };
  const flapping = flap();
  const relayed = await relayAll(sink, deliveries, throttled());
  done = true;
  await flapping;
  t.ok(flaps >= 50, `${flaps} flaps`);
  t.ok(relayed.sent > deliveries.length, `${relayed.sent - deliveries.length} redeliveries: the flaps hit deliveries in flight`);
  t.equal(relayed.refused.size, 0);
  await subscriber.wait((messages) => new Set(messages.map((message) => message.payload.toString())).size === deliveries.length);
  const verdict = judge({
    expected: deliveries.map(({ resultId }) => resultId),
    commitOrder: deliveries.map(({ resultId }) => resultId),
    acked: proxy.acked,
    received: subscriber.messages,
    brokerDurable: true,
  });
  t.same(verdict.violations, []);
  t.comment(`${flaps} flaps, ${proxy.connectedAtMs.length} connects, ${verdict.duplicates} duplicates of ${deliveries.length}`);
  t.ok(lines.filter((line) => line.level !== 'debug').length <= 10, 'and the log stays short');
});

test('control: a relay that takes a result for delivered once it is sent is convicted by the judge', async (t) => {
  const broker = await startAedes();
  t.teardown(() => broker.stop());
  const proxy = await startProxy(broker.port);
  t.teardown(() => proxy.stop());
  const { sink } = await corridor(t, proxy.url);
  const deliveries = deliveriesOf(200);
  await relayAll(sink, deliveries.slice(0, 20));
  const careless = deliveries.slice(20).map(async (delivery, i) => {
    if (i === 90) proxy.cut();
    await sink.deliver(delivery).catch(() => {});
  });
  await Promise.all(careless);
  const ids = deliveries.map(({ resultId }) => resultId);
  const verdict = judge({ expected: ids, commitOrder: ids, acked: proxy.acked, received: [] });
  t.match(verdict.violations[0], /^missing: /);
});

test('a broker killed three times in the middle of deliveries gets them all again, in order', { skip: skipWithoutMosquitto }, async (t) => {
  const broker = await startMosquitto({ dir: mkdtempSync(join(tmpdir(), 'shoal-sink-')), persistence: true });
  t.teardown(() => broker.stop());
  const proxy = await startProxy(broker.port);
  t.teardown(() => proxy.stop());
  const subscriber = await startSubscriber({ url: broker.url, protocol: 5, topic: `${prefix}/shoal/+/result/#` });
  t.teardown(() => subscriber.stop());
  const { sink } = await corridor(t, proxy.url, { protocol: '5' });
  const deliveries = deliveriesOf(600);
  let kills = 0;
  const killer = (async () => {
    for (const after of [100, 250, 400]) {
      while (proxy.acked.length < after) await sleep(1);
      process.kill(broker.pid ?? 0, 'SIGKILL');
      kills++;
      await broker.kill();
      await broker.start();
    }
  })();
  const relayed = await relayAll(sink, deliveries);
  await killer;
  t.equal(kills, 3);
  t.ok(relayed.sent > deliveries.length, 'the kills hit deliveries in flight');
  const ids = deliveries.map(({ resultId }) => resultId);
  const verdict = judge({ expected: ids, commitOrder: ids, acked: proxy.acked, received: subscriber.messages });
  t.same(verdict.violations, []);
});

/** A few in each millisecond, so that the work lasts as long as the faults. */
function throttled(): () => Promise<void> {
  let sent = 0;
  return () => (++sent % 4 === 0 ? sleep(1) : Promise.resolve());
}
