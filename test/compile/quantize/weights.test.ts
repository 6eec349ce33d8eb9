import { test } from 'tap';
import { quantizeBias, quantizeWeights } from '../../../src/compile/quantize/weights.js';

const eight = { bits: 8, perChannel: true } as const;
const seven = { bits: 7, perChannel: true } as const;

test('each channel of the named axis has the scale of its largest weight', (t) => {
  // Two rows of three: channels by row, then by column.
  const weights = Float32Array.of(1.27, 0, -0.63, 0.0127, -0.0127, 0.00635);
  const rows = quantizeWeights(weights, [2, 3], 0, eight);
  t.strictSame([...rows.scales], [0.01, 0.0001].map(Math.fround));
  t.strictSame([...rows.values], [127, 0, -63, 127, -127, 64]);
  const columns = quantizeWeights(weights, [2, 3], 1, eight);
  t.equal(columns.scales.length, 3);
  t.strictSame([...columns.values], [127, 0, -127, 1, -127, 1]);
  t.end();
});

test('one scale for all is the control: what is small in a channel of its own is lost beside a large one', (t) => {
  const { scales, values } = quantizeWeights(Float32Array.of(1.27, 0.004), [2, 1], 0, { bits: 8, perChannel: false });
  t.strictSame([...scales], [Math.fround(0.01)]);
  t.strictSame([...values], [127, 0]);
  t.end();
});

test('weights are symmetric and never reach the byte without a counterpart', (t) => {
  for (const [options, largest] of [
    [eight, 127],
    [seven, 63],
  ] as const) {
    const { values, scales } = quantizeWeights(Float32Array.of(-3, 3, 1.5, -1.5), [1, 4], 0, options);
    t.strictSame([...values.slice(0, 2)], [-largest, largest]);
    t.ok(Math.abs((values[2] ?? 0) * (scales[0] ?? 0) - 1.5) <= (scales[0] ?? 0) / 2, 'within half a step');
  }
  t.end();
});

test('two products of a byte and a 7-bit weight fit 16 bits, of an 8-bit one they do not', (t) => {
  const peak = ({ values }: { values: Int8Array }): number => 2 * 255 * Math.max(...values);
  t.ok(peak(quantizeWeights(Float32Array.of(1, 1), [1, 2], 0, seven)) <= 32767);
  t.ok(peak(quantizeWeights(Float32Array.of(1, 1), [1, 2], 0, eight)) > 32767);
  t.end();
});

test('weights of nothing but zeros have a scale to divide by', (t) => {
  const { values, scales } = quantizeWeights(new Float32Array(4), [2, 2], 0, eight);
  t.strictSame([...values], [0, 0, 0, 0]);
  t.ok(scales.every((scale) => scale > 0 && Number.isFinite(scale)));
  t.end();
});

test('a bias has the scale of its products', (t) => {
  const { values, scales } = quantizeBias(Float32Array.of(1, -2, 0.3), 0.5, Float32Array.of(0.01, 0.02, 0.04));
  t.strictSame([...scales], [0.005, 0.01, 0.02].map(Math.fround));
  t.strictSame([...values], [200, -200, 15]);
  t.end();
});

test('the scale of a channel gives way to a bias that would overflow 32 bits', (t) => {
  const bias = { values: Float32Array.of(5, 5), inputScale: 1e-4 };
  const weights = Float32Array.of(1, 1e-9);
  const { scales } = quantizeWeights(weights, [2, 1], 0, eight, bias);
  const { values } = quantizeBias(bias.values, bias.inputScale, scales);
  t.ok((scales[1] ?? 0) > 2e-8, `widened to ${scales[1]}`);
  t.equal(scales[0], Math.fround(1 / 127), 'and only that one');
  for (const [channel, value] of values.entries()) {
    t.ok(Math.abs(value) <= 2 ** 30, `${value} leaves room for sums`);
    t.ok(Math.abs(value * (scales[channel] ?? 0) * bias.inputScale - 5) < 1e-3, 'and means the same');
  }
  t.end();
});
