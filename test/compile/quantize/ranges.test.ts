/** From values to ranges: counts, and the three ways to choose what a byte is spent on. */
import { test } from 'tap';
import { rangesBy } from '../../../src/compile/quantize/calibrate.js';
import { Histogram } from '../../../src/compile/quantize/histogram.js';
import { leastErrorRange } from '../../../src/compile/quantize/least-error.js';
import { limits } from '../../../src/core/limits.js';
import { noise } from '../../support/graph-lab.js';

function histogramOf(...parts: readonly Float32Array[]): Histogram {
  const histogram = new Histogram();
  for (const part of parts) histogram.add(part);
  return histogram;
}

test('counts depend on which values were added, not on their order or parts', (t) => {
  const values = noise(5000).map((value, i) => value * (i % 100 === 0 ? 50 : 3));
  const whole = [...histogramOf(values).bins()];
  const small = values.filter((value) => Math.abs(value) <= 3);
  const large = values.filter((value) => Math.abs(value) > 3);
  t.strictSame([...histogramOf(small, large).bins()], whole, 'the range grew');
  t.strictSame([...histogramOf(large, small).bins()], whole, 'the range was there');
  t.strictSame([...histogramOf(values.slice().reverse()).bins()], whole);
  t.equal(
    whole.reduce((sum, [, count]) => sum + count, 0),
    5000,
    'none is lost',
  );
  t.ok(whole.length <= limits.histogramBinsMax);
  t.end();
});

test('a bin stands for the values in it', (t) => {
  const values = noise(300, 3).map((value) => value * 1000);
  const bins = [...histogramOf(values).bins()].map(([middle]) => middle);
  const width = Math.min(...bins.slice(1).map((middle, i) => middle - (bins[i] ?? 0)));
  t.equal(Math.log2(width) % 1, 0, `${width} is a power of two`);
  for (const value of values) t.ok(bins.some((middle) => Math.abs(middle - value) <= width / 2) || t.fail(`${value} is in no bin`));
  t.end();
});

test('memory is bounded for any values, and those that are not finite are left out', (t) => {
  const wild = histogramOf(Float32Array.of(1e-30), Float32Array.of(3e38, -3e38), Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY));
  t.equal(wild.total, 3);
  t.strictSame(wild.range, [Math.fround(-3e38), Math.fround(3e38)]);
  t.ok([...wild.bins()].every(([middle]) => Number.isFinite(middle)));
  t.strictSame(histogramOf(Float32Array.of(Number.NEGATIVE_INFINITY, 1, 2)).range, [1, 2]);
  const none = histogramOf(Float32Array.of(Number.NaN), new Float32Array(0));
  t.equal(none.total, 0);
  t.strictSame([...none.bins()], []);
  const constant = histogramOf(new Float32Array(10).fill(0.1));
  t.equal(constant.total, 10);
  t.strictSame(constant.range, [Math.fround(0.1), Math.fround(0.1)]);
  t.end();
});

test('the inner range leaves the share out at each end, and never reaches beyond what was seen', (t) => {
  const values = Float32Array.from({ length: 1000 }, (_, i) => i / 10);
  const histogram = histogramOf(values);
  const [low, high] = histogram.inner(0.1);
  t.ok(Math.abs(low - 10) < 0.2 && Math.abs(high - 90) < 0.2, `${low} .. ${high}`);
  t.strictSame(histogram.inner(0), [0, Math.fround(99.9)]);
  t.end();
});

test('the range of least error holds a plain distribution and cuts a lone outlier', (t) => {
  const plain = histogramOf(noise(4000).map((value) => value * 2));
  const [low, high] = leastErrorRange(plain);
  t.ok(low < -1.9 && high > 1.9, `${low} .. ${high} keeps nearly all of an even spread`);
  const outlier = histogramOf(noise(100_000), Float32Array.of(4));
  t.ok(leastErrorRange(outlier)[1] < 3.9, `${leastErrorRange(outlier)} gives one value up for the steps of all others`);
  const positive = histogramOf(noise(1000).map(Math.abs));
  t.equal(leastErrorRange(positive)[0], 0, 'a range from zero stays one');
  t.end();
});

test('the three methods answer float32 ranges in their order of width, and nothing for a tensor without values', (t) => {
  const histograms = new Map([
    ['a', histogramOf(noise(100_000), Float32Array.of(-9, 9))],
    ['empty', new Histogram()],
  ]);
  const width = (method: Parameters<typeof rangesBy>[0]): number => {
    const ranges = rangesBy(method, histograms);
    t.strictSame([...ranges.keys()], ['a']);
    const [low = 0, high = 0] = ranges.get('a') ?? [];
    t.strictSame([low, high], [low, high].map(Math.fround));
    return high - low;
  };
  const all = width({ name: 'min-max' });
  const most = width({ name: 'percentile', share: 0.999 });
  t.equal(all, 18);
  t.ok(most > 1.95 && most < 2.05, `${most}`);
  t.ok(width({ name: 'mse' }) < all);
  t.end();
});
