/**
 * How far two readings are apart: characters to insert, remove or replace, line by line.
 *
 * Lines are matched by the observation they are about (`of`), so that a line left out costs its own characters and no other's;
 * texts about the same one are joined in their order. A character is a code point. Runs of white space are one space, those at
 * the ends are none. The deciding figure ignores spaces: a reader's own spacing is loose enough to hide or to feign a loss.
 */

import type { Observation } from '../core/result.js';
import type { TaskMetric } from '../core/task.js';
import type { SampleScore } from '../core/workbench.js';

export const characterErrors: TaskMetric = {
  name: 'characters, spaces ignored',
  budget: 0.0025,
  score: (a, b) => compare(a, b, ''),
  // A line with one wrong character is a wrong line: an operator acts on the whole of it.
  right(truth, found) {
    return found.map((line) => {
      const expected = truth.filter(({ of }) => of === line.of);
      return expected.length > 0 && compare(expected, [line], '').errors === 0;
    });
  },
};

export const characterErrorsWithSpaces: Omit<TaskMetric, 'budget'> = {
  name: 'characters with spaces',
  score: (a, b) => compare(a, b, ' '),
};

function compare(reference: readonly Observation[], found: readonly Observation[], space: string): SampleScore {
  const expected = lines(reference, space);
  const read = lines(found, space);
  let [errors, total] = [0, 0];
  for (const key of new Set([...expected.keys(), ...read.keys()])) {
    const text = expected.get(key) ?? [];
    errors += editDistance(text, read.get(key) ?? []);
    total += text.length;
  }
  return { errors, total };
}

/** Characters by what they are about; -1 is the whole image. */
function lines(observations: readonly Observation[], space: string): Map<number, string[]> {
  const texts = new Map<number, string>();
  for (const { of = -1, text = '' } of observations) texts.set(of, `${texts.get(of) ?? ''} ${text}`);
  return new Map([...texts].map(([of, text]) => [of, [...text.trim().replace(/\s+/g, space)]]));
}

/** Levenshtein distance; one row of the table is kept. */
function editDistance(from: readonly string[], to: readonly string[]): number {
  const row = Uint32Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 0; i < from.length; i++) {
    let diagonal = row[0] ?? 0;
    row[0] = i + 1;
    for (let j = 1; j <= to.length; j++) {
      const above = row[j] ?? 0;
      row[j] = Math.min(diagonal + (from[i] === to[j - 1] ? 0 : 1), above + 1, (row[j - 1] ?? 0) + 1);
      diagonal = above;
    }
  }
  return row[to.length] ?? 0;
}
