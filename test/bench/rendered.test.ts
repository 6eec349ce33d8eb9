import { test } from 'tap';
import { renderLine } from '../../bench/rendered/line.js';
import { seeded } from '../../bench/rendered/random.js';
import { calibrationSet, heldOut } from '../../bench/rendered/sets.js';
import { lineOfText } from '../../bench/rendered/vocabulary.js';

test('what calibrates a model is in nothing that judges it', async (t) => {
  for (const list of ['words', 'units', 'codes'] as const) {
    const judging = new Set(heldOut.vocabulary[list].map((word) => word.toLowerCase()));
    const shared = calibrationSet.vocabulary[list].filter((word) => judging.has(word.toLowerCase()));
    t.same(shared, [], list);
  }
  t.same(
    calibrationSet.fonts.filter((font) => heldOut.fonts.includes(font)),
    [],
  );
  t.same(
    calibrationSet.photos.filter((photo) => heldOut.photos.includes(photo)),
    [],
  );
  t.ok(Math.abs(calibrationSet.seed - heldOut.seed) > 2_000_000, 'lines and pages count from far apart');
});

test('a line is its seed: the same image twice, another one for the next', async (t) => {
  const first = await renderLine(3, heldOut);
  const again = await renderLine(3, heldOut);
  const next = await renderLine(4, heldOut);
  t.equal(first.text, again.text);
  t.ok(first.encoded.equals(again.encoded));
  t.notOk(first.encoded.equals(next.encoded));
});

test('lines of text hold letters of both cases, digits and punctuation, and no space at an end', async (t) => {
  const random = seeded(1);
  const lines = Array.from({ length: 200 }, () => lineOfText(random, heldOut.vocabulary));
  for (const line of lines) t.match(line, /^\S(.*\S)?$/);
  const all = lines.join('');
  for (const kind of [/[a-z]/, /[A-Z]/, /[0-9]/, /[.,:;!?]/, /%|kWh/]) t.match(all, kind);
});
