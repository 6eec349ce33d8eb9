import { test } from 'tap';
import { type Affine, affineOf, anchoredAffine, byteOf, clampByte, rangeOf } from '../../../src/compile/quantize/affine.js';

const meaning = (byte: number, { scale, zero }: Affine): number => scale * (byte - zero);

test('a range is spread over 256 bytes, and zero is exact', (t) => {
  for (const range of [
    [-1, 1],
    [-0.375, 14.5],
    [-23.5, 20.8],
    [0, 6],
    [-6, 0],
  ] as const) {
    const affine = affineOf(range);
    t.equal(affine.scale, Math.fround(affine.scale), 'a float32 scale');
    t.equal(meaning(byteOf(0, affine), affine), 0, `${range}: zero`);
    for (const end of range) t.ok(Math.abs(meaning(byteOf(end, affine), affine) - end) <= affine.scale, `${range}: ${end}`);
  }
  t.end();
});

test('a range on one side of zero is widened to hold it', (t) => {
  t.match(affineOf([2, 5.1]), { scale: Math.fround(5.1 / 255), zero: 0 });
  t.match(affineOf([-5.1, -2]), { scale: Math.fround(5.1 / 255), zero: 255 });
  t.end();
});

test('a tensor that is always zero has a scale all the same', (t) => {
  const affine = affineOf([0, 0]);
  t.ok(affine.scale > 0);
  t.equal(byteOf(0, affine), affine.zero);
  t.end();
});

test('a byte is the nearest one, and what lies beyond a range is at its end', (t) => {
  const affine = { scale: 0.5, zero: 10 };
  t.strictSame(
    [0, 0.2, 0.3, -5, -5.3, 122.5, 1e9, -1e9].map((value) => byteOf(value, affine)),
    [10, 10, 11, 0, 0, 255, 255, 0],
  );
  t.strictSame([-1, 0, 255, 256].map(clampByte), [0, 0, 255, 255]);
  t.end();
});

test('anchored bytes begin exactly where a gate opens', (t) => {
  for (const [span, high] of [
    [3, 3],
    [3, 14.5],
    [2.5, 0.1],
    [3, 3000],
    [3, -1],
  ] as const) {
    const affine = anchoredAffine(span, high);
    t.ok(Math.abs(meaning(0, affine) + span) < 1e-6 * span, `${span}, ${high}: byte 0 means ${meaning(0, affine)}`);
    t.ok(affine.zero >= 1 && affine.zero <= 254, 'zero is a byte between the ends');
    if (high > 0 && high < 500) t.ok(meaning(255, affine) >= high * 0.98, `${span}, ${high}: byte 255 means ${meaning(255, affine)}`);
  }
  t.end();
});

test('the range of values is what they take, of none it is empty', (t) => {
  t.strictSame(rangeOf([3, -2, 7]), [-2, 7]);
  t.strictSame(rangeOf([]), [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  t.end();
});
