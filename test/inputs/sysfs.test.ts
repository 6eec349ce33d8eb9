/**
 * Sensors of sysfs: trees like the kernel's, taken away and put back.
 */
import { readdirSync } from 'node:fs';
import { type Test, test } from 'tap';
import type { InputContext, InputKind } from '../../src/core/contracts.js';
import { limits } from '../../src/core/limits.js';
import { decodeSeries } from '../../src/core/series.js';
import { hwmonInput } from '../../src/inputs/hwmon.js';
import { iioInput } from '../../src/inputs/iio.js';
import { thermalInput } from '../../src/inputs/thermal.js';
import { liveContext, liveInputContract, TakingCorridor } from '../contracts/live-input-contract.js';
import { FakeSysfs } from '../support/fake-sysfs.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

function make<Options>(kind: InputKind<Options>, options: object, context: InputContext) {
  return kind.create('live', kind.options.parse({ rate_hz: 50, ...options }), context);
}

function accelerometer(): FakeSysfs {
  const tree = new FakeSysfs();
  tree.add('bus/iio/devices/iio:device0', 'platform/soc/i2c-1/1-006a/iio:device0', {
    name: 'lsm6dsl_accel',
    in_accel_x_raw: 100,
    in_accel_y_raw: -100,
    in_accel_z_raw: 8000,
    in_accel_scale: 0.001196,
    in_temp_raw: 512,
    in_temp_offset: 6400,
    in_temp_scale: 3.90625,
    sampling_frequency: 104,
    in_temp_type: 'x',
  });
  return tree;
}

function board(): FakeSysfs {
  const tree = new FakeSysfs();
  tree.add('class/thermal/thermal_zone0', 'virtual/thermal/thermal_zone0', { type: 'cpu-thermal', temp: 48_312 });
  tree.add('class/thermal/thermal_zone1', 'virtual/thermal/thermal_zone1', { type: 'cpu-thermal', temp: 51_000 });
  tree.add('class/thermal/thermal_zone2', 'virtual/thermal/thermal_zone2', { type: 'radio', temp: '' });
  tree.add('class/hwmon/hwmon0', 'platform/hwmon0', { name: 'cpu_thermal', temp1_input: 48_312 });
  tree.add('class/hwmon/hwmon1', 'i2c-1/1-0040/hwmon1', {
    name: 'ina226',
    in1_input: 12_034,
    in1_label: 'battery',
    curr1_input: 1500,
    power1_input: 18_051_000,
    power1_average: 1,
    power2_average: 2_500_000,
    temp1_input: '',
    in1_max: 15_000,
  });
  return tree;
}

/** The first capture of a sensor. */
async function firstSeries<Options>(t: Test, kind: InputKind<Options>, options: object) {
  const corridor = new TakingCorridor();
  const input = make(kind, options, liveContext(`${t.testdir({})}/ledger`, testSurroundings()));
  await input.start(corridor.offer);
  await until('a capture came', () => corridor.taken.length > 0).finally(() => input.stop());
  const capture = corridor.taken[0]?.capture;
  if (capture === undefined || !('bytes' in capture.content)) throw new Error('there is none');
  return { header: capture.header, series: decodeSeries(Buffer.from(capture.content.bytes)) };
}

async function troubleOf<Options>(t: Test, kind: InputKind<Options>, options: object): Promise<string> {
  const around = testSurroundings();
  const input = make(kind, options, liveContext(`${t.testdir({})}/ledger`, around));
  await input.start(new TakingCorridor().offer);
  await until('it is told', () => around.states.get('input:live')?.state === 'down').finally(() => input.stop());
  return around.lines.find(({ level }) => level === 'warn')?.message ?? '';
}

for (const [kind, tree, options, away] of [
  [iioInput, accelerometer, { device: 'lsm6dsl_accel' }, /there is no IIO device lsm6dsl_accel; there is none here at all/],
  [hwmonInput, board, { device: 'ina226' }, /there is no hwmon chip ina226; there is none here at all/],
  [thermalInput, board, {}, /there is no thermal zone that can be read/],
] as const) {
  test(`${kind.type}: a live input like any other`, async (t) => {
    liveInputContract(t, async () => {
      const fake = tree();
      const create = (context: InputContext) => make(kind as InputKind<unknown>, { root: fake.root, ...options }, context);
      return { create, unplug: () => fake.unplug(), plug: () => fake.plug(), away };
    });
  });
}

const near = (t: Test, found: ArrayLike<number>, wanted: readonly number[]) => {
  t.equal(found.length, wanted.length);
  for (const [i, value] of wanted.entries())
    t.ok(Math.abs((found[i] ?? 0) - value) <= Math.abs(value) * 1e-6, `${found[i]} is about ${value}`);
};

test('iio: raw, offset and scale, in base units, with windows at the rate of reading', async (t) => {
  const { root } = accelerometer();
  const { header, series } = await firstSeries(t, iioInput, { root, device: '1-006a', window: { length_ms: 100 } });
  t.match(header, { kind: 'series', name: '1-006a' });
  t.same(series.channels, ['accel_x', 'accel_y', 'accel_z', 'temp']);
  t.match(series, { length: 5, rateHz: 50 });
  const last = [0, 1, 2, 3].map((channel) => series.data[channel * 5 + 4] ?? 0);
  near(t, last, [0.1196, -0.1196, 9.568, 27]);
});

test('iio: units of the ABI, labels, processed values, differences', async (t) => {
  const tree = new FakeSysfs();
  const attributes = {
    name: 'mixed',
    in_voltage0_raw: 1000,
    in_voltage0_scale: 0.5,
    in_voltage0_label: 'pump',
    'in_voltage2-voltage3_raw': -8,
    in_voltage_scale: 2,
    in_pressure_input: 101.325,
    in_pressure_raw: 7,
    in_humidityrelative_input: 45_500,
    in_magn_x_raw: 500,
    in_magn_scale: 0.001,
  };
  tree.add('bus/iio/devices/iio:device4', 'spi0/spi0.0/iio:device4', attributes);
  const { series } = await firstSeries(t, iioInput, { root: tree.root, device: 'mixed' });
  const found = Object.fromEntries(series.channels.map((name, i) => [name, series.data[i] ?? 0]));
  t.same(Object.keys(found).sort(), ['humidityrelative', 'magn_x', 'pressure', 'pump', 'voltage2-voltage3']);
  const { pump = 0, pressure = 0, humidityrelative = 0, magn_x: magn = 0, 'voltage2-voltage3': difference = 0 } = found;
  near(t, [pump, difference, pressure, humidityrelative, magn], [0.5, -0.016, 101_325, 45.5, 5e-5]);
});

test('a window that is given up because its device is gone is counted', async (t) => {
  const tree = accelerometer();
  const around = testSurroundings();
  const options = { root: tree.root, device: 'lsm6dsl_accel', channels: ['temp'], window: { samples: 1000 } };
  const input = make(iioInput, options, liveContext(`${t.testdir({})}/ledger`, around));
  t.teardown(() => input.stop());
  await input.start(new TakingCorridor().offer);
  await until('it is read', () => around.states.get('input:live')?.state === 'ok');
  t.equal(around.value('shoal_input_skipped_total', { input: 'live', reason: 'gap' }) ?? 0, 0);
  await tree.unplug();
  await until('it is told', () => around.states.get('input:live')?.state === 'down');
  t.equal(around.value('shoal_input_skipped_total', { input: 'live', reason: 'gap' }), 1);
});

test('a device goes by its name, whatever number it has today', async (t) => {
  const tree = accelerometer();
  const around = testSurroundings();
  const corridor = new TakingCorridor();
  const input = make(iioInput, { root: tree.root, device: 'lsm6dsl_accel' }, liveContext(`${t.testdir({})}/ledger`, around));
  t.teardown(() => input.stop());
  await input.start(corridor.offer);
  await until('it is read', () => corridor.taken.length > 0);
  tree.renumber('bus/iio/devices/iio:device0', 'bus/iio/devices/iio:device7');
  const before = corridor.taken.length;
  t.same(readdirSync(`${tree.root}/bus/iio/devices`), ['iio:device7']);
  await until('it is read on', () => corridor.taken.length > before + 2);
  t.equal(around.lines.filter(({ level }) => level === 'warn').length, 0);
});

test('what is not now is counted, what stays away is told', async (t) => {
  const tree = accelerometer();
  const around = testSurroundings();
  const input = make(
    iioInput,
    { root: tree.root, device: 'lsm6dsl_accel', channels: ['temp'] },
    liveContext(`${t.testdir({})}/ledger`, around),
  );
  t.teardown(() => input.stop());
  const corridor = new TakingCorridor();
  await input.start(corridor.offer);
  await until('it is read', () => corridor.taken.length > 0);
  tree.write('devices/platform/soc/i2c-1/1-006a/iio:device0', { in_temp_raw: '' });
  await until('it is told', () => around.states.get('input:live')?.state === 'down');
  t.match(around.states.get('input:live')?.reason, /^no sample for \d+ s/);
  t.ok(around.value('shoal_input_skipped_total', { input: 'live', reason: 'not_now' }) > 5);
  tree.write('devices/platform/soc/i2c-1/1-006a/iio:device0', { in_temp_raw: 1 });
  await until('it is well', () => around.states.get('input:live')?.state === 'ok');
});

test('a sensor whose bus fails is told with the error, and found anew under another number', async (t) => {
  const tree = accelerometer();
  const around = testSurroundings();
  const options = { root: tree.root, device: 'lsm6dsl_accel', channels: ['temp'] };
  const input = make(iioInput, options, liveContext(`${t.testdir({})}/ledger`, around));
  t.teardown(() => input.stop());
  const state = () => around.states.get('input:live');
  await input.start(new TakingCorridor().offer);
  await until('it is read', () => state()?.state === 'ok');
  const old = 'devices/platform/soc/i2c-1/1-006a/iio:device0';
  tree.fail(old, 'in_temp_raw');
  await until('it is told', () => state()?.state === 'down');
  t.match(state()?.reason, /^temp of lsm6dsl_accel cannot be read \(EIO.*\): check its wires/);
  t.ok((around.value('shoal_input_skipped_total', { input: 'live', reason: 'unreadable' }) ?? 0) >= limits.sensorFailedTurns);
  tree.write(old, { name: 'another' });
  const attributes = { name: 'lsm6dsl_accel', in_temp_raw: 1, in_temp_scale: 1 };
  tree.add('bus/iio/devices/iio:device7', 'platform/soc/i2c-1/1-006a/iio:device7', attributes);
  await until('it is well', () => state()?.state === 'ok');
});

test('hwmon and thermal: units, labels, averages, zones of one type', async (t) => {
  const { root } = board();
  const power = await firstSeries(t, hwmonInput, { root, device: 'ina226' });
  t.same(power.series.channels, ['curr1', 'battery', 'power1', 'power2']);
  near(t, power.series.data, [1.5, 12.034, 18.051, 2.5]);
  const chosen = await firstSeries(t, hwmonInput, { root, device: '1-0040', channels: ['power1', 'battery'] });
  t.same(chosen.series.channels, ['power1', 'battery']);
  const zones = await firstSeries(t, thermalInput, { root });
  t.same(zones.series.channels, ['cpu-thermal', 'cpu-thermal#2']);
  near(t, zones.series.data, [48.312, 51]);
});

test('what is not there is answered with what is', async (t) => {
  const { root } = board();
  t.match(await troubleOf(t, hwmonInput, { root, device: 'nct6775' }), /^there is no hwmon chip nct6775; there are: cpu_thermal, ina226/);
  t.match(
    await troubleOf(t, thermalInput, { root, channels: ['gpu'] }),
    /^thermal zones has no channel gpu; it has: cpu-thermal, cpu-thermal#2/,
  );
  const twins = accelerometer();
  twins.add('bus/iio/devices/iio:device1', 'i2c-1/1-006b/iio:device1', { name: 'lsm6dsl_accel' });
  t.match(
    await troubleOf(t, iioInput, { root: twins.root, device: 'lsm6dsl_accel' }),
    /^there are 2 of IIO device lsm6dsl_accel; name one by its label or where it hangs: 1-006a; 1-006b/,
  );
  const { error } = iioInput.options.safeParse({ device: 'x', trigger: 'hrtimer0' });
  t.match(error?.issues, [{ code: 'unrecognized_keys', keys: ['trigger'] }], 'it is polled, and says so');
});
