import fc from 'fast-check';
import { test } from 'tap';
import type { Scored } from '../../src/core/calibration.js';
import { bandsOf, precisionOf, thresholdFor } from '../../src/core/precision.js';

const answers = (right: number, of: number, score = 0.9): Scored[] => Array.from({ length: of }, (_, i) => ({ score, right: i < right }));

test("the interval is Wilson's", async (t) => {
  // Source of the figures: statsmodels.stats.proportion.proportion_confint(method='wilson'), as its formula gives by hand.
  const close = (a: number, b: number) => t.ok(Math.abs(a - b) < 5e-4, `${a} is ${b}`);
  const most = precisionOf(answers(87, 100));
  t.match(most, { right: 87, of: 100, share: 0.87 });
  close(most.low, 0.7902);
  close(most.high, 0.9224);
  const all = precisionOf(answers(20, 20));
  close(all.low, 0.8389);
  t.equal(all.high, 1);
  t.equal(precisionOf(answers(0, 5)).low, 0);
  t.same(precisionOf([]), { right: 0, of: 0, share: 0, low: 0, high: 1 });
  fc.assert(
    fc.property(fc.nat(300), fc.nat(300), (a, b) => {
      const { low, high, share } = precisionOf(answers(Math.min(a, b), Math.max(a, b)));
      return low >= 0 && high <= 1 && low <= share && share <= high;
    }),
  );
});

test('bands hold every answer once, highest first', async (t) => {
  const all = [...answers(9, 10, 0.95), ...answers(1, 4, 0.6), ...answers(1, 1, 1), ...answers(0, 1, 0.3)];
  const bands = bandsOf(all);
  t.same(
    bands.map(({ from, to, right, of }) => [from, to, right, of]),
    [
      [0.9, 1, 10, 11],
      [0.6, 0.7, 1, 4],
      [0.3, 0.4, 0, 1],
    ],
  );
});

test('a threshold is named only where its whole interval shows the precision', async (t) => {
  t.equal(thresholdFor(answers(20, 20), 0.95), null, 'twenty right ones do not show 95 %');
  const all = [...answers(80, 80, 0.9), ...answers(5, 20, 0.6)];
  t.match(thresholdFor(all, 0.95), { score: 0.9, right: 80, of: 80 });
  t.equal(thresholdFor(all, 0.99), null);
  t.match(thresholdFor(answers(100, 100, 0.7), 0.95), { score: 0.7 });
});
