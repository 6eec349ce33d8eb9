/**
 * The MQTT input on a real Mosquitto that is killed and comes back.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { type Test, test } from 'tap';
import type { InputContext } from '../../src/core/contracts.js';
import { limits } from '../../src/core/limits.js';
import { decodeSeries } from '../../src/core/series.js';
import { mqttInputOptions } from '../../src/inputs/mqtt/options.js';
import { mqttInput } from '../../src/inputs/mqtt.js';
import { MqttConnection } from '../../src/mqtt/connection.js';
import { mqttOptions } from '../../src/mqtt/options.js';
import { liveContext, liveInputContract, TakingCorridor } from '../contracts/live-input-contract.js';
import { type Mosquitto, skipWithoutMosquitto, startAedes, startMosquitto } from '../support/brokers.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

async function mosquitto(t: Test): Promise<Mosquitto> {
  const broker = await startMosquitto({ dir: mkdtempSync(join(tmpdir(), 'shoal-mosquitto-')) });
  t.teardown(() => broker.stop());
  return broker;
}

let clients = 0;

/** Each a client of its own: two of one id would throw each other out. */
async function connectionTo(t: Test, url: string) {
  const around = testSurroundings();
  const context = { ...around, deviceId: 'dock-7', statusTopic: 'shoal/dock-7/status' };
  const connection = new MqttConnection('lan', mqttOptions.parse({ url, client_id: `test-${++clients}` }), context, {
    firstMs: 40,
    maxMs: 200,
    gapMs: 20,
  });
  t.teardown(() => connection.stop());
  await connection.start();
  return connection;
}

/** An input that listens, its corridor, and a voice. */
async function listening(t: Test, url: string, more: Record<string, unknown>) {
  const around = testSurroundings();
  const connection = await connectionTo(t, url);
  const corridor = new TakingCorridor();
  const context: InputContext = liveContext(`${t.testdir({})}/ledger`, around, { connection: () => connection });
  const input = mqttInput.create('live', mqttInputOptions.parse({ connection: 'lan', ...more }), context);
  t.teardown(() => input.stop());
  await input.start(corridor.offer);
  const voice = await mqtt.connectAsync(url, { protocolVersion: 4 });
  t.teardown(() => voice.endAsync(true));
  const say = (topic: string, payload: string | Buffer, retain = false) => voice.publishAsync(topic, payload, { qos: 1, retain });
  const series = () =>
    corridor.taken.map(({ capture: { content, header } }) => {
      if (!('bytes' in content)) throw new Error('no bytes');
      return { ...decodeSeries(content.bytes), source: header.source, retained: header.retained, capturedAt: header.capturedAt };
    });
  const skipped = (reason: string) => around.value('shoal_input_skipped_total', { reason });
  return { ...around, corridor, say, series, skipped, health: () => around.states.get('input:live'), connection };
}

const isOk = (health: () => { state: string } | undefined) => until('it listens', () => health()?.state === 'ok');

test('the contract of a live input, with the broker killed and back', { skip: skipWithoutMosquitto }, (t) => {
  let current: MqttConnection | undefined;
  const connection = () => {
    if (current === undefined) throw new Error('no rig');
    return current;
  };
  liveInputContract(
    t,
    async (t) => {
      const broker = await mosquitto(t);
      current = await connectionTo(t, broker.url);
      const voice = await mqtt.connectAsync(broker.url, { protocolVersion: 4, reconnectPeriod: 50 });
      t.teardown(() => voice.endAsync(true));
      let spoken = 0;
      return {
        create: (context) => mqttInput.create('live', mqttInputOptions.parse({ connection: 'lan', topics: ['pump/+'] }), context),
        unplug: () => broker.kill(),
        plug: () => broker.start(),
        speak: async () => {
          if (voice.connected) voice.publish('pump/1', JSON.stringify({ x: spoken++ }));
        },
        away: /the connection lan is away/,
      };
    },
    { connection },
  );
  t.end();
});

test('windows of each topic of a wildcard; kept messages are left out; what cannot be read is counted and said once', {
  skip: skipWithoutMosquitto,
}, async (t) => {
  const broker = await mosquitto(t);
  const early = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
  await early.publishAsync('pump/1/accel', '{"x":99,"y":99}', { qos: 1, retain: true });
  await early.endAsync(true);
  const { say, series, skipped, lines, health } = await listening(t, broker.url, {
    topics: ['pump/+/accel'],
    fields: ['x', 'y'],
    window: { samples: 3 },
  });
  await isOk(health);
  for (let i = 0; i < 3; i++) {
    await say('pump/1/accel', `{"x":${i},"y":${-i}}`);
    await say('pump/2/accel', `{"x":${i + 10},"y":0}`);
    await say('pump/1/other', `{"x":77,"y":77}`);
  }
  await until('two windows', () => series().length === 2);
  t.match(series(), [
    { source: 'pump/1/accel', channels: ['x', 'y'], length: 3, rateHz: null },
    { source: 'pump/2/accel', channels: ['x', 'y'] },
  ]);
  t.same(
    series().map(({ data }) => [...data]),
    [
      [0, 1, 2, 0, -1, -2],
      [10, 11, 12, 0, 0, 0],
    ],
  );
  t.equal(skipped('retained'), 1);
  for (let i = 0; i < limits.unreadInARowMax; i++) await say('pump/1/accel', 'not json');
  await say('pump/3/accel', '');
  await until('it says that it understands nothing', () => health()?.state === 'down' && skipped('empty') === 1);
  t.match(health()?.reason, /no message can be read \(no_json\)/);
  t.equal(skipped('no_json'), limits.unreadInARowMax);
  const said = lines.filter(({ message }) => message.startsWith('a message could not be read'));
  t.equal(said.length, 1, 'folded');
  t.match(said[0], { message: /expected JSON/, fields: { topic: 'pump/1/accel', begins: 'not json', bytes: 8 } });
  await say('pump/1/accel', '{"x":1,"y":2}');
  await until('well again', () => health()?.state === 'ok');
});

test('by the time of the device: gaps, late ones and duplicates', { skip: skipWithoutMosquitto }, async (t) => {
  const broker = await mosquitto(t);
  const options = { topics: ['s'], fields: ['v'], time: 'ts', window: { length_ms: 100 }, rate_hz: 100 };
  const { say, series, skipped, health } = await listening(t, broker.url, options);
  await isOk(health);
  const start = 1_700_000_000_000;
  for (const ms of [0, 10, 20, 20, 15, 30, 40, 50, 60, 70, 80, 90, 500, 510]) await say('s', JSON.stringify({ ts: start + ms, v: ms }));
  await until('one window', () => series().length === 1 && skipped('gap') === 1);
  t.match(series()[0], { length: 10, rateHz: 100, startMs: start, capturedAt: new Date(start + 90).toISOString(), filled: 0 });
  t.same([...(series()[0]?.data ?? [])], [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
  t.equal(skipped('duplicate'), 1);
  t.equal(skipped('out_of_order'), 1);
});

test('without windows each message is a capture: numbers, arrays, kept ones marked', { skip: skipWithoutMosquitto }, async (t) => {
  const broker = await mosquitto(t);
  const numbers = await listening(t, broker.url, { topics: ['n/#'], payload: 'number' });
  await isOk(numbers.health);
  await numbers.say('n/1', '4.5', true);
  await until('it came', () => numbers.series().length === 1);
  t.match(numbers.series()[0], { channels: ['value'], length: 1, rateHz: null });
  t.notOk(numbers.series()[0]?.retained, 'as it was published it was news');
  const later = await listening(t, broker.url, { topics: ['n/#'], payload: 'number' });
  await until('the kept one came', () => later.series().length === 1);
  t.equal(later.series()[0]?.retained, true);
  const binary = await listening(t, broker.url, {
    topics: ['b'],
    payload: 'binary',
    fields: ['x', 'y'],
    dtype: 'float32le',
    sample_rate_hz: 50,
  });
  await isOk(binary.health);
  await binary.say('b', Buffer.from(new Float32Array([1, 10, 2, 20, 3, 30]).buffer));
  await until('it came', () => binary.series().length === 1);
  t.match(binary.series()[0], { length: 3, rateHz: 50, channels: ['x', 'y'] });
  t.same([...(binary.series()[0]?.data ?? [])], [1, 2, 3, 10, 20, 30]);
});

test('raw: a picture or a text is a capture as it is; zigbee2mqtt: devices only', { skip: skipWithoutMosquitto }, async (t) => {
  const broker = await mosquitto(t);
  const raw = await listening(t, broker.url, { topics: ['cam/+/snapshot'], payload: 'raw' });
  await isOk(raw.health);
  const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]), Buffer.from('JFIF\0'), Buffer.alloc(50_000, 7)]);
  await raw.say('cam/1/snapshot', jpeg);
  await raw.say('cam/2/snapshot', 'just words, in two lines\n');
  await until('both came', () => raw.corridor.taken.length === 2);
  const [picture, text] = raw.corridor.taken.map(({ capture }) => capture);
  t.match(picture?.header, { kind: 'image', mediaType: 'image/jpeg', source: 'cam/1/snapshot', bytes: jpeg.length });
  t.ok(jpeg.equals((picture?.content as { bytes: Buffer } | undefined)?.bytes ?? Buffer.alloc(0)));
  t.match(text?.header, { kind: 'text', source: 'cam/2/snapshot' });
  const zigbee = await listening(t, broker.url, { topics: ['zigbee2mqtt/#'], payload: 'zigbee2mqtt' });
  await isOk(zigbee.health);
  await zigbee.say('zigbee2mqtt/bridge/state', '{"state":"online"}');
  await zigbee.say('zigbee2mqtt/hall/availability', '{"state":"online"}');
  await zigbee.say('zigbee2mqtt/hall', '{"temperature":20,"linkquality":80}');
  await until('one came', () => zigbee.series().length === 1);
  t.match(zigbee.series()[0], { channels: ['temperature'], source: 'zigbee2mqtt/hall' });
});

/** A payload of one metric `load` (Float, alias 1), by hand: its birth with 1.5, or 2 by alias alone. */
function sparkplug(metric: readonly number[], seq: number): Buffer {
  const timestamp = Buffer.from('0880d095ffbc31', 'hex');
  return Buffer.concat([timestamp, Buffer.from([0x12, metric.length, ...metric, 0x18, seq])]);
}

const birth = sparkplug([0x0a, 4, ...Buffer.from('load'), 0x10, 1, 0x20, 9, 0x65, 0, 0, 0xc0, 0x3f], 0);
const data = sparkplug([0x10, 1, 0x65, 0, 0, 0, 0x40], 5);

test('sparkplug: a node that was not heard from its birth is asked, where that is allowed', { skip: skipWithoutMosquitto }, async (t) => {
  const broker = await mosquitto(t);
  const node = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
  t.teardown(() => node.endAsync(true));
  await node.subscribeAsync('spBv1.0/plant/NCMD/edge');
  const commands: Buffer[] = [];
  node.on('message', (_topic, payload) => {
    commands.push(payload);
    node.publish('spBv1.0/plant/NBIRTH/edge', birth);
  });
  const { say, series, health, skipped } = await listening(t, broker.url, {
    topics: ['spBv1.0/plant/#'],
    payload: 'sparkplug',
    fields: { load: 'load' },
    time: 'timestamp',
    rebirth: true,
  });
  await isOk(health);
  await say('spBv1.0/plant/NDATA/edge', data);
  await until('it was born again', () => series().length === 1);
  t.equal(commands.length, 1);
  t.equal(skipped('no_birth'), 1);
  t.match(series()[0], { channels: ['load'], source: 'plant/edge' });
});

test('without room the broker keeps what comes, for a moment; then it is left out, and counted', {
  skip: skipWithoutMosquitto,
}, async (t) => {
  const broker = await startMosquitto({ dir: mkdtempSync(join(tmpdir(), 'shoal-mosquitto-')), lines: ['max_queued_messages 0'] });
  t.teardown(() => broker.stop());
  const around = testSurroundings();
  const connection = await connectionTo(t, broker.url);
  const context = liveContext(`${t.testdir({})}/ledger`, around, { connection: () => connection });
  const input = mqttInput.create('live', mqttInputOptions.parse({ connection: 'lan', topics: ['n'], payload: 'number', qos: 0 }), context);
  t.teardown(() => input.stop());
  let open = true;
  let taken = 0;
  await input.start(async () => {
    taken++;
    await new Promise((resolve) => setTimeout(resolve, open ? 1 : 60_000).unref());
  });
  await isOk(() => around.states.get('input:live'));
  const voice = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
  t.teardown(() => voice.endAsync(true));
  const busy = () => around.value('shoal_input_skipped_total', { reason: 'busy' });
  const many = limits.liveOffersMax * 5;
  for (let i = 0; i < many; i++) voice.publish('n', `${i}`);
  await until('all are taken', () => taken === many);
  t.equal(busy(), 0);
  open = false;
  for (let i = 0; i < many; i++) voice.publish('n', `${i}`);
  await until('the rest is left out', () => busy() > 0 && taken + busy() === 2 * many);
});

test('a refused topic is trouble with advice, and the others still come', async (t) => {
  const broker = await startAedes({
    authorizeSubscribe: (_client, subscription, done) => done(null, subscription.topic === 'secret/#' ? null : subscription),
  });
  t.teardown(() => broker.stop());
  const { say, series, health } = await listening(t, broker.url, { topics: ['secret/#', 'open'], payload: 'number' });
  await until('it is told', () => health()?.state === 'down');
  t.match(health()?.reason, /secret\/# is refused by the broker \(code 0x80\): check that the access rules allow/);
  await say('open', '1');
  await until('it came', () => series().length === 1);
  t.equal(health()?.state, 'down', 'part of it is still missing');
});
