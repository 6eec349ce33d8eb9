/**
 * The connection against real brokers, through a proxy that cuts, swallows and refuses. Each fault test first proves that the fault happened.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { ShoalError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { MqttConnection } from '../../src/mqtt/connection.js';
import { mqttOptions } from '../../src/mqtt/options.js';
import type { Pace } from '../../src/mqtt/reconnect.js';
import { createTopics } from '../../src/mqtt/topics.js';
import { freePort, type Mosquitto, skipWithoutMosquitto, startAedes, startMosquitto } from '../support/brokers.js';
import { startProxy } from '../support/proxy.js';
import { startSubscriber } from '../support/subscriber.js';
import { testSurroundings } from '../support/surroundings.js';

const fast: Pace = { firstMs: 40, maxMs: 200, gapMs: 20 };
const statusTopic = createTopics('', 'dock-7').status;
const qos1 = { qos: 1, retain: false } as const;

function connect(t: Test, url: string, more: Record<string, unknown> = {}, pace: Pace = fast) {
  const surroundings = testSurroundings();
  // Tests are faster than the field, and hand over a secret that was fetched.
  const { password, keepalive_s: keepaliveS, ...options } = more;
  const parsed = {
    ...mqttOptions.parse({ url, ...options }),
    ...(typeof keepaliveS === 'number' && { keepalive_s: keepaliveS }),
    ...(password instanceof Secret && { password }),
  };
  const connection = new MqttConnection('lan', parsed, { ...surroundings, deviceId: 'dock-7', statusTopic }, pace);
  t.teardown(() => connection.stop());
  return { connection, ...surroundings };
}

async function until(what: string, holds: () => boolean, ms = 30_000): Promise<number> {
  const startedMs = performance.now();
  while (!holds()) {
    if (performance.now() - startedMs > ms) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(5);
  }
  return performance.now() - startedMs;
}

async function mosquitto(t: Test, options: { persistence?: boolean; lines?: readonly string[] } = {}): Promise<Mosquitto> {
  const broker = await startMosquitto({ dir: mkdtempSync(join(tmpdir(), 'shoal-mosquitto-')), ...options });
  t.teardown(() => broker.stop());
  return broker;
}

async function aedes(t: Test, options: Parameters<typeof startAedes>[0] = {}) {
  const broker = await startAedes(options);
  t.teardown(() => broker.stop());
  return broker;
}

const retried = { code: 'DELIVERY_RETRY' };
const refused = { code: 'DELIVERY_REFUSED' };

test('a broker that refuses MQTT 5 is spoken to in 3.1.1, and remembered', async (t) => {
  const broker = await aedes(t);
  const proxy = await startProxy(broker.port);
  t.teardown(() => proxy.stop());
  const { connection, states } = connect(t, proxy.url);
  await connection.start();
  await until('connected', () => connection.connected);
  t.same(proxy.levels, [5, 4]);
  t.equal(states.get('connection:lan')?.state, 'ok');
  await connection.publish('a/b', Buffer.from('x'), qos1);
  proxy.cut();
  await until('down', () => !connection.connected);
  await until('up again', () => connection.connected);
  t.same(proxy.levels, [5, 4, 4], 'no second try in 5');
});

test('a broker that speaks MQTT 5 gets 5, and its receive maximum is honoured', { skip: skipWithoutMosquitto }, async (t) => {
  const broker = await mosquitto(t, { lines: ['max_inflight_messages 7'] });
  const proxy = await startProxy(broker.port);
  t.teardown(() => proxy.stop());
  const { connection } = connect(t, proxy.url);
  await connection.start();
  await until('connected', () => connection.connected);
  t.same(proxy.levels, [5]);
  t.equal(connection.receiveMaximum, 7);
  let most = 0;
  const all = Array.from({ length: 100 }, (_, i) =>
    connection.publish('a/b', Buffer.from(String(i)), qos1).then(() => {
      most = Math.max(most, proxy.sent.length - proxy.acked.length);
    }),
  );
  await Promise.all(all);
  t.ok(most <= 7, `${most} were in flight at once`);
  t.same(
    proxy.acked.filter((one) => one.topic === 'a/b').map((one) => Number(one.payload.toString())),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

for (const kind of ['aedes', 'mosquitto'] as const) {
  const skip = kind === 'mosquitto' ? skipWithoutMosquitto : false;
  test(`the retained status says online, and offline after a stop and after a loss (${kind})`, { skip }, async (t) => {
    const broker = kind === 'aedes' ? await aedes(t) : await mosquitto(t);
    const proxy = await startProxy(broker.port);
    t.teardown(() => proxy.stop());
    const { connection } = connect(t, proxy.url);
    await connection.start();
    await until('connected', () => connection.connected);
    const status = async () => {
      const subscriber = await startSubscriber({ url: broker.url, topic: statusTopic });
      await subscriber.wait((messages) => messages.length > 0);
      await subscriber.stop();
      const [first] = subscriber.messages;
      t.equal(first?.retain, true);
      return first?.payload.toString();
    };
    await connection.publish('a/b', Buffer.from('x'), qos1);
    t.equal(await status(), 'online');
    await proxy.setMode('refuse');
    await until('down', () => !connection.connected);
    await sleep(50);
    t.equal(await status(), 'offline', 'the will');
    await proxy.setMode('forward');
    await until('up', () => connection.connected);
    await connection.publish('a/b', Buffer.from('x'), qos1);
    t.equal(await status(), 'online');
    await connection.stop();
    t.equal(await status(), 'offline', 'said at the stop');
    t.equal(proxy.sent.at(-1)?.payload.toString(), 'offline');
  });
}

test('a link that swallows everything is given up after the ack timeout', async (t) => {
  const broker = await aedes(t);
  const proxy = await startProxy(broker.port);
  t.teardown(() => proxy.stop());
  const { connection, value } = connect(t, proxy.url, { protocol: '3.1.1', ack_timeout_ms: 300 });
  await connection.start();
  await until('connected', () => connection.connected);
  await connection.publish('a/b', Buffer.from('before'), qos1);
  await proxy.setMode('blackhole');
  const startedMs = performance.now();
  await t.rejects(connection.publish('a/b', Buffer.from('lost'), qos1), retried);
  const tookMs = performance.now() - startedMs;
  t.ok(proxy.swallowedBytes > 0, 'the fault happened');
  t.ok(tookMs >= 295 && tookMs < 5000, `given up after ${tookMs} ms`);
  t.equal(value('shoal_mqtt_publishes_total', { outcome: 'lost' }), 1);
  await proxy.setMode('forward');
  await until('up', () => connection.connected, 3_000);
  await connection.publish('a/b', Buffer.from('after'), qos1);
  t.equal(proxy.acked.at(-1)?.payload.toString(), 'after');
});

test('a link on which acknowledgements keep coming is never given up, however long the queue', async (t) => {
  let turn: Promise<unknown> = Promise.resolve();
  const broker = await aedes(t, {
    authorizePublish: (_client, _packet, done) => {
      turn = turn.then(() => sleep(50)).then(() => done(null));
    },
  });
  const { connection, value } = connect(t, broker.url, { protocol: '3.1.1', ack_timeout_ms: 250 });
  await connection.start();
  await until('connected', () => connection.connected);
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: 12 }, (_, i) => connection.publish('a/b', Buffer.from(String(i)), qos1)));
  t.ok(performance.now() - startedMs > 500, 'longer in all than the ack timeout');
  t.equal(value('shoal_mqtt_publishes_total', { outcome: 'lost' }), 0);
});

test('a broker that is frozen without a word is noticed on an idle link by the keepalive', { skip: skipWithoutMosquitto }, async (t) => {
  const broker = await mosquitto(t);
  const { connection, lines } = connect(t, broker.url, { keepalive_s: 1 });
  await connection.start();
  await until('connected', () => connection.connected);
  await connection.publish('a/b', Buffer.from('x'), qos1);
  broker.pause();
  const tookMs = await until('noticed', () => !connection.connected);
  t.ok(tookMs > 400 && tookMs < 3_000, `${tookMs} ms`);
  t.ok(lines.some((line) => line.level === 'warn' && /Keepalive/i.test(line.message)));
});

test('a broker that accepts TCP but never answers is given up after the connect timeout', async (t) => {
  const silent = net.createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.teardown(() => silent.close());
  let accepted = 0;
  silent.on('connection', () => accepted++);
  const { port } = silent.address() as net.AddressInfo;
  const { connection, states } = connect(t, `mqtt://127.0.0.1:${port}`, { connect_timeout_ms: 500 });
  await connection.start();
  await until('a second try', () => accepted >= 2, 3_000);
  t.match(states.get('connection:lan'), { state: 'degraded', reason: /connack timeout/ });
});

test('a broker that comes later is found; until then every publish is answered at once', async (t) => {
  const port = await freePort();
  const { connection, states, lines } = connect(t, `mqtt://127.0.0.1:${port}`);
  const seen: boolean[] = [];
  connection.watch((up) => seen.push(up));
  const startedMs = performance.now();
  await connection.start();
  t.ok(performance.now() - startedMs < 1000, 'a broker that is away blocks no start');
  await t.rejects(connection.publish('a/b', Buffer.from('x'), qos1), retried);
  await until('says why', () => states.get('connection:lan')?.state === 'degraded');
  t.match(states.get('connection:lan')?.reason, /ECONNREFUSED/);
  await sleep(400);
  t.equal(lines.filter((line) => line.level === 'warn').length, 1, 'repeats are folded');
  await aedes(t, { port });
  await until('connected', () => connection.connected);
  await connection.publish('a/b', Buffer.from('x'), qos1);
  t.same(seen, [false, true]);
});

test('what no broker would take never reaches the wire', async (t) => {
  const broker = await aedes(t);
  const proxy = await startProxy(broker.port);
  t.teardown(() => proxy.stop());
  const { connection, value } = connect(t, proxy.url, { protocol: '3.1.1' });
  await connection.start();
  await until('connected', () => connection.connected);
  const topics = ['a/#', 'a/+/b', 'a/\0', '', '/a', 'a//b', '$SYS/a', 'a/\ud800', 'x'.repeat(65_536), '1/2/3/4/5/6/7/8'];
  for (const topic of topics)
    await t.rejects(connection.publish(topic, Buffer.from('x'), qos1), refused, JSON.stringify(topic.slice(0, 20)));
  await t.rejects(connection.publish('a/b', Buffer.alloc(100 * 1024 + 1), qos1), refused);
  await connection.publish('a/b', Buffer.alloc(100 * 1024), qos1);
  t.same(new Set(proxy.sent.map((one) => one.topic)), new Set([statusTopic, 'a/b']));
  t.equal(proxy.connectedAtMs.length, 1, 'the link lived through all of them');
  t.same(proxy.levels, [4], 'in the version asked for');
  t.equal(value('shoal_mqtt_publishes_total', { outcome: 'refused' }), topics.length + 1);
});

test('a packet above the broker`s maximum is refused before the wire, one byte below it passes', {
  skip: skipWithoutMosquitto,
}, async (t) => {
  const broker = await mosquitto(t, { lines: ['max_packet_size 2000'] });
  const proxy = await startProxy(broker.port);
  t.teardown(() => proxy.stop());
  const { connection } = connect(t, proxy.url);
  await connection.start();
  await until('connected', () => connection.connected);
  const options = { ...qos1, contentType: 'application/json', userProperties: { redelivery: 'true' } };
  // 3 bytes fixed header, 2+3 topic, 2 packet id, 1 property length, 2 payload format, 3+16 content type, 5+10+4 user property
  const room = 2000 - (3 + 5 + 2 + 1 + 2 + 19 + 19);
  await connection.publish('a/b', Buffer.alloc(room, 'x'), options);
  await t.rejects(connection.publish('a/b', Buffer.alloc(room + 1, 'x'), options), { ...refused, message: /2001 bytes/ });
  t.equal(proxy.connectedAtMs.length, 1);
});

test('what the broker`s access rules forbid is refused, and the link lives on', { skip: skipWithoutMosquitto }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-acl-'));
  writeFileSync(join(dir, 'acl'), 'topic write allowed/#\ntopic write shoal/#\n');
  const broker = await mosquitto(t, { lines: [`acl_file ${dir}/acl`] });
  const { connection } = connect(t, broker.url);
  await connection.start();
  await until('connected', () => connection.connected);
  const forbidden = connection.publish('forbidden/a', Buffer.from('x'), qos1);
  const allowed = connection.publish('allowed/a', Buffer.from('x'), qos1);
  await t.rejects(forbidden, { ...refused, message: /access rules/ });
  await allowed;
  t.equal(connection.connected, true);
});

test('a broker that retains nothing is served without retained messages', { skip: skipWithoutMosquitto }, async (t) => {
  const broker = await mosquitto(t, { lines: ['retain_available false'] });
  const proxy = await startProxy(broker.port);
  t.teardown(() => proxy.stop());
  const { connection, value } = connect(t, proxy.url);
  await connection.start();
  await until('connected', () => connection.connected);
  t.equal(value('shoal_mqtt_connects_total', { outcome: 'refused' }), 1, 'the retained will was refused once');
  await connection.publish('a/b', Buffer.from('x'), { qos: 1, retain: true });
  t.match(
    proxy.acked.map(({ topic, reasonCode }) => ({ topic, taken: reasonCode < 0x80 })),
    [
      { topic: statusTopic, taken: true },
      { topic: 'a/b', taken: true },
    ],
  );
});

test('a message alone in flight that the broker answers with a code outside the protocol is refused', {
  skip: skipWithoutMosquitto,
}, async (t) => {
  const broker = await mosquitto(t, { lines: ['message_size_limit 500'] });
  const { connection, lines } = connect(t, broker.url);
  await connection.start();
  await until('connected', () => connection.connected);
  await connection.publish('a/b', Buffer.alloc(500), qos1);
  await t.rejects(connection.publish('a/b', Buffer.alloc(501), qos1), refused);
  await until('down', () => !connection.connected);
  t.ok(lines.some((line) => /Invalid puback reason code/.test(line.message)));
  await until('up', () => connection.connected);
  await connection.publish('a/b', Buffer.alloc(500), qos1);
});

test('a broker killed in the middle of a batch leaves no publish without an answer', { skip: skipWithoutMosquitto }, async (t) => {
  const broker = await mosquitto(t, { persistence: true });
  const { connection } = connect(t, broker.url);
  await connection.start();
  await until('connected', () => connection.connected);
  const outcomes = { ok: 0, lost: 0 };
  const batch = Array.from({ length: 2_000 }, (_, i) =>
    connection.publish('a/b', Buffer.from(String(i)), qos1).then(
      () => {
        if (++outcomes.ok === 100) process.kill(broker.pid ?? 0, 'SIGKILL');
      },
      (error: unknown) => {
        if (error instanceof ShoalError && error.code === 'DELIVERY_RETRY') outcomes.lost++;
      },
    ),
  );
  await Promise.all(batch);
  t.equal(outcomes.ok + outcomes.lost, 2_000);
  t.ok(outcomes.ok >= 100 && outcomes.lost > 0, `the kill hit the batch: ${JSON.stringify(outcomes)}`);
  await broker.kill();
  await broker.start();
  await until('back', () => connection.connected);
  await connection.publish('a/b', Buffer.from('again'), qos1);
});

for (const protocol of ['5', '3.1.1'] as const) {
  test(`another client with our id leads to a long wait and a line that says so (${protocol})`, {
    skip: skipWithoutMosquitto,
  }, async (t) => {
    const broker = await mosquitto(t);
    const first = connect(t, broker.url, { protocol, client_id: 'twin' });
    const second = connect(t, broker.url, { protocol, client_id: 'twin' });
    await first.connection.start();
    await until('connected', () => first.connection.connected);
    await second.connection.start();
    const both = () => [...first.lines, ...second.lines].filter((line) => line.level === 'error');
    await until('said', () => both().length > 0);
    t.match(both()[0]?.message, /another client seems to use the id twin/);
    t.ok(Number(both()[0]?.fields.retry_ms) >= 5_000, 'and waits long');
    await sleep(300);
    t.ok(first.connection.connected !== second.connection.connected, 'one of them is left in peace');
  });
}

test('a wrong password is an error for a human, and no secret is ever logged', { skip: skipWithoutMosquitto }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-passwd-'));
  const made = spawnSync('mosquitto_passwd', ['-b', '-c', join(dir, 'passwd'), 'dock-7', 'right-horse']);
  t.equal(made.status, 0);
  const broker = await mosquitto(t, { lines: ['allow_anonymous false', `password_file ${dir}/passwd`] });
  const wrong = connect(t, broker.url, { username: 'dock-7', password: new Secret({ file: '/x' }).fill('wrong-battery') });
  await wrong.connection.start();
  await until('said', () => wrong.lines.some((line) => line.level === 'error'));
  t.match(wrong.lines.find((line) => line.level === 'error')?.message, /check username, password/);
  const right = connect(t, broker.url, { username: 'dock-7', password: new Secret({ file: '/x' }).fill('right-horse') });
  await right.connection.start();
  await until('connected', () => right.connection.connected);
  await right.connection.publish('a/b', Buffer.from('x'), qos1);
  await right.connection.stop();
  t.notMatch(JSON.stringify([wrong.lines, [...wrong.states], right.lines, [...right.states]]), /wrong-battery|right-horse/);
});

test('stop can be called during a connect, twice, and leaves nothing open', async (t) => {
  const silent = net.createServer((socket) => socket.resume().on('error', () => {}));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as net.AddressInfo;
  const { connection, states } = connect(t, `mqtt://127.0.0.1:${port}`);
  await connection.start();
  await new Promise((resolve) => silent.once('connection', resolve));
  const startedMs = performance.now();
  await Promise.all([connection.stop(), connection.stop()]);
  await connection.stop();
  t.ok(performance.now() - startedMs < 3000);
  t.equal(states.get('connection:lan')?.state, 'down');
  await new Promise<void>((resolve) => silent.close(() => resolve()));
  await t.rejects(connection.publish('a/b', Buffer.from('x'), qos1), retried);
});

test('at most one connect a second is made, however often the link is cut', async (t) => {
  const broker = await aedes(t);
  const proxy = await startProxy(broker.port);
  t.teardown(() => proxy.stop());
  const surroundings = testSurroundings();
  const options = mqttOptions.parse({ url: proxy.url, protocol: '3.1.1' });
  const connection = new MqttConnection('lan', options, { ...surroundings, deviceId: 'dock-7', statusTopic });
  t.teardown(() => connection.stop());
  connection.watch((up) => {
    if (up) setTimeout(() => proxy.cut(), 20);
  });
  await connection.start();
  await until('three connects', () => proxy.connectedAtMs.length >= 3, 30_000);
  const gaps = proxy.connectedAtMs.slice(1).map((at, i) => at - (proxy.connectedAtMs[i] ?? 0));
  t.ok(
    gaps.every((gap) => gap >= 900),
    `gaps ${gaps.map(Math.round)}`,
  );
});
