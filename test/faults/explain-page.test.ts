/** The texts of docs/explain.md are what a daemon says today (`node dist/tools/make-explain-page.js`). */
import { readFile } from 'node:fs/promises';
import { test } from 'tap';
import { explainedTexts, explainPageFile, withTexts } from '../../tools/make-explain-page.js';

/** What differs from run to run and from board to board: times, ids, scores, and how much the int8 reader was sure of. */
function settled(page: string): string {
  return page
    .replace(/\d\d\d\d-\d\d-\d\dT[\d:.]+Z(, by a clock that was not synchronized)?/g, 'TIME')
    .replace(/\b[0-9.]+ ms\b/g, 'N ms')
    .replace(/^Result \S+$/gm, 'Result ID')
    .replace(/\bcapture [0-9a-z]{26}\b/g, 'capture ID')
    .replace(/ +\d+ %/g, ' N %')
    .replace(/\bscore \d\.\d\d\b/g, 'score N')
    .replace(/box [\d,]+ to [\d,]+ %/g, 'box')
    .replace(/holds for \d of 6 \(.*\)/g, 'holds for N of 6')
    .replace(/escalated: \d of 6 (.*) over \d model runs?/g, 'escalated: N of 6 $1');
}

test('shoal explain says of twelve results what the page shows', async (t) => {
  const page = await readFile(explainPageFile, 'utf8');
  const texts = await explainedTexts();
  t.equal(settled(withTexts(page, texts)), settled(page));
  t.ok(Object.keys(texts).length >= 12);
  const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  t.strictSame(headings, Object.keys(texts), 'every section has its text, in this order');
});
