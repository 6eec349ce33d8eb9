/** Calibrations and their fits: properties that hold for any scores, and figures worked out by hand. */
import fc from 'fast-check';
import { test } from 'tap';
import {
  applied,
  brierScore,
  type Calibration,
  calibrated,
  expectedCalibrationError,
  fitCalibration,
  fitIsotonic,
  fitTemperature,
  isMixed,
  judgeCalibration,
  poolAdjacentViolators,
  type Scored,
} from '../../src/core/calibration.js';
import { limits } from '../../src/core/limits.js';
import { seededRandom } from '../../src/core/random.js';

/** Four decimals, as tasks give them, so that some are equal. */
const score = fc.integer({ min: 0, max: 10_000 }).map((n) => n / 10_000);
const scored = fc.record({ score, right: fc.boolean() });
const some = fc.array(scored, { minLength: 1, maxLength: 200 });
const mixed = some.filter(isMixed);
const anyFit = fc
  .tuple(mixed, fc.constantFrom('temperature', 'isotonic', 'auto'))
  .map(([all, method]) => fitCalibration(all, method as 'auto'));

/** Scores whose chance to be right is `truth(score)`. */
function drawn(count: number, seed: number, truth: (score: number) => number, low = 0): Scored[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const value = low + (1 - low) * random();
    return { score: value, right: random() < truth(value) };
  });
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const logit = (p: number) => Math.log(p / (1 - p));
const overconfident = (p: number) => sigmoid(logit(Math.min(0.9999, Math.max(0.0001, p))) / 2.5);

test('a calibration keeps scores in 0..1 and in their order', async (t) => {
  fc.assert(
    fc.property(anyFit, score, score, (calibration, a, b) => {
      const [low, high] = [calibrated(calibration, Math.min(a, b)), calibrated(calibration, Math.max(a, b))];
      return low >= 0 && high <= 1 && low <= high;
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test('a fit does not hang on the order of the observations, and stays within its bounds', async (t) => {
  fc.assert(
    fc.property(mixed, fc.constantFrom('temperature' as const, 'isotonic' as const), (all, method) => {
      const fit = fitCalibration(all, method);
      t.strictSame(fitCalibration([...all].reverse(), method), fit);
      if (fit.method === 'isotonic')
        return fit.points.length <= limits.calibrationPointsMax && fit.points.every(([, value]) => value > 0 && value < 1);
      return fit.temperature >= limits.calibrationTemperatureMin && fit.temperature <= limits.calibrationTemperatureMax;
    }),
    { numRuns: 200 },
  );
});

test('pooled steps ascend, hold everybody once, and no other rising steps are nearer', async (t) => {
  const error = (all: readonly Scored[], value: (score: number) => number) =>
    all.reduce((sum, { score: x, right }) => sum + (value(x) - (right ? 1 : 0)) ** 2, 0);
  fc.assert(
    fc.property(some, fc.array(fc.tuple(score, score), { minLength: 1, maxLength: 8 }), (all, steps) => {
      const blocks = poolAdjacentViolators(all);
      for (const [i, block] of blocks.entries()) {
        const before = blocks[i - 1];
        if (before !== undefined && (before.value >= block.value || before.score >= block.score)) return false;
      }
      const count = blocks.reduce((sum, block) => sum + block.count, 0);
      // Which block a score is in: blocks hold ascending runs of the sorted observations.
      const sorted = [...all].sort((a, b) => a.score - b.score);
      const values = new Map<number, number>();
      for (const block of blocks) for (const member of sorted.splice(0, block.count)) values.set(member.score, block.value);
      const rising = [...steps].sort((a, b) => a[0] - b[0]);
      const levels = rising.map(([, level]) => level).sort((a, b) => a - b);
      const other = (x: number) => levels[rising.filter(([from]) => from <= x).length - 1] ?? 0;
      return count === all.length && error(all, (x) => values.get(x) ?? Number.NaN) <= error(all, other) + 1e-9;
    }),
    { numRuns: 500 },
  );
  t.strictSame(
    poolAdjacentViolators([
      { score: 0.1, right: false },
      { score: 0.2, right: true },
      { score: 0.3, right: false },
      { score: 0.9, right: true },
    ]),
    [
      { score: 0.1, value: 0, count: 1 },
      { score: 0.25, value: 0.5, count: 2 },
      { score: 0.9, value: 1, count: 1 },
    ],
  );
});

test('of all temperatures the fitted one makes the truth likeliest', async (t) => {
  const loss = (all: readonly Scored[], calibration: Calibration) =>
    all.reduce((sum, { score: x, right }) => {
      const p = calibrated(calibration, x);
      return sum - Math.log(right ? p : 1 - p);
    }, 0);
  fc.assert(
    fc.property(
      mixed,
      fc.double({ min: limits.calibrationTemperatureMin, max: limits.calibrationTemperatureMax, noNaN: true }),
      (all, other) => {
        const [best, there] = [loss(all, fitTemperature(all)), loss(all, { method: 'temperature', temperature: other })];
        return best <= there + 1e-6 * Math.max(1, there);
      },
    ),
    { numRuns: 500 },
  );
  const fit = fitTemperature(drawn(20_000, 1, overconfident));
  t.ok(
    fit.method === 'temperature' && Math.abs(fit.temperature - 2.5) < 0.1,
    `the temperature that made them is found: ${JSON.stringify(fit)}`,
  );
  const honest = fitTemperature(drawn(20_000, 2, (p) => p));
  t.ok(honest.method === 'temperature' && Math.abs(honest.temperature - 1) < 0.05, 'scores that mean what they say stay');
  t.equal(calibrated({ method: 'temperature', temperature: 3 }, 0.5), 0.5);
});

test('an isotonic calibration is straight between its points, falls to 0 below them and stays level above', async (t) => {
  const calibration: Calibration = {
    method: 'isotonic',
    points: [
      [0.5, 0.2],
      [0.7, 0.4],
      [0.9, 0.8],
    ],
  };
  for (const [from, to] of [
    [0, 0],
    [0.25, 0.1],
    [0.5, 0.2],
    [0.8, 0.6],
    [0.9, 0.8],
    [1, 0.8],
  ] as const) {
    t.ok(Math.abs(calibrated(calibration, from) - to) < 1e-12, `${from} -> ${to}`);
  }
  t.equal(calibrated({ method: 'isotonic', points: [[0, 0.3]] }, 0), 0.3);
  const fit = fitIsotonic(drawn(5000, 3, (p) => p ** 3));
  for (const p of [0.2, 0.5, 0.8]) t.ok(Math.abs(calibrated(fit, p) - p ** 3) < 0.06, `the shape that made them is found at ${p}`);
});

test('the calibration error is the mean distance of bins of as many observations, and no constant beats it for nothing', async (t) => {
  const block = (value: number, right: number, of: number) =>
    Array.from({ length: of }, (_, i): Scored => ({ score: value, right: i < right }));
  t.equal(expectedCalibrationError([]), 0);
  t.ok(Math.abs(expectedCalibrationError([...block(0.6, 5, 10), ...block(0.9, 5, 10)]) - (0.1 + 0.4) / 2) < 1e-12);
  fc.assert(
    fc.property(some, (all) => {
      const error = expectedCalibrationError(all);
      return error >= 0 && error <= 1 && Math.abs(error - expectedCalibrationError([...all].reverse())) < 1e-12;
    }),
  );
  const all = drawn(2000, 4, (p) => p);
  const flat = all.map(({ right }) => ({ score: 0.5, right }));
  t.ok(
    expectedCalibrationError(flat) < 0.05 && brierScore(flat) > brierScore(all),
    'one score for all is no calibration by the Brier score',
  );
});

test('the half that judges decides, and the simpler method goes first where both are as good', async (t) => {
  const sure = judgeCalibration(drawn(1000, 5, overconfident, 0.5), drawn(1000, 6, overconfident, 0.5), 'auto');
  t.ok(sure.better && sure.eceAfter < sure.eceBefore / 2, `${sure.eceBefore} -> ${sure.eceAfter}`);
  t.equal(sure.calibration.method, 'temperature');
  const low = judgeCalibration(
    drawn(1000, 7, (p) => p / 3, 0.5),
    drawn(1000, 8, (p) => p / 3, 0.5),
    'auto',
  );
  t.equal(low.calibration.method, 'isotonic', 'no temperature brings a score from above 0.5 below it');
  t.ok(low.better && low.eceAfter < 0.06);
  const other = judgeCalibration(
    drawn(1000, 9, (p) => p / 3, 0.5),
    drawn(1000, 10, (p) => p, 0.5),
    'auto',
  );
  t.notOk(other.better, 'what was fitted on other truths is refused');
  t.same(applied(sure.calibration, [{ score: 1, right: true }]).length, 1);
});
