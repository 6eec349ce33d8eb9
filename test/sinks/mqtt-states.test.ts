/**
 * Retained states and messages of events at a real broker: who gets which, on which topic, and what is left when there is none any more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Test, test } from 'tap';
import type { StateFeed, StateMessage } from '../../src/core/watch.js';
import { MqttConnection } from '../../src/mqtt/connection.js';
import { mqttOptions } from '../../src/mqtt/options.js';
import { createTopics } from '../../src/mqtt/topics.js';
import { mqttSink, mqttSinkOptions } from '../../src/sinks/mqtt.js';
import { startAedes } from '../support/brokers.js';
import { deliveriesOf, relayAll } from '../support/mqtt-relay.js';
import { startProxy } from '../support/proxy.js';
import { startSubscriber } from '../support/subscriber.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

class Feed implements StateFeed {
  readonly now = new Map<string, StateMessage>();
  readonly #watchers = new Set<(messages: readonly StateMessage[]) => void>();

  all(): readonly StateMessage[] {
    return [...this.now.values()];
  }

  watch(onChange: (messages: readonly StateMessage[]) => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  put(pipeline: string, text: string, sinks: readonly string[] | null = ['lan']): void {
    const message = { pipeline, input: 'cam', sinks, payload: Buffer.from(text) };
    this.now.set(pipeline, message);
    for (const watcher of this.#watchers) watcher([message]);
  }
}

async function start(t: Test) {
  const broker = await startAedes();
  const proxy = await startProxy(broker.port);
  const around = testSurroundings();
  const options = mqttOptions.parse({ url: proxy.url, protocol: '3.1.1', ack_timeout_ms: 500 });
  const statusTopic = createTopics('', 'dock-7').status;
  const connection = new MqttConnection(
    'lan',
    options,
    { ...around, deviceId: 'dock-7', statusTopic },
    { firstMs: 10, maxMs: 40, gapMs: 5 },
  );
  const latest = new Feed();
  const device = { id: 'dock-7', name: 'Dock 7', site: '' };
  const more = { device, connection: () => connection, info: () => ({}), models: () => ({}), vitals: () => ({}), latest };
  const sink = mqttSink.create('lan', mqttSinkOptions.parse({ connection: 'lan' }), { ...around, ...more });
  const subscriber = await startSubscriber({ url: broker.url, topic: 'shoal/#' });
  t.teardown(async () => {
    await subscriber.stop();
    await sink.stop();
    await connection.stop();
    await proxy.stop();
    await broker.stop();
  });
  /** What somebody who comes only now finds. */
  const found = async () => {
    const late = await startSubscriber({ url: broker.url, topic: 'shoal/dock-7/#' });
    await late.wait((messages) => messages.some(({ topic }) => topic.endsWith('/status')));
    await sleep(50);
    await late.stop();
    return Object.fromEntries(
      late.on(/\/state\//).map(({ topic, payload, retain }) => [topic.slice(19), `${payload.toString()} ${retain}`]),
    );
  };
  return { connection, sink, latest, subscriber, proxy, found, around };
}

test('states are said on the connect and on change, to the sinks that are named, and an empty one takes it back', async (t) => {
  const { connection, sink, latest, subscriber, found } = await start(t);
  latest.put('doors', 'first');
  latest.put('gone', '', null);
  latest.put('secret', 'for another', ['disk']);
  await sink.start();
  await connection.start();
  await subscriber.wait((messages) => messages.some(({ topic }) => topic.endsWith('state/doors/cam')));
  t.same(await found(), { 'doors/cam': 'first true' });
  latest.put('doors', 'second');
  await subscriber.wait((messages) => messages.some(({ payload }) => payload.toString() === 'second'));
  t.same(await found(), { 'doors/cam': 'second true' });
  latest.put('doors', '', null);
  await subscriber.wait((messages) => messages.filter(({ topic }) => topic.endsWith('state/doors/cam')).length >= 3);
  t.same(await found(), {});
  t.equal(subscriber.on(/secret/).length, 0);
});

test('of many changes at once the first and the last are said, and what a lost link swallowed at the next', async (t) => {
  const { connection, sink, latest, subscriber, proxy, found, around } = await start(t);
  await sink.start();
  await connection.start();
  await until('it is connected', () => sink.ready);
  const said = () => subscriber.on(/state\/doors/).map(({ payload }) => payload.toString());
  for (let i = 0; i < 200; i++) latest.put('doors', `state ${i}`);
  await until('the last has arrived', () => said().includes('state 199'));
  t.same(said(), ['state 0', 'state 199']);
  proxy.cut();
  await until('it noticed', () => !sink.ready);
  latest.put('doors', 'while away');
  await until('it was said when the link came back', () => said().includes('while away'));
  t.same(await found(), { 'doors/cam': 'while away true' });
  t.same(
    around.lines.filter(({ level }) => level === 'error'),
    [],
  );
});

test('messages of events have their own topic, not retained, and the backlog when they are late', async (t) => {
  const { connection, sink, subscriber } = await start(t);
  await sink.start();
  await connection.start();
  const [first] = deliveriesOf(1, 10, 'doors', 'cam');
  if (first === undefined) throw new Error('there is one');
  await relayAll(sink, [
    { ...first, kind: 'event' },
    { ...first, kind: 'event', lane: 'backlog', resultId: 'late' },
  ]);
  await subscriber.wait((messages) => messages.filter(({ topic }) => /doors/.test(topic)).length >= 2);
  t.match(subscriber.on(/doors/), [
    { topic: 'shoal/dock-7/event/doors/cam', qos: 1, retain: false },
    { topic: 'shoal/dock-7/backlog/doors/cam', qos: 1, retain: false },
  ]);
});
