import fc from 'fast-check';
import { test } from 'tap';
import { captureId } from '../../src/core/id.js';
import { type ClaimName, displayName, extendName, formatClaimName, parseClaimName } from '../../src/inputs/folder/claim-name.js';

const claim = fc.record({
  id: fc.integer({ min: 0, max: 2 ** 47 }).map(captureId),
  boot: fc.nat(),
  seq: fc.nat(),
  clockSynced: fc.boolean(),
  crashes: fc.nat(9),
  deaths: fc.nat(9),
  state: fc.constantFrom('w' as const, 'b' as const, 's' as const),
  original: fc.uint8Array({ minLength: 1, maxLength: 255, size: 'max' }).map((bytes) => Buffer.from(bytes)),
}) satisfies fc.Arbitrary<ClaimName>;

test('a claim survives its way through a file name, and the name fits any filesystem', async (t) => {
  let cut = 0;
  fc.assert(
    fc.property(claim, (given) => {
      const text = formatClaimName(given);
      const back = parseClaimName(text);
      if (back === null || text.length > 255 || !/^[A-Za-z0-9._%-]+$/.test(text)) return false;
      const { original, ...rest } = given;
      const whole = back.original.equals(original);
      if (!whole) cut++;
      // A cut name is stable: formatting it again gives the same file name.
      return (
        formatClaimName(back) === text &&
        JSON.stringify({ ...back, original: 0 }) === JSON.stringify({ ...rest, original: 0 }) &&
        (whole || original.length > 60)
      );
    }),
    { numRuns: 500 },
  );
  t.ok(cut > 0, 'long names were among them');
  const long = { ...(fc.sample(claim, 1)[0] as ClaimName), original: Buffer.from(`${'x'.repeat(251)}.png`) };
  t.match(formatClaimName(long), /x\.png$/, 'a cut name keeps its extension');
});

test('names that are not ours are told apart', async (t) => {
  for (const name of [
    '',
    'a.png',
    '.hidden',
    '01_1_1_s_00b_a',
    `${captureId(1)}_1_1_s_00x_a`,
    `${captureId(1)}_1_1_s_00b_ä`,
    `${captureId(1)}_1_1_s_00b_%0`,
  ]) {
    t.equal(parseClaimName(name), null, name);
  }
});

test('a name is extended before its extension and always fits', async (t) => {
  t.equal(extendName(Buffer.from('a.png'), '-2').toString(), 'a-2.png');
  t.equal(extendName(Buffer.from('.png'), '-2').toString(), '.png-2');
  fc.assert(fc.property(claim, ({ original }) => extendName(original, '-2', 11).length <= 255 - 11));
});

test('a displayed name has no character that could deceive a reader or break a line', async (t) => {
  t.equal(displayName(Buffer.from('a\r\nb\u202e\u2028.png')), 'a\\r\\nb\\u{202e}\\u{2028}.png');
  fc.assert(
    fc.property(claim, ({ original }) => {
      const shown = displayName(original);
      return shown.length <= 255 && !/[\p{Cc}\p{Cf}\p{Cs}]/u.test(shown);
    }),
  );
});
