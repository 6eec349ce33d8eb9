/** Windows as an input hands them over, joined to what they were cut from. */
import { isDeepStrictEqual as deepEqual } from 'node:util';
import { test } from 'tap';
import { channelOf, type Series } from '../../src/core/series.js';
import { JoinedWindows } from '../../src/learn/anomaly/joined-windows.js';
import { motor } from '../support/signals.js';

const whole = { ...motor({ seconds: 12, seed: 1 }), rateHz: 100 };

/** 100 samples from `from` on, as of a clock that is `lateMs` late. */
function cut(
  from: number,
  { length = 100, lateMs = 0, series = whole }: { length?: number; lateMs?: number; series?: Series } = {},
): Series {
  const data = Float32Array.from([0, 1].flatMap((c) => [...channelOf(series, c).subarray(from, from + length)]));
  return { ...series, length, data, startMs: Math.round((series.startMs ?? 0) + (from * 1000) / (series.rateHz ?? 1)) + lateMs };
}

function join(...windows: readonly Series[]): JoinedWindows {
  const joined = new JoinedWindows('pump');
  for (const window of windows) joined.take(window);
  return joined;
}

test('windows that overlap, or follow each other, are the signal they were cut from', (t) => {
  const quick = { ...whole, rateHz: 5000 };
  for (const [hop, lateMs, series] of [
    [50, 0, whole],
    [50, 2, quick],
    [100, 0, whole],
    [100, 2, quick],
    [37, 1, quick],
  ] as const) {
    const joined = join(...Array.from({ length: 10 }, (_, i) => cut(i * hop, { lateMs: i % 2 === 0 ? 0 : lateMs, series })));
    const { window, count } = joined;
    const { rateHz } = series;
    t.strictSame({ window, count }, { window: { lengthS: 100 / rateHz, hopS: hop / rateHz, rateHz }, count: 10 }, `a hop of ${hop}`);
    const [recording, ...others] = joined.recordings();
    t.strictSame([recording?.name, others.length], ['pump', 0]);
    t.ok(deepEqual(recording?.series, cut(0, { length: 9 * hop + 100, series })), 'each sample once');
  }
  t.end();
});

test('after what was missed another stretch begins; windows with pauses between them stay alone', (t) => {
  const missed = join(cut(0), cut(50), cut(100), cut(300), cut(350));
  t.strictSame(
    missed.recordings().map(({ series }) => series.length),
    [200, 150],
  );
  t.equal(missed.window.hopS, 0.5);
  const apart = join(cut(0), cut(200), cut(400), cut(600));
  t.strictSame([apart.recordings().length, apart.window.hopS], [4, 2]);
  const places = new JoinedWindows('mic');
  places.take({ ...cut(0), startMs: null }, { id: 's', from: 0, to: 100 });
  places.take({ ...cut(25), startMs: null }, { id: 's', from: 25, to: 125 });
  places.take({ ...cut(0), startMs: null }, { id: 'other', from: 0, to: 100 });
  t.strictSame([places.recordings().map(({ series }) => series.length), places.window.hopS], [[125, 100], 0.25]);
  t.end();
});

test('windows that are not of one kind are refused, saying what is wrong', (t) => {
  const refused = (message: RegExp) => ({ code: 'LEARN_REFUSED', message });
  t.throws(() => join(cut(0), cut(50, { length: 80 })), refused(/vary: a length of 80 samples after 100/));
  t.throws(() => join(cut(0), { ...cut(50), rateHz: 50 }), refused(/vary: a rate of 50 Hz after 100 Hz/));
  t.throws(() => join(cut(0), { ...cut(50), channels: ['x', 'z'] }), refused(/vary: channels x, z after x, y/));
  t.throws(() => join({ ...cut(0), rateHz: null }), refused(/no even rate.*rate_hz/));
  t.throws(() => join(...[0, 120, 260, 380, 600, 900, 1050].map((from) => cut(from))).window, refused(/begin 1.2 to 3 s after each other/));
  t.throws(() => join().window, refused(/nothing was heard/));
  t.end();
});
