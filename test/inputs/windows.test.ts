/**
 * Samples into windows: what is in one, what ends one, and what is counted.
 */
import fc from 'fast-check';
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { decodeSeries, type Series } from '../../src/core/series.js';
import { LiveFeed } from '../../src/inputs/live/feed.js';
import { Sources } from '../../src/inputs/sources.js';
import { windowFeed } from '../../src/inputs/window-feed.js';
import { explainWindow, planWindow, type WindowOptions } from '../../src/inputs/window-options.js';
import { type SampleClock, Windows } from '../../src/inputs/windows.js';
import { liveContext, TakingCorridor } from '../contracts/live-input-contract.js';
import { testSurroundings } from '../support/surroundings.js';

interface Seen extends Series {
  readonly endMs: number;
  readonly values: number[];
}

function gather(options: WindowOptions, clock: SampleClock = 'device', channels: readonly string[] = ['x']) {
  const plan = planWindow(options);
  if (plan === null) throw new Error('no window');
  const seen: Seen[] = [];
  const skipped: Record<string, number> = {};
  const windows = new Windows(plan, channels, clock, {
    window: (series, endMs) => seen.push({ ...series, endMs, values: [...series.data] }),
    skipped: (reason, count) => {
      skipped[reason] = (skipped[reason] ?? 0) + count;
    },
  });
  const push = (timeMs: number, ...values: number[]) => windows.push(values, 0, timeMs, timeMs);
  return { windows, push, seen, skipped };
}

test('by number, as they came: overlapping, side by side, and apart', (t) => {
  for (const [hop, expected] of [
    [
      1,
      [
        [0, 1, 2],
        [1, 2, 3],
        [2, 3, 4],
        [3, 4, 5],
        [4, 5, 6],
        [5, 6, 7],
      ],
    ],
    [
      3,
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
    ],
    [
      5,
      [
        [0, 1, 2],
        [5, 6, 7],
      ],
    ],
  ] as const) {
    const { push, seen } = gather({ window: { samples: 3, hop } });
    for (let i = 0; i < 8; i++) push(1000 + i * 7, i);
    t.same(
      seen.map(({ values }) => values),
      expected,
    );
    t.same(seen[1]?.startMs, 1000 + hop * 7);
    t.equal(seen[0]?.rateHz, null);
  }
  t.end();
});

test('by time, as they came: a window holds what is in it, even nothing', (t) => {
  const { push, seen } = gather({ window: { length_ms: 100, hop_ms: 50 }, max_gap_ms: 10_000 });
  for (const ms of [0, 60, 99, 100, 120, 160, 400, 410, 600]) push(5000 + ms, ms);
  t.same(
    seen.map(({ values }) => values),
    [[0, 60, 99], [60, 99, 100, 120], [100, 120, 160], [160], [400, 410], [400, 410]],
  );
  t.same(
    seen.map(({ endMs }) => endMs - 5000),
    [99, 120, 160, 160, 410, 410],
  );
  const apart = gather({ window: { length_ms: 10, hop_ms: 100 }, max_gap_ms: 1000 });
  for (let ms = 0; ms < 230; ms += 5) apart.push(ms, ms);
  t.same(
    apart.seen.map(({ values }) => values),
    [
      [0, 5],
      [100, 105],
      [200, 205],
    ],
  );
  t.end();
});

test('resampled: a line stays a line, whatever the steps, and what was not measured is counted', (t) => {
  const { push, seen, skipped } = gather({ window: { length_ms: 100, hop_ms: 100 }, rate_hz: 100 }, 'device', ['up', 'down']);
  for (const ms of [0, 4, 13, 21, 30, 52, 61, 75, 81, 90, 102]) push(ms, ms, -ms);
  t.equal(seen.length, 1);
  t.equal(seen[0]?.rateHz, 100);
  t.same(
    seen[0]?.values.map(Math.round),
    [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 0, -10, -20, -30, -40, -50, -60, -70, -80, -90].map((x) => x || 0),
  );
  t.equal(seen[0]?.filled, 2, 'two points of the grid lie between 30 and 52: one of each channel');
  t.same(skipped, {});
  t.end();
});

test('a window never reaches over a gap or a jump; what does not belong is counted', (t) => {
  const { push, seen, skipped } = gather({ window: { samples: 4 }, max_gap_ms: 100 });
  for (const ms of [0, 10, 10, 5, 20, 30]) push(ms, ms);
  t.same(
    seen.map(({ values }) => values),
    [[0, 10, 20, 30]],
  );
  t.same(skipped, { duplicate: 1, out_of_order: 1 });
  for (const ms of [40, 50, 200, 210, 220, 230]) push(ms, ms);
  t.same(seen[1]?.values, [200, 210, 220, 230]);
  t.equal(skipped.gap, 1);
  push(Number.NaN, 0);
  for (const ms of [240, 250]) push(ms, ms);
  push(260, Number.NaN);
  push(261, 1e300);
  for (const ms of [270, 280]) push(ms, ms);
  t.same(seen[2]?.values, [240, 250, 270, 280]);
  t.equal(skipped.no_number, 3);
  for (const value of [7, 8, 8, 9, 10]) push(290, value);
  t.same(seen[3]?.values, [7, 8, 9, 10], 'a coarse clock tells other samples with the same time');
  t.equal(skipped.duplicate, 2);
  t.end();
});

test('a clock that is set back or forward begins anew', (t) => {
  const { windows, seen, skipped } = gather({ window: { samples: 3 }, max_gap_ms: 5000 });
  const at = (arrivedMs: number, deviceMs: number) => windows.push([deviceMs], 0, arrivedMs, deviceMs);
  at(0, 1e6);
  at(10, 1e6 + 10);
  at(20, 5e5);
  at(30, 5e5 + 10);
  at(40, 5e5 + 20);
  t.same(
    seen.map(({ values }) => values),
    [[5e5, 5e5 + 10, 5e5 + 20]],
  );
  t.same(skipped, { clock_jump: 1 });
  at(50, 9e6);
  t.same(skipped, { clock_jump: 2 }, 'hours in ten milliseconds');
  at(20_050, 9e6 + 20_000);
  t.same(skipped, { clock_jump: 2, gap: 1 }, 'it was silent for as long as its clock says');
  t.end();
});

test('by arrival nothing is late or a duplicate, and blocks join without the jitter of their packets', (t) => {
  const bursts = gather({ window: { samples: 3 } }, 'arrival');
  for (const ms of [100, 100, 90, 100, 101, 102]) bursts.push(ms, ms);
  t.same(
    bursts.seen.map(({ values }) => values),
    [
      [100, 100, 90],
      [100, 101, 102],
    ],
  );
  const { windows, seen, skipped } = gather({ window: { length_ms: 1000, hop_ms: 1000 }, rate_hz: 100 }, 'arrival');
  let phase = 0;
  const rate = 2 * Math.PI * 2;
  for (let block = 0; block < 40; block++) {
    const values = Array.from({ length: 10 }, () => Math.sin((rate * phase++) / 100));
    windows.pushBlock(values, 10, 10, 1000 + block * 100 + ([0, 40, 15, 3][block % 4] ?? 0));
  }
  t.same(skipped, {});
  t.ok(seen.length >= 3);
  const worst = Math.max(
    ...seen.flatMap(({ values }, w) => values.map((value, i) => Math.abs(value - Math.sin((rate * (w * 100 + i)) / 100)))),
  );
  t.ok(worst < 0.25, `the wave is whole (${worst}): a packet 40 ms late would be 0.5 off`);
  t.end();
});

test('property: windows are what slicing the accepted samples gives, whatever comes', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 40 }) }, fc.integer({ min: -5000, max: 5000 })), {
        maxLength: 120,
      }),
      (samples, hop, steps) => {
        const { push, seen, skipped } = gather({ window: { samples, hop }, max_gap_ms: 100 });
        // The model: stretches of accepted samples, cut by slicing.
        const stretches: number[][] = [[]];
        let lastMs: number | null = null;
        let nowMs = 1e6;
        let refused = 0;
        let breaks = 0;
        for (const step of steps) {
          nowMs = (lastMs ?? nowMs) + step;
          push(nowMs, nowMs);
          if (lastMs !== null && nowMs <= lastMs && lastMs - nowMs <= limits.windowLateMs) {
            refused++;
            continue;
          }
          if (lastMs !== null && (nowMs < lastMs || nowMs - lastMs > 100)) {
            stretches.push([]);
            breaks++;
          }
          lastMs = nowMs;
          stretches.at(-1)?.push(nowMs);
        }
        const expected = stretches.flatMap((all) => {
          const windows: number[][] = [];
          for (let from = 0; from + samples <= all.length; from += hop) windows.push(all.slice(from, from + samples));
          return windows;
        });
        t.same(
          seen.map(({ values }) => values),
          expected.map((all) => all.map(Math.fround)),
        );
        t.equal((skipped.duplicate ?? 0) + (skipped.out_of_order ?? 0), refused);
        t.equal((skipped.gap ?? 0) + (skipped.clock_jump ?? 0), breaks);
      },
    ),
    { numRuns: 200 },
  );
  t.end();
});

test('property: resampling keeps lines and bounds, and grids are even', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.01, max: 60, noNaN: true }), { minLength: 2, maxLength: 200 }),
      fc.integer({ min: 20, max: 400 }),
      (steps, rate) => {
        const { push, seen, skipped } = gather({ window: { samples: 8, hop: 4 }, rate_hz: rate, max_gap_ms: 100 });
        let ms = 0;
        for (const step of steps) {
          ms += step;
          push(ms, ms);
        }
        const firstMs = steps[0] ?? 0;
        const expected = Math.floor((ms - firstMs) / (1000 / rate) + 1e-3) + 1;
        t.equal(seen.length, Math.max(0, Math.floor((expected - 8) / 4) + 1));
        for (const [w, { values }] of seen.entries()) {
          for (const [i, value] of values.entries()) t.ok(Math.abs(value - (firstMs + ((w * 4 + i) * 1000) / rate)) < 0.02, `${value}`);
        }
        t.same(skipped, {});
      },
    ),
    { numRuns: 100 },
  );
  t.end();
});

test('options: what does not go together is said', (t) => {
  t.equal(explainWindow({}), null);
  t.equal(explainWindow({ window: { length_ms: 1000, hop_ms: 500 }, rate_hz: 200 }), null);
  const bad: [WindowOptions, string][] = [
    [{ rate_hz: 5 }, 'rate_hz'],
    [{ window: {} }, 'window'],
    [{ window: { length_ms: 5, samples: 3 } }, 'window'],
    [{ window: { samples: 5, hop_ms: 5 } }, 'window.hop_ms'],
    [{ window: { length_ms: 5, hop: 5 } }, 'window.hop'],
    [{ window: { length_ms: 3_600_000 }, rate_hz: 1000 }, 'rate_hz'],
    [{ window: { length_ms: 3_600_000, hop_ms: 1 } }, 'window.hop_ms'],
  ];
  for (const [options, path] of bad) t.equal(explainWindow(options)?.path.join('.'), path);
  t.equal(planWindow({ window: { length_ms: 1000 }, rate_hz: 200 })?.length, 200);
  t.end();
});

test('a window by time that overflows is given up, and the next is whole', (t) => {
  const { push, seen, skipped } = gather({ window: { length_ms: 3_600_000 } });
  for (let i = 0; i < limits.windowSamplesMax + 10; i++) push(1000 + i, 0);
  t.same(skipped, { window_full: 1 });
  push(1000 + limits.windowSamplesMax + 3_600_000, 0);
  t.equal(seen.length, 1);
  t.end();
});

test('a window goes out as a series, by wall time', async (t) => {
  const around = testSurroundings();
  const corridor = new TakingCorridor();
  const feed = new LiveFeed('x', { piece: 'window', silentMs: null }, liveContext(`${t.testdir({})}/ledger`, around));
  feed.start(corridor.offer);
  const plan = planWindow({ window: { samples: 2 } });
  if (plan === null) throw new Error('no window');
  const arrived = new Windows(plan, ['a', 'b'], 'arrival', windowFeed(feed, around.clock, 'arrival', 'pump', 'pump/1'));
  arrived.push([1, 2], 0, around.clock.monoMs());
  arrived.push([3, 4], 0, around.clock.monoMs());
  const device = new Windows(plan, ['a'], 'device', windowFeed(feed, around.clock, 'device', 'pump'));
  device.push([1], 0, around.clock.monoMs(), 1e12);
  device.push([1], 0, around.clock.monoMs(), 1e12 + 5);
  feed.stop();
  const [first, second] = corridor.taken.map(({ capture }) => capture);
  t.match(first?.header, { kind: 'series', mediaType: 'application/vnd.shoal.series', source: 'pump/1', name: 'pump' });
  if (first === undefined || !('bytes' in first.content)) throw new Error('no bytes');
  const series = decodeSeries(first.content.bytes);
  t.same([...series.data], [1, 3, 2, 4]);
  t.ok(Math.abs((series.startMs ?? 0) - Date.now()) < 5000);
  t.equal(second?.header.capturedAt, new Date(1e12 + 5).toISOString());
});

test('of too many sources the one silent longest makes room', (t) => {
  const gone: string[] = [];
  const sources = new Sources(
    (source) => ({ source, bytes: 100 }),
    ({ source }) => gone.push(source),
  );
  for (let i = 0; i < limits.sourcesMax; i++) sources.of(`s${i}`);
  sources.of('s0');
  sources.of('new');
  t.same(gone, ['s1']);
  t.equal(sources.size, limits.sourcesMax);
  const large = new Sources(
    (source) => ({ source, bytes: limits.sourcesBytesMax / 2 }),
    ({ source }) => gone.push(source),
  );
  for (const name of ['a', 'b', 'c']) large.of(name);
  t.same(gone, ['s1', 'a']);
  t.end();
});
