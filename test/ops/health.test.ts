/**
 * Health: the truth table of readiness, and liveness by progress. Time is a fake; all else is real.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'tap';
import type { Clock, PartState } from '../../src/core/contracts.js';
import { readBoard, readDisk, readThermal } from '../../src/ops/board.js';
import { SystemClock } from '../../src/ops/clock.js';
import { HealthBoard } from '../../src/ops/health.js';

class FakeClock implements Clock {
  ms = 1_000_000;
  monoMs(): number {
    return this.ms;
  }
  wallMs(): number {
    return this.ms;
  }
  synced(): boolean {
    return true;
  }
}

function board(clock = new FakeClock()): HealthBoard {
  const health = new HealthBoard(clock);
  health.plan({
    vital: ['config', 'store', 'engines'],
    pipelines: {
      signs: { inputs: ['input.inbox', 'input.cam'], parts: ['pipeline.signs'] },
      faces: { inputs: ['input.cam'], parts: [] },
    },
    progress: { store: { silentMs: 10_000 } },
  });
  for (const part of ['config', 'store', 'engines', 'input.inbox', 'input.cam', 'pipeline.signs', 'sink.lan', 'http'])
    health.set(part, 'ok');
  return health;
}

const rows: [part: string, state: PartState, ready: boolean, signs: boolean, faces: boolean][] = [
  ['store', 'ok', true, true, true],
  ['store', 'degraded', true, true, true],
  ['store', 'down', false, false, false],
  ['store', 'starting', false, false, false],
  ['engines', 'down', false, false, false],
  ['engines', 'degraded', true, true, true],
  ['config', 'degraded', true, true, true],
  ['config', 'down', false, false, false],
  ['pipeline.signs', 'down', false, false, true],
  ['pipeline.signs', 'degraded', true, true, true],
  ['input.inbox', 'down', true, true, true],
  ['input.cam', 'down', false, true, false],
  ['input.cam', 'degraded', true, true, true],
  ['sink.lan', 'down', true, true, true],
  ['sink.lan', 'starting', true, true, true],
  ['http', 'degraded', true, true, true],
];

for (const [part, state, ready, signs, faces] of rows) {
  test(`with ${part} ${state} the daemon is ${ready ? 'ready' : 'not ready'}`, async (t) => {
    const health = board();
    health.set(part, state, 'a reason');
    const report = health.report();
    t.equal(report.ready, ready);
    t.strictSame(
      report.pipelines.map((pipeline) => pipeline.ready),
      [signs, faces],
    );
    t.equal(report.live, true, 'liveness is about progress only');
    t.equal(report.status, state === 'ok' ? 'ok' : ready ? 'degraded' : 'not ready');
    if (state === 'ok') t.strictSame(report.reasons, []);
    else
      t.ok(
        report.reasons.some((reason) => reason.includes(`${part} is ${state}: a reason`)),
        report.reasons.join(' | '),
      );
    for (const pipeline of report.pipelines) t.equal(pipeline.reason === undefined, pipeline.ready, 'every no has its reason');
  });
}

test('a vital part that was never heard of is not ready', async (t) => {
  const health = new HealthBoard(new FakeClock());
  health.plan({ vital: ['store'], pipelines: {}, progress: {} });
  t.match(health.report(), { ready: false, status: 'not ready', reasons: ['store has not started'] });
});

test('liveness ends with the progress of a part and comes back with it', async (t) => {
  const clock = new FakeClock();
  const health = board(clock);
  clock.ms += 9_000;
  t.equal(health.report().live, true, 'silence counts from the plan on');
  clock.ms += 2_000;
  t.match(health.report(), { live: false, ready: true, status: 'not ready', reasons: ['store made no progress for 11 s'] });
  health.progress('engines');
  t.equal(health.report().live, false, 'the progress of another part does not count');
  health.progress('store');
  t.equal(health.report().live, true);
});

test('watchers hear changes, and only changes; a state keeps its age over a new reason', async (t) => {
  const clock = new FakeClock();
  const health = new HealthBoard(clock);
  let calls = 0;
  const unwatch = health.watch(() => calls++);
  health.set('sink.lan', 'down', 'refused');
  health.set('sink.lan', 'down', 'refused');
  t.equal(calls, 1);
  clock.ms += 5_000;
  health.set('sink.lan', 'down', 'timed out');
  t.strictSame(health.report().parts, [{ part: 'sink.lan', state: 'down', reason: 'timed out', for_s: 5 }]);
  unwatch();
  health.forget('sink.lan');
  t.equal(calls, 2);
  t.strictSame(health.report().parts, []);
});

function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'shoal-board-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

test('the clock is synced only when a time service left its mark during this boot', async (t) => {
  const bootS = Math.round(Date.now() / 1000) - 7200;
  const stat = { 'proc/stat': `cpu 1 2\nbtime ${bootS}\n` };
  t.equal(new SystemClock({ root: tree(stat) }).mark(), 'none');
  t.equal(new SystemClock({ root: tree({ ...stat, 'run/systemd/timesync/synchronized': '' }) }).mark(), 'timesyncd');
  const drift = 'var/lib/chrony/chrony.drift';
  const root = tree({ ...stat, [drift]: '1.0 0.1' });
  t.equal(new SystemClock({ root }).mark(), 'drift-file', 'written since the boot');
  utimesSync(join(root, drift), bootS - 30, bootS - 30);
  t.equal(new SystemClock({ root }).mark(), 'none', 'left by the boot before');
  utimesSync(join(root, drift), bootS + 9000, bootS + 9000);
  t.equal(new SystemClock({ root }).mark(), 'none', 'from the future: the clock stands wrong');
});

test('monotonic milliseconds are those of the kernel, so other processes can compare them', async (t) => {
  const clock = new SystemClock();
  const before = clock.monoMs();
  const other = spawnSync(process.execPath, ['-p', 'Number(process.hrtime.bigint()) / 1e6'], { encoding: 'utf8' });
  const after = clock.monoMs();
  const there = Number(other.stdout);
  t.ok(before < there && there < after, `${before} < ${there} < ${after}`);
});

test('the board is read from proc and sys, with the limits of the cgroup', async (t) => {
  const root = tree({
    'proc/device-tree/model': 'Raspberry Pi 5 Model B Rev 1.0\0',
    'proc/cpuinfo': 'processor\t: 0\nFeatures\t: fp asimd asimddp\n',
    'proc/meminfo': 'MemTotal:        4000000 kB\nMemFree: 1 kB\nMemAvailable:    3000000 kB\n',
    'proc/self/cgroup': '0::/system.slice/shoal.service\n',
    'sys/fs/cgroup/system.slice/shoal.service/cpu.max': '150000 100000\n',
    'sys/fs/cgroup/system.slice/shoal.service/memory.max': '1000000\n',
    'sys/fs/cgroup/system.slice/shoal.service/memory.current': '400000\n',
    'sys/fs/cgroup/system.slice/memory.max': '900000\n',
    'sys/fs/cgroup/system.slice/cpu.max': 'max 100000\n',
  });
  const facts = await readBoard(root);
  t.match(facts, {
    model: 'Raspberry Pi 5 Model B Rev 1.0',
    cores_limit: 1.5,
    cpu_features: ['fp', 'asimd', 'asimddp'],
    memory_bytes: 4_096_000_000,
    memory_limit_bytes: 900_000,
    memory_available_bytes: 600_000,
  });
  const here = await readBoard();
  t.ok(here.cores >= 1 && (here.memory_bytes ?? 0) > 1e8 && here.cpu_features.length > 3 && (here.page_bytes ?? 0) >= 4096);
  t.match(here.glibc, /^2\.\d+$/);
  t.ok((await readDisk(root))?.free_bytes);
  t.equal(await readDisk(join(root, 'not-there')), null);
});

test('old cgroups count as well, and say unlimited in their own way', async (t) => {
  const files = {
    'proc/self/cgroup': '4:memory:/a\n1:cpu,cpuacct:/a\n',
    'sys/fs/cgroup/memory/a/memory.limit_in_bytes': '9223372036854771712\n',
    'sys/fs/cgroup/cpu/a/cpu.cfs_quota_us': '50000\n',
    'sys/fs/cgroup/cpu/a/cpu.cfs_period_us': '100000\n',
  };
  t.match(await readBoard(tree(files)), { cores_limit: 0.5, memory_limit_bytes: null });
  t.match(await readBoard(tree({ ...files, 'sys/fs/cgroup/cpu/a/cpu.cfs_quota_us': '-1\n' })), { cores_limit: null });
});

test('heat and throttling are told with their reason, and not knowing is told as not knowing', async (t) => {
  t.strictSame(readThermal(tree({})), { temperature_celsius: null, throttled: null, reasons: [] });
  const root = tree({
    'sys/class/thermal/thermal_zone0/temp': '61500\n',
    'sys/class/thermal/thermal_zone1/temp': '-274000\n',
    'sys/devices/platform/soc/soc:firmware/get_throttled': '50005\n',
  });
  t.strictSame(readThermal(root), {
    temperature_celsius: 61.5,
    throttled: true,
    reasons: ['the supply voltage is low', 'the board is throttled'],
  });
  const cooled = tree({ 'sys/class/thermal/cooling_device0/type': 'cpufreq-cpu0\n', 'sys/class/thermal/cooling_device0/cur_state': '2\n' });
  t.match(readThermal(cooled), { throttled: true });
});
