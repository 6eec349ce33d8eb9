/**
 * Series: their bytes there and back, and what is refused of bytes that nobody vouches for.
 */
import fc from 'fast-check';
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { channelOf, decodeSeries, encodeSeries, type Series } from '../../src/core/series.js';

const pump: Series = {
  channels: ['x', 'y'],
  rateHz: 200,
  length: 3,
  data: Float32Array.of(1, 2, 3, -4, -5, -6),
  startMs: 1_700_000_000_000,
  filled: 1,
};

test('a series comes back as it was', async (t) => {
  t.same(decodeSeries(encodeSeries(pump)), pump);
  t.same(decodeSeries(encodeSeries({ ...pump, rateHz: null, startMs: null })), { ...pump, rateHz: null, startMs: null });
  t.same(channelOf(pump, 1), Float32Array.of(-4, -5, -6));
  fc.assert(
    fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 }), (values) => {
      const series = { ...pump, channels: ['ä'], length: values.length, data: Float32Array.from(values) };
      const back = decodeSeries(encodeSeries(series));
      return back.length === values.length && back.data.every((value, i) => Object.is(value, series.data[i]));
    }),
  );
});

test('what is no whole series is refused with the reason', async (t) => {
  const bytes = encodeSeries(pump);
  const refused = (wrong: Uint8Array, reason: RegExp) => t.throws(() => decodeSeries(wrong), { code: 'CAPTURE_DECODE', message: reason });
  refused(new Uint8Array(), /no head/);
  refused(bytes.subarray(0, 40), /head is cut off/);
  refused(bytes.subarray(0, bytes.length - 1), /23 bytes of samples, 2 x 3 need 24/);
  refused(encodeSeries({ ...pump, data: Float32Array.of(1, 2, 3, 4, Number.NaN, 6) }), /sample 1 of y is no number/);
  refused(encodeSeries({ ...pump, channels: ['x', 'x'] }), /different names/);
  refused(encodeSeries({ ...pump, channels: [] }), /different names/);
  refused(encodeSeries({ ...pump, rateHz: 0 }), /rate_hz/);
  refused(encodeSeries({ ...pump, length: 1.5 }), /whole number/);
  refused(encodeSeries({ ...pump, length: limits.seriesValuesMax }), /more than/);
  refused(encodeSeries({ ...pump, filled: -1 }), /filled/);
  const noJson = Uint8Array.from(bytes);
  noJson[12] = 0x21;
  refused(noJson, /no JSON/);
});

test('no bytes crash the reader', async (t) => {
  const bytes = encodeSeries(pump);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = value;
      try {
        return decodeSeries(damaged).length > 0;
      } catch (error) {
        return (error as { code?: string }).code === 'CAPTURE_DECODE';
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
