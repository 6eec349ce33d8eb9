/** What a person sees of a result with more observations than are shown. */
import { test } from 'tap';
import { resultText } from '../../src/cli/result-text.js';

test('of many observations the highest scores are shown, in their order', (t) => {
  const scores = Array.from({ length: 59 }, (_, i) => (i === 40 ? 0.9 : i === 50 ? 0.95 : 0.01 + (i % 7) / 1000));
  const observations = { anomaly: scores.map((score, i) => ({ id: `${i}`, score, label: `window-${i}` })) };
  const text = resultText({ pipeline: 'pump', outcome: 'published', capture: { name: 'today.csv' }, observations });
  const shown = text.split('\n').flatMap((line) => /window-(\d+)/.exec(line)?.[1] ?? []);
  t.equal(shown.length, 12);
  t.ok(shown.includes('40') && shown.includes('50'), 'however late they come');
  t.same(
    shown,
    [...shown].sort((a, b) => Number(a) - Number(b)),
  );
  t.match(text, /\.\.\. and 47 more \(infer --json shows all\)$/);
  t.end();
});
