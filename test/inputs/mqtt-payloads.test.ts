/**
 * What payloads of every kind hold, and what is said of those that cannot be read.
 */
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { test } from 'tap';
import { loadConfig } from '../../src/config/load-config.js';
import { parsePath, toTimeMs } from '../../src/inputs/mqtt/field.js';
import { mqttInputOptions } from '../../src/inputs/mqtt/options.js';
import { createReader } from '../../src/inputs/mqtt/readers.js';
import { Malformed, type PayloadReader } from '../../src/inputs/mqtt/samples.js';
import { SparkplugNodes, type SparkplugWants } from '../../src/inputs/mqtt/sparkplug.js';
import { readSparkplug, rebirthCommand } from '../../src/inputs/mqtt/sparkplug-payload.js';
import { isNoReading } from '../../src/inputs/mqtt/zigbee2mqtt.js';
import { parts } from '../../src/parts.js';

const parse = (more: Record<string, unknown>) => mqttInputOptions.parse({ connection: 'lan', topics: ['a'], ...more });
const readerOf = (more: Record<string, unknown>) => createReader(parse(more));

/** Samples as rows, with times where there are such; or the reason. */
function read(reader: PayloadReader, payload: string | Buffer) {
  const samples = reader.read(Buffer.from(payload as string));
  if (samples === null || samples instanceof Malformed) return samples?.reason ?? null;
  const { channels, values, count, times } = samples;
  const rows = Array.from({ length: count }, (_, i) => [...values.subarray(i * channels.length, (i + 1) * channels.length)]);
  return { channels: [...channels], rows, ...(times === null ? {} : { times: [...times.subarray(0, count)] }) };
}

test('json by path: dotted, by pointer, in lists, as text; device time', (t) => {
  const reader = readerOf({ fields: { temp: 'sensors.temperature', second: 'list.1', odd: '/a.b/x~1y', on: 'switch' }, time: 'ts' });
  const payload = { ts: 1_700_000_000, sensors: { temperature: '21.5' }, list: [1, 2], 'a.b': { 'x/y': -3 }, switch: 'ON' };
  t.same(read(reader, JSON.stringify(payload)), { channels: ['temp', 'second', 'odd', 'on'], rows: [[21.5, 2, -3, 1]], times: [1.7e12] });
  t.equal(read(reader, '{"ts": 1'), 'no_json');
  t.equal(read(reader, JSON.stringify({ ...payload, list: [] })), 'missing_field');
  t.equal(read(reader, JSON.stringify({ ...payload, switch: 'maybe' })), 'no_number');
  t.equal(read(reader, JSON.stringify({ ...payload, ts: 'yesterday' })), 'no_time');
  t.equal(read(reader, 'null'), 'missing_field');
  t.end();
});

test('json with many samples: a list of objects, or lists in an object', (t) => {
  const reader = readerOf({ fields: ['x', 'y'], time: 't', sample_rate_hz: 100 });
  t.same(read(reader, '[{"t":1e12,"x":1,"y":2},{"t":1000000000005,"x":3,"y":4}]'), {
    channels: ['x', 'y'],
    rows: [
      [1, 2],
      [3, 4],
    ],
    times: [1e12, 1e12 + 5],
  });
  t.same(read(reader, '{"t":1e12,"x":[1,2,3],"y":[4,5,6]}'), {
    channels: ['x', 'y'],
    rows: [
      [1, 4],
      [2, 5],
      [3, 6],
    ],
    times: [1e12, 1e12 + 10, 1e12 + 20],
  });
  t.equal(read(reader, '{"t":1e12,"x":[1,2,3],"y":[4,5]}'), 'wrong_length');
  t.equal(read(reader, '{"t":1e12,"x":[1,"a"],"y":[4,5]}'), 'no_number');
  t.equal(read(reader, '[]'), 'missing_field');
  t.equal(read(readerOf({ fields: ['x'] }), JSON.stringify({ x: Array(600_000).fill(1) })), 'too_many');
  t.end();
});

test('json without fields: every number, nested too; more are learned, fewer are malformed', (t) => {
  const reader = readerOf({ time: 'at' });
  t.same(read(reader, '{"at":1e12,"a":1,"in":{"x":2,"text":"no"},"b":3}'), {
    channels: ['a', 'in.x', 'b'],
    rows: [[1, 2, 3]],
    times: [1e12],
  });
  t.same(read(reader, '{"at":1e12,"a":4,"in":{"x":5},"b":6}'), { channels: ['a', 'in.x', 'b'], rows: [[4, 5, 6]], times: [1e12] });
  t.same(
    read(reader, '{"b":9,"in":{"x":8},"a":7,"at":1e12}'),
    { channels: ['a', 'in.x', 'b'], rows: [[7, 8, 9]], times: [1e12] },
    'in another order',
  );
  t.equal(read(reader, '{"at":1e12,"a":1,"b":3}'), 'missing_field');
  const before = reader.read(Buffer.from('{"at":1e12,"a":1,"in":{"x":2},"b":3}'));
  t.same(read(reader, '{"at":1e12,"a":1,"in":{"x":2},"b":3,"c":4}'), {
    channels: ['a', 'in.x', 'b', 'c'],
    rows: [[1, 2, 3, 4]],
    times: [1e12],
  });
  const after = reader.read(Buffer.from('{"at":1e12,"a":1,"in":{"x":2},"b":3,"c":4}'));
  t.equal(before, after, 'one buffer');
  t.equal(read(reader, '[1]'), 'no_object');
  t.equal(read(readerOf({}), '{"a":"x"}'), 'no_number');
  t.match(readerOf({}).read(Buffer.from('{"a":"x"}')), { expected: 'expected an object with numbers' });
  t.match(readerOf({}).read(Buffer.from('{"x":[1,2],"y":[3,4]}')), { reason: 'no_number', expected: 'x is a list: name it in fields' });
  t.equal(read(readerOf({}), JSON.stringify(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, i])))), 'too_many');
  t.end();
});

test('what is of another shape is never taken for what came before', (t) => {
  const nested = readerOf({});
  t.same(read(nested, '{"b":{"a":1}}'), { channels: ['b.a'], rows: [[1]] });
  t.equal(read(nested, '{"b":2,"a":{}}'), 'missing_field');
  const beside = readerOf({});
  t.same(read(beside, '{"b":{"a":1},"c":2}'), { channels: ['b.a', 'c'], rows: [[1, 2]] });
  t.equal(read(beside, '{"b":{"a":1,"c":2}}'), 'missing_field');
  t.end();
});

test('property: without fields, any object gives its numbers by name, whatever came before', (t) => {
  const leaf = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string(), fc.boolean(), fc.constant(null));
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const object = fc.dictionary(key, fc.oneof(leaf, fc.dictionary(key, leaf)));
  fc.assert(
    fc.property(fc.array(object, { minLength: 1, maxLength: 6 }), (objects) => {
      const reader = readerOf({});
      let known: string[] = [];
      for (const each of objects) {
        const numbers = new Map<string, number>();
        for (const [name, value] of Object.entries(each)) {
          if (typeof value === 'number') numbers.set(name, value);
          else if (value !== null && typeof value === 'object') {
            for (const [inner, x] of Object.entries(value)) if (typeof x === 'number') numbers.set(`${name}.${inner}`, x);
          }
        }
        const answer = read(reader, JSON.stringify(each));
        if (known.some((name) => !numbers.has(name))) t.equal(answer, 'missing_field');
        else if (numbers.size === 0) t.equal(answer, 'no_number');
        else {
          if (answer === null || typeof answer === 'string') throw new Error(`${answer}`);
          known = answer.channels;
          t.same(
            new Map(known.map((name, i) => [name, answer.rows[0]?.[i]])),
            new Map([...numbers].map(([name, x]) => [name, x === 0 ? 0 : x])),
          );
        }
      }
    }),
    { numRuns: 200 },
  );
  t.end();
});

test('times of every unit', (t) => {
  const ms = Date.UTC(2026, 5, 1, 12);
  for (const value of [ms / 1000, ms, ms * 1000, ms * 1e6, `${ms}`, new Date(ms).toISOString()])
    t.equal(toTimeMs(value), ms, String(value));
  for (const value of [null, '', '12', 'noon', -1, 1e30, {}, Number.NaN]) t.notOk(toTimeMs(value) > 1e9 * 1000, String(value));
  t.same(parsePath('a.b.0'), ['a', 'b', '0']);
  t.end();
});

test('number, csv and binary', (t) => {
  const number = readerOf({ payload: 'number' });
  t.same(read(number, ' 23.5\n'), { channels: ['value'], rows: [[23.5]] });
  for (const bad of ['', 'abc', '1 2', '9'.repeat(100)]) t.equal(read(number, bad), 'no_number');
  const csv = readerOf({ payload: 'csv', fields: ['when', 'x', '-', 'y'], time: 'when', separator: ';' });
  t.same(read(csv, '# head\r\n1e12;1;skip;2\r\n1000000000010;3;;4\n'), {
    channels: ['x', 'y'],
    rows: [
      [1, 2],
      [3, 4],
    ],
    times: [1e12, 1e12 + 10],
  });
  t.equal(read(csv, '1;2'), 'missing_field');
  t.equal(read(csv, '1e12;a;b;2'), 'no_number');
  t.equal(read(csv, 'x;1;b;2'), 'no_time');
  const bytes = Buffer.alloc(8);
  for (const [i, value] of [1, -2, 3, -4].entries()) bytes.writeInt16LE(value, i * 2);
  t.same(read(readerOf({ payload: 'binary', fields: ['x', 'y'] }), bytes), {
    channels: ['x', 'y'],
    rows: [
      [1, -2],
      [3, -4],
    ],
  });
  t.same(read(readerOf({ payload: 'binary', fields: ['x', 'y'], layout: 'planar' }), bytes), {
    channels: ['x', 'y'],
    rows: [
      [1, 3],
      [-2, -4],
    ],
  });
  t.same(read(readerOf({ payload: 'binary', fields: ['x'], dtype: 'uint32be' }), bytes), {
    channels: ['x'],
    rows: [[0x0100feff], [0x0300fcff]],
  });
  t.equal(read(readerOf({ payload: 'binary', fields: ['x', 'y', 'z'] }), bytes), 'wrong_length');
  t.end();
});

test('zigbee2mqtt: what the device senses, and topics that are no readings', (t) => {
  const reader = readerOf({ payload: 'zigbee2mqtt', topics: ['zigbee2mqtt/#'] });
  const payload = {
    temperature: 21.2,
    occupancy: true,
    state: 'OFF',
    linkquality: 90,
    battery: 100,
    update: { state: 'idle', installed_version: 3 },
    last_seen: 'x',
  };
  t.same(read(reader, JSON.stringify(payload)), { channels: ['temperature', 'occupancy', 'state'], rows: [[21.2, 1, 0]] });
  for (const topic of [
    'zigbee2mqtt/bridge/state',
    'zigbee2mqtt/bridge/request/x',
    'zigbee2mqtt/lamp/availability',
    'zigbee2mqtt/lamp/set',
    'z/lamp/set/state',
  ]) {
    t.ok(isNoReading(topic), topic);
  }
  for (const topic of ['zigbee2mqtt/lamp', 'zigbee2mqtt/hall/lamp', 'zigbee2mqtt/bridge']) t.notOk(isNoReading(topic), topic);
  t.end();
});

/** Written by sparkplug-payload 1.0.3 (its own decoder reads the same out of them). */
const written = {
  nbirth:
    'CIDQlf+8MRISCgViZFNlcRiA0JX/vDEgCFgDEiEKFE5vZGUgQ29udHJvbC9SZWJpcnRoGIDQlf+8MSALcAASFQoCaTgQARiA0JX/vDEgAVD7////DxIWCgNpMTYQAhiA0JX/vDEgAlDU/f//DxIWCgNpMzIQAxiA0JX/vDEgA1CQ3fv/DxIbCgNpNjQQBBiA0JX/vDEgBFiAnOiv7f////8BEhIKAnU4EAUYgNCV/7wxIAVQyAESFgoDdTMyEAYYgNCV/7wxIAdYgNCs8w4SGQoDdTY0EAcYgNCV/7wxIAhY/////////w8SEwoBZhAIGIDQlf+8MSAJZQAAwD8SFwoBZBAJGIDQlf+8MSAKaQAAAAAAAALAEhAKAWIQChiA0JX/vDEgC3ABEhQKAXMQCxiA0JX/vDEgDHoEdGV4dBgA',
  dbirth:
    'CIDQlf+8MRIZCgd0ZW1wL2luEBQYgNCV/7wxIAllAACkQRIaCgh0ZW1wL291dBAVGIDQlf+8MSAJZQAAQEASJAoFbW9kZWwQFhiA0JX/vDEgDEoNCgR1bml0EgUIDEIBQ3oBeBgB',
  ddata: 'COjXlf+8MRIQEBQY6NeV/7wxIAllAACoQRgC',
  ddataTwice: 'CKDvlf+8MRIQEBQY0N+V/7wxIAllAACwQRIQEBUY0N+V/7wxIAllAACAQBIQEBQYuOeV/7wxIAllAAC4QRISEBUY2ImV/7wxIAkoAWUAAMZCGAM=',
  ddataGap: 'CIj3lf+8MRIQEBUYiPeV/7wxIAllAACgQBgJ',
  ddataNull: 'CPD+lf+8MRINEBUY8P6V/7wxIAk4ARgK',
};
const bytesOf = (name: keyof typeof written) => Buffer.from(written[name], 'base64');
const T = 1_700_000_000_000;

function nodes(wants: SparkplugWants) {
  const skipped: string[] = [];
  const asked: string[] = [];
  const told = { skipped: (reason: string) => skipped.push(reason), askRebirth: (topic: string) => asked.push(topic) };
  const all = new SparkplugNodes(wants, told, { monoMs: () => 0, wallMs: () => T });
  const say = (topic: string, name: keyof typeof written) => read(all.reader(`spBv1.0/plant/${topic}`), bytesOf(name));
  return { say, skipped, asked, all };
}

test('sparkplug: births name, data changes, gaps and deaths are counted', (t) => {
  const { say, skipped, asked } = nodes({ metrics: null, timed: true });
  t.equal(say('DDATA/edge/pump', 'ddata'), 'no_birth');
  t.equal(say('DDATA/edge/pump', 'ddata'), 'no_birth');
  t.same(asked, ['spBv1.0/plant/NCMD/edge'], 'once a minute');
  skipped.length = 0;
  t.same(say('NBIRTH/edge', 'nbirth'), {
    channels: ['i8', 'i16', 'i32', 'i64', 'u8', 'u32', 'u64', 'f', 'd', 'b'],
    rows: [[-5, -300, -70_000, -5_000_000_000, 200, 4_000_000_000, Number.MAX_SAFE_INTEGER, 1.5, -2.25, 1]],
    times: [T],
  });
  t.same(say('DBIRTH/edge/pump', 'dbirth'), { channels: ['temp/in', 'temp/out'], rows: [[20.5, 3]], times: [T] });
  t.same(
    say('DDATA/edge/pump', 'ddata'),
    { channels: ['temp/in', 'temp/out'], rows: [[21, 3]], times: [T + 1000] },
    'what did not change holds',
  );
  t.same(say('DDATA/edge/pump', 'ddataTwice'), {
    channels: ['temp/in', 'temp/out'],
    rows: [
      [22, 4],
      [23, 4],
    ],
    times: [T + 2000, T + 3000],
  });
  t.same(skipped, []);
  t.same(say('DDATA/edge/pump', 'ddataGap'), { channels: ['temp/in', 'temp/out'], rows: [[23, 5]], times: [T + 5000] });
  t.same(skipped, ['sequence_gap']);
  t.equal(say('DDATA/edge/pump', 'ddataNull'), null);
  t.same(skipped, ['sequence_gap', 'null_value']);
  t.equal(say('DDEATH/edge/pump', 'ddata'), null);
  t.equal(say('DDATA/edge/pump', 'ddata'), 'no_birth');
  t.equal(say('NCMD/edge', 'ddata'), null);
  t.equal(say('DDATA/other/pump', 'ddata'), 'no_birth', 'nodes are told apart');
  t.end();
});

test('sparkplug: named metrics only; the rebirth command is one', (t) => {
  const { say } = nodes({ metrics: [['out', 'temp/out']], timed: false });
  t.same(say('DBIRTH/edge/pump', 'dbirth'), { channels: ['out'], rows: [[3]] });
  t.equal(say('DDATA/edge/pump', 'ddata'), null, 'nothing of ours changed');
  const command = readSparkplug(Buffer.from(rebirthCommand(T)), 10);
  t.equal(command?.timestampMs, T);
  t.match(command?.metrics, [{ name: 'Node Control/Rebirth', datatype: 11, number: 1, timestampMs: T }]);
  t.end();
});

test('property: bytes that are no Sparkplug are said to be none, and never more', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat({ max: 300 }), fc.nat({ max: 255 }), (noise, at, byte) => {
      const { all } = nodes({ metrics: null, timed: true });
      all.reader('spBv1.0/g/NBIRTH/n').read(Buffer.from(noise));
      const damaged = Buffer.from(bytesOf('nbirth'));
      damaged[at % damaged.length] = byte;
      all.reader('spBv1.0/g/NBIRTH/n').read(damaged.subarray(0, damaged.length - (byte % 3)));
    }),
    { numRuns: 500 },
  );
  t.equal(readSparkplug(Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]), 10), null, 'a length beyond the end');
  t.equal(readSparkplug(Buffer.from('{"json": 1}'), 10), null);
  t.end();
});

test('options: what does not go together is said', (t) => {
  for (const [more, path] of [
    [{ payload: 'csv' }, 'fields'],
    [{ payload: 'binary', fields: { a: 'b' } }, 'fields'],
    [{ payload: 'raw', window: { samples: 2 } }, 'window'],
    [{ payload: 'number', time: 'ts' }, 'time'],
    [{ payload: 'sparkplug', time: 'ts' }, 'time'],
    [{ payload: 'csv', fields: ['a', 'b'], time: 'c' }, 'time'],
    [{ payload: 'csv', fields: ['a', '-'], time: 'a' }, 'fields'],
    [{ fields: ['a', 'a'] }, 'fields'],
    [{ fields: {} }, 'fields'],
    [{ rate_hz: 5 }, 'rate_hz'],
    [{ topics: ['a/#/b'] }, 'topics.0'],
    [{ topics: [] }, 'topics'],
  ] as const) {
    const { error } = mqttInputOptions.safeParse({ connection: 'lan', topics: ['a'], ...more });
    t.equal(error?.issues[0]?.path.join('.'), path, JSON.stringify(more));
  }
  t.equal(parse({}).payload, 'json');
  t.end();
});

test('a configuration that listens to nothing but itself is refused', async (t) => {
  const dir = t.testdir({});
  const load = (topic: string) => {
    const path = `${dir}/shoal.yaml`;
    const input = `{ type: mqtt, connection: lan, topics: ["open", "${topic}"] }`;
    const head =
      'version: 1\ndevice: { id: dock-7 }\nconnections: { lan: { type: mqtt, url: "mqtt://a" } }\nsinks: { lan: { type: mqtt, connection: lan } }';
    writeFileSync(path, `${head}\ninputs: { x: ${input} }\npipelines: { p: { from: [x], stages: [{ task: measure-series, as: m }] } }\n`);
    return loadConfig(path, parts, { env: {}, hostname: 'pi' }).then(
      () => '',
      (error: Error) => error.message,
    );
  };
  for (const topic of ['shoal/dock-7/result/#', 'acme/plant/shoal/dock-7/event/p/x', '+/shoal/dock-7/#']) {
    const message = await load(topic);
    t.match(message, /inputs\.x\.topics\[1\].*what this device says itself/, topic);
  }
  for (const topic of ['shoal/dock-8/result/#', 'shoal/+/result/#', '#']) t.equal(await load(topic), '', topic);
});
