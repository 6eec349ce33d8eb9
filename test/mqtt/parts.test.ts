/**
 * The pure parts of the room, and TLS against a real broker.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'tap';
import { AckWindow } from '../../src/mqtt/ack-window.js';
import { mqttConnection } from '../../src/mqtt/connection.js';
import type { Ending } from '../../src/mqtt/link.js';
import { mqttOptions } from '../../src/mqtt/options.js';
import { ProtocolChoice, Reconnect } from '../../src/mqtt/reconnect.js';
import { createTopics, explainTopic } from '../../src/mqtt/topics.js';
import { freePort, skipWithoutMosquitto, startMosquitto } from '../support/brokers.js';
import { startSubscriber } from '../support/subscriber.js';
import { testSurroundings } from '../support/surroundings.js';

const ending: Ending = { accepted: true, reached: true, byPeer: false, proven: false, code: null, reason: 'test' };

test('topics are built as the wire contract says, and every one of them may be published to', (t) => {
  const topics = createTopics('acme/plant3', 'dock-7');
  const all = [
    topics.status,
    topics.info,
    topics.models,
    topics.health,
    topics.result('signs', 'inbox'),
    topics.backlog('signs', 'inbox'),
    topics.inputStatus('inbox'),
  ];
  t.same(
    all,
    ['status', 'info', 'models', 'health', 'result/signs/inbox', 'backlog/signs/inbox', 'input/inbox/status'].map(
      (end) => `acme/plant3/shoal/dock-7/${end}`,
    ),
  );
  t.same(
    all.map(explainTopic),
    all.map(() => null),
  );
  t.equal(createTopics('', 'd').status, 'shoal/d/status');
  for (const id of ['a/b', '+', '#', '', 'x'.repeat(65), 'é']) {
    t.throws(() => topics.result(id, 'inbox'), { code: 'CONFIG_INVALID' }, id);
    t.throws(() => topics.backlog('signs', id), { code: 'CONFIG_INVALID' }, id);
    t.throws(() => createTopics('', id), { code: 'CONFIG_INVALID' }, id);
  }
  t.throws(() => createTopics('a/b/c', 'd'), { code: 'CONFIG_INVALID' });
  t.end();
});

test('options name what is wrong with them', (t) => {
  const problems = (options: unknown) =>
    mqttOptions.safeParse(options).error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  t.equal(problems({ url: 'mqtt://broker.lan' }), undefined);
  t.equal(problems({ url: 'mqtts://[::1]:8883', ca_file: '/a', cert_file: '/b', key_file: '/c' }), undefined);
  t.equal(problems({ url: 'embedded:18830' }), undefined);
  t.match(problems({ url: 'http://broker.lan' }), ['url: must begin with mqtt://']);
  t.match(problems({ url: 'broker.lan' }), ['url: must look like mqtt://host:1883']);
  t.match(problems({ url: 'mqtt://me:secret@broker.lan' }), ['url: must hold no credentials']);
  t.match(problems({ url: 'mqtt://broker.lan/path' }), ['url: must end after the port']);
  t.match(problems({ url: 'embedded:99999' }), ['url: the port must be 0 .. 65535']);
  t.match(problems({ url: 'mqtt://broker.lan', ca_file: '/a' }), ['ca_file: is of use only with']);
  t.match(problems({ url: 'mqtts://broker.lan', cert_file: '/a' }), ['key_file: cert_file and key_file go together']);
  t.match(problems({ url: 'mqtt://broker.lan', password: { credential: 'p' } }), ['username: a password needs a username']);
  t.match(problems({ url: 'mqtt://broker.lan', keepalive: 5 }), [/Unrecognized key/]);
  t.end();
});

test('a refusal of MQTT 5 is remembered, a mere close is only a doubt', (t) => {
  const refused = { ...ending, accepted: false, code: 0x84 };
  const closed = { ...ending, accepted: false };
  const choice = new ProtocolChoice('auto');
  const tried = [closed, ending, closed, closed, refused, ending, ending].map((one) => {
    const protocol = choice.next;
    choice.learn(protocol, one);
    return protocol;
  });
  t.same(tried, [5, 4, 5, 4, 5, 4, 4]);
  const away = new ProtocolChoice('auto');
  away.learn(5, { ...closed, reached: false });
  t.equal(away.next, 5, 'no broker at all says nothing about versions');
  t.equal(new ProtocolChoice('3.1.1').next, 4);
  t.end();
});

test('waits grow while links are worthless and start again after one that was not', (t) => {
  const reconnect = new Reconnect({ firstMs: 1000, maxMs: 30_000, gapMs: 1000 });
  const dead = { ...ending, accepted: false, reached: false };
  const waits = Array.from({ length: 8 }, () => reconnect.after(dead, 0, 10).waitMs);
  t.ok(
    waits.every(
      (wait, i) => wait >= Math.max(990, Math.min(15_000, 500 * 2 ** i)) && wait <= Math.max(1000, Math.min(30_000, 1000 * 2 ** i)),
    ),
    `${waits}`,
  );
  const after = reconnect.after({ ...ending, proven: true }, 0, 5_000);
  t.ok(after.waitMs >= 500 && after.waitMs <= 1000, `${after.waitMs}`);
  t.end();
});

test('a takeover is told by its code, or by three silent closes in a row', (t) => {
  const pace = { firstMs: 1000, maxMs: 30_000, gapMs: 1000 };
  const told = new Reconnect(pace).after({ ...ending, code: 0x8e }, 0, 5_000);
  t.ok(told.takenOver && told.waitMs >= 5_000);
  const silent = { ...ending, byPeer: true, proven: true };
  const guessing = new Reconnect(pace);
  t.same(
    [1, 2, 3].map(() => guessing.after(silent, 0, 1_000).takenOver),
    [false, false, true],
  );
  const steady = new Reconnect(pace);
  t.same(
    [1, 2, 3, 4].map(() => steady.after(silent, 0, 60_000).takenOver),
    [false, false, false, false],
    'a broker that restarts now and then is no other client',
  );
  t.end();
});

test('the window sends in order, never too many, and answers everything at its end', async (t) => {
  const { clock } = testSurroundings();
  let stalls = 0;
  const window = new AckWindow(2, 100, clock, () => stalls++);
  const sent: { n: number; settle: (error: unknown) => void }[] = [];
  const answers: string[] = [];
  const push = (n: number) =>
    window
      .push((settle) => sent.push({ n, settle }))
      .then(
        () => answers.push(`${n} ok`),
        (error: Error) => answers.push(`${n} ${error.message}`),
      );
  const all = [1, 2, 3, 4, 5].map(push);
  t.same(
    sent.map((one) => one.n),
    [1, 2],
  );
  sent[1]?.settle(null);
  sent[0]?.settle(new Error('no'));
  sent[0]?.settle(null);
  await sleep(1);
  t.same(
    sent.map((one) => one.n),
    [1, 2, 3, 4],
  );
  await sleep(150);
  t.equal(stalls, 1, 'the oldest waited too long');
  window.end(new Error('over'));
  await Promise.all(all);
  t.same(answers.sort(), ['1 no', '2 ok', '3 over', '4 over', '5 over']);
  await t.rejects(
    window.push(() => t.fail('sent after the end')),
    { code: 'DELIVERY_RETRY' },
  );
});

/** An authority, and a certificate for localhost signed by it. */
function certificates(dir: string): { ca: string; cert: string; key: string } {
  const ssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  ssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test authority');
  ssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  writeFileSync(join(dir, 'san'), 'subjectAltName=DNS:localhost');
  ssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'server.pem',
    '-days',
    '2',
    '-extfile',
    'san',
  );
  return { ca: join(dir, 'ca.pem'), cert: join(dir, 'server.pem'), key: join(dir, 'server.key') };
}

test('over TLS a broker is believed only with the right authority, read anew for each connect', {
  skip: skipWithoutMosquitto,
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-tls-'));
  const right = certificates(dir);
  const wrong = certificates(mkdtempSync(join(tmpdir(), 'shoal-tls-')));
  const port = await freePort();
  const tls = [
    `listener ${port} 127.0.0.1`,
    `certfile ${right.cert}`,
    `keyfile ${right.key}`,
    `cafile ${right.ca}`,
    'require_certificate true',
  ];
  const broker = await startMosquitto({ dir, lines: tls });
  t.teardown(() => broker.stop());
  const authority = join(dir, 'trusted.pem');
  copyFileSync(wrong.ca, authority);
  const surroundings = testSurroundings();
  const options = mqttOptions.parse({ url: `mqtts://localhost:${port}`, ca_file: authority, cert_file: right.cert, key_file: right.key });
  const connection = mqttConnection.create('lan', options, { ...surroundings, deviceId: 'dock-7', statusTopic: 'shoal/dock-7/status' });
  t.teardown(() => connection.stop());
  await connection.start();
  const reason = () => surroundings.states.get('connection:lan')?.reason ?? '';
  while (!/certificate/.test(reason())) await sleep(5);
  t.equal(connection.connected, false);
  copyFileSync(right.ca, authority);
  while (!connection.connected) await sleep(5);
  await connection.publish('a/b', Buffer.from('x'), { qos: 1, retain: false });
  await connection.stop();
});

test('a certificate file that cannot be read is named', async (t) => {
  const surroundings = testSurroundings();
  const options = mqttOptions.parse({ url: 'mqtts://localhost:1', ca_file: '/no/such/ca.pem' });
  const connection = mqttConnection.create('lan', options, { ...surroundings, deviceId: 'dock-7', statusTopic: 'shoal/dock-7/status' });
  t.teardown(() => connection.stop());
  await connection.start();
  while (surroundings.states.get('connection:lan')?.state !== 'degraded') await sleep(5);
  t.match(surroundings.states.get('connection:lan')?.reason, /cannot read \/no\/such\/ca\.pem/);
});

test('the embedded broker starts and stops with its connection, on loopback only', async (t) => {
  const context = { ...testSurroundings(), deviceId: 'dock-7', statusTopic: 'shoal/dock-7/status' };
  const connection = mqttConnection.create('local', mqttOptions.parse({ url: 'embedded:' }), context);
  t.teardown(() => connection.stop());
  await connection.start();
  while (!connection.connected) await sleep(5);
  t.match(connection.address, /^mqtt:\/\/127\.0\.0\.1:\d+$/);
  const subscriber = await startSubscriber({ url: connection.address, topic: '#' });
  await connection.publish('a/b', Buffer.from('hello'), { qos: 1, retain: false });
  await subscriber.wait((messages) => messages.some((message) => message.payload.toString() === 'hello'));
  await subscriber.stop();
  await connection.stop();
  const socket = net.connect(Number(new URL(connection.address).port), '127.0.0.1');
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
  t.equal(error.code, 'ECONNREFUSED');
});
