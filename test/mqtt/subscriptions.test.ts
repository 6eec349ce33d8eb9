/**
 * Listening on a connection, against real brokers: who gets what, how often, and what is refused.
 */
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import mqtt from 'mqtt';
import { type Test, test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { explainFilter, filterCovers, filtersMeet, filterTakes, ownFilters } from '../../src/core/topic-filter.js';
import { MqttConnection } from '../../src/mqtt/connection.js';
import { mqttOptions } from '../../src/mqtt/options.js';
import { skipWithoutMosquitto, startAedes, startMosquitto } from '../support/brokers.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

class Listener {
  readonly heard: string[] = [];
  readonly answers = new Map<string, string | null>();

  message(topic: string, payload: Buffer, retain: boolean): void | Promise<void> {
    this.heard.push(`${topic}=${payload.toString()}${retain ? ' (kept)' : ''}`);
  }

  subscribed(filter: string, problem: string | null): void {
    this.answers.set(filter, problem);
  }
}

function connect(t: Test, url: string, protocol: '5' | '3.1.1' = '5') {
  const around = testSurroundings();
  const context = { ...around, deviceId: 'dock-7', statusTopic: 'shoal/dock-7/status' };
  const connection = new MqttConnection('lan', mqttOptions.parse({ url, protocol }), context, { firstMs: 40, maxMs: 200, gapMs: 20 });
  t.teardown(() => connection.stop());
  const listen = async (...filters: string[]) => {
    const listener = new Listener();
    const end = connection.subscribe(filters, 1, listener);
    if (connection.connected) await until('answered', () => listener.answers.size === filters.length);
    return Object.assign(listener, { end });
  };
  return { connection, listen, ...around };
}

async function speaker(t: Test, url: string) {
  const client = await mqtt.connectAsync(url, { protocolVersion: 4 });
  t.teardown(() => client.endAsync(true));
  return (topic: string, text: string, retain = false) => client.publishAsync(topic, text, { qos: 1, retain });
}

test('filters', (t) => {
  for (const good of ['a', '#', '+', 'a/+/b', 'a/#', '/', '$SYS/#']) t.equal(explainFilter(good), null, good);
  for (const bad of ['', 'a#', 'a/#/b', 'a+/b', '$share/g/a', 'a\u0000', 'x'.repeat(70_000)]) t.type(explainFilter(bad), 'string');
  t.ok(filterTakes('a/#', 'a') && filterTakes('+/b', 'a/b') && filterTakes('a//+', 'a//b'));
  t.notOk(filterTakes('a/+', 'a') || filterTakes('#', '$SYS/x') || filterTakes('a', 'a/b'));
  t.ok(ownFilters('d').every((own, i) => filterTakes(own, `${'p/'.repeat(i)}shoal/d/result/x/y`)));
  t.end();
});

test('property: covering and meeting are what taking says', (t) => {
  const level = fc.constantFrom('a', 'b', '+');
  const filter = fc
    .tuple(fc.array(level, { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([levels, all]) => [...levels, ...(all ? ['#'] : [])].join('/'));
  const words = ['a', 'b', 'c'];
  const topics = words.flatMap((x) => [
    x,
    ...words.flatMap((y) => [`${x}/${y}`, ...words.flatMap((z) => [`${x}/${y}/${z}`, `${x}/${y}/${z}/c`])]),
  ]);
  fc.assert(
    fc.property(filter, filter, (a, b) => {
      const [as, bs] = [a, b].map((each) => topics.filter((topic) => filterTakes(each, topic))) as [string[], string[]];
      t.equal(
        filterCovers(a, b),
        bs.every((topic) => as.includes(topic)),
        `${a} covers ${b}`,
      );
      t.equal(
        filtersMeet(a, b),
        bs.some((topic) => as.includes(topic)),
        `${a} meets ${b}`,
      );
    }),
    { numRuns: 300 },
  );
  t.end();
});

for (const protocol of ['5', '3.1.1'] as const) {
  test(`each gets each message once, and again on the next link (${protocol})`, { skip: skipWithoutMosquitto }, async (t) => {
    const broker = await startMosquitto({ dir: mkdtempSync(join(tmpdir(), 'shoal-mosquitto-')) });
    t.teardown(() => broker.stop());
    const { connection, listen, value } = connect(t, broker.url, protocol);
    const early = await listen('s/+/t', 's/1/t');
    await connection.start();
    await until('connected', () => early.answers.size === 2);
    const wide = await listen('s/#', 'other');
    const within = await listen('s/1/t');
    const crossing = await listen('s/1/+', 's/+/t');
    const [left, right] = [await listen('x/+/c'), await listen('x/b/+')];
    let say = await speaker(t, broker.url);
    await say('s/1/t', 'one');
    await say('s/2/u', 'two');
    await say('x/b/c', 'three');
    await say('shoal/dock-7/result/p/i', 'own');
    await say('other', 'end');
    await until('the last is there', () => wide.heard.includes('other=end'));
    t.same(wide.heard, ['s/1/t=one', 's/2/u=two', 'other=end']);
    for (const each of [early, within, crossing]) t.same(each.heard, ['s/1/t=one']);
    // 3.1.1 cannot tell the copies of filters that cross.
    for (const each of [left, right]) t.equal(each.heard.length >= 1 && (protocol === '5' ? each.heard.length === 1 : true), true);
    if (protocol === '5') t.equal(value('shoal_mqtt_received_left_out_total', { reason: 'copy' }), 1, 'the broker did send a copy');
    wide.end();
    await broker.kill();
    await until('away', () => !connection.connected);
    await broker.start();
    for (const each of [early, within]) each.answers.clear();
    await until('back', () => connection.connected && early.answers.size === 2 && within.answers.size === 1);
    say = await speaker(t, broker.url);
    await say('s/2/u', 'nobody');
    await say('s/1/t', 'again');
    await until('heard again', () => within.heard.length === 2 && early.heard.length === 2);
    t.equal(wide.heard.length, 3, 'who ended it hears no more');
  });
}

test('what this device says never comes back; what was kept is marked; what is too large is left out', {
  skip: skipWithoutMosquitto,
}, async (t) => {
  const broker = await startMosquitto({ dir: mkdtempSync(join(tmpdir(), 'shoal-mosquitto-')) });
  t.teardown(() => broker.stop());
  const say = await speaker(t, broker.url);
  await say('a/kept', 'old', true);
  const { connection, listen, value } = connect(t, broker.url, '3.1.1');
  await connection.start();
  await until('connected', () => connection.connected);
  const all = await listen('#');
  await say('p/shoal/dock-7/result/p/i', 'own');
  await say('p/shoal/dock-8/result/p/i', 'of another');
  await say('big', 'x'.repeat(limits.mqttInboundBytesMax + 1));
  await say('end', '.');
  await until('the end', () => all.heard.includes('end=.'));
  t.same(all.heard, ['a/kept=old (kept)', 'p/shoal/dock-8/result/p/i=of another', 'end=.']);
  t.ok(value('shoal_mqtt_received_left_out_total', { reason: 'own' }) >= 1);
  t.equal(value('shoal_mqtt_received_left_out_total', { reason: 'too_large' }), 1);
});

test('a refused filter is told with advice, and takes nothing from what lies within it', async (t) => {
  const broker = await startAedes({
    authorizeSubscribe: (_client, subscription, done) => done(null, subscription.topic === '#' ? null : subscription),
  });
  t.teardown(() => broker.stop());
  const { connection, listen } = connect(t, broker.url, '3.1.1');
  const [wide, narrow] = [await listen('#'), await listen('a/b')];
  await connection.start();
  await until('both answered', () => wide.answers.size === 1 && narrow.answers.size === 1);
  t.match(wide.answers.get('#'), /refused by the broker \(code 0x80\).*access rules/);
  t.equal(narrow.answers.get('a/b'), null);
  const say = await speaker(t, broker.url);
  await say('a/b', 'x');
  await until('heard', () => narrow.heard.length === 1);
});

test('a held acknowledgement is given in its order, and holds the broker back', { skip: skipWithoutMosquitto }, async (t) => {
  const broker = await startMosquitto({ dir: mkdtempSync(join(tmpdir(), 'shoal-mosquitto-')), lines: ['max_inflight_messages 5'] });
  t.teardown(() => broker.stop());
  // In 5 it would be our own receive maximum that holds it.
  const { connection } = connect(t, broker.url, '3.1.1');
  await connection.start();
  await until('connected', () => connection.connected);
  const letGo: (() => void)[] = [];
  let ready = false;
  connection.subscribe(['q'], 1, {
    message: () => new Promise<void>((resolve) => letGo.push(resolve)),
    subscribed: () => {
      ready = true;
    },
  });
  await until('subscribed', () => ready);
  const say = await speaker(t, broker.url);
  for (let i = 0; i < 12; i++) await say('q', `${i}`);
  await until('five are here', () => letGo.length === 5);
  letGo[1]?.();
  await connection.publish('unrelated', Buffer.from('x'), { qos: 1, retain: false });
  t.equal(letGo.length, 5, 'the second is done, the first is not: no room at the broker');
  letGo[0]?.();
  await until('more came', () => letGo.length > 5);
  for (let i = 0; i < 12; i++) {
    await until('the next', () => letGo.length > i);
    letGo[i]?.();
  }
});

test('access rules of MQTT 5 refuse with their own code', {
  skip: skipWithoutMosquitto || (existsSync(dynamicSecurity()) ? false : 'no dynamic security plugin'),
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-mosquitto-'));
  const file = join(dir, 'dynamic-security.json');
  const { writeFileSync } = await import('node:fs');
  writeFileSync(
    file,
    JSON.stringify({
      defaultACLAccess: { publishClientSend: true, publishClientReceive: true, subscribe: false, unsubscribe: true },
      clients: [],
      groups: [],
      roles: [],
    }),
  );
  const broker = await startMosquitto({ dir, lines: [`plugin ${dynamicSecurity()}`, `plugin_opt_config_file ${file}`] });
  t.teardown(() => broker.stop());
  const { connection, listen } = connect(t, broker.url);
  await connection.start();
  await until('connected', () => connection.connected);
  const listener = await listen('a/b');
  t.match(listener.answers.get('a/b'), /code 0x87\): the access rules do not let this user read it/);
});

function dynamicSecurity(): string {
  const places = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((arch) => `/usr/lib/${arch}/mosquitto_dynamic_security.so`);
  return places.find((place) => existsSync(place)) ?? '';
}
