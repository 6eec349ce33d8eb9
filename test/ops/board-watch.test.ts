import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Test, test } from 'tap';
import { boardOptions } from '../../src/ops/board-options.js';
import { BoardWatch, readFeel, readFrequencyHz, readStall } from '../../src/ops/board-watch.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

/** A tree as the kernel documents it. */
function board(t: Test) {
  const root = t.testdir();
  return {
    root,
    put: (path: string, text: string | number) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), `${text}\n`);
    },
  };
}

test('a board is read from the files of the kernel, and what is not there is not known', async (t) => {
  const { root, put } = board(t);
  t.same(readFeel(root), { temperatureCelsius: null, throttled: [], memoryStallPercent: null, batteryPercent: null });
  t.same([readStall(root, 'cpu'), readFrequencyHz(root)], [null, null]);
  put('sys/class/thermal/thermal_zone0/temp', 48_500);
  put('sys/class/thermal/thermal_zone1/temp', 61_000);
  put('proc/pressure/memory', 'some avg10=12.50 avg60=1.00 avg300=0.00 total=1\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=1');
  put('proc/pressure/cpu', 'some avg10=77.00 avg60=1.00 avg300=0.00 total=1');
  put('sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq', 600_000);
  put('sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq', 1_500_000);
  put('sys/devices/platform/soc/soc:firmware/get_throttled', '50005');
  put('sys/class/power_supply/mains/type', 'Mains');
  for (const [file, value] of Object.entries({ type: 'Battery', status: 'Discharging', capacity: 42 })) {
    put(`sys/class/power_supply/bat0/${file}`, value);
  }
  t.same(readFeel(root), {
    temperatureCelsius: 61,
    throttled: ['the supply voltage is low', 'the board is throttled'],
    memoryStallPercent: 12.5,
    batteryPercent: 42,
  });
  t.same([readStall(root, 'cpu'), readFrequencyHz(root)], [77, 1_500_000_000]);
  put('sys/class/power_supply/bat0/status', 'Charging');
  t.equal(readFeel(root).batteryPercent, null, 'on mains');
  put('sys/class/power_supply/bat0/status', 'Discharging');
  put('sys/class/power_supply/bat0/scope', 'Device');
  t.equal(readFeel(root).batteryPercent, null, 'the battery of a mouse');
});

test('pressure is said in log and health, once', async (t) => {
  const { root, put } = board(t);
  const around = testSurroundings();
  put('sys/class/power_supply/bat0/type', 'Battery');
  put('sys/class/power_supply/bat0/status', 'Discharging');
  put('sys/class/power_supply/bat0/capacity', 9);
  const watch = new BoardWatch(boardOptions.parse({ root }), around);
  watch.start();
  t.teardown(() => watch.stop());
  t.match(around.states.get('board'), { state: 'ok' }, 'a moment is no pressure');
  await until('there is pressure', () => watch.pressure.steps === 1, 10_000);
  t.match(around.states.get('board'), { state: 'degraded', reason: /battery is at 9 %/ });
  t.match(watch.vitals, { battery_percent: 9, degrade_steps: 1 });
  t.same(
    around.lines.map(({ level }) => level),
    ['warn'],
  );
});
