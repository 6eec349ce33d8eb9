/** How far the named values of two answers are apart, relative to their size; a value that only one of the two answers has counts as 1. */
import type { TaskMetric } from '../core/task.js';

export const differentValues: TaskMetric = {
  name: 'relative difference of the values',
  budget: 0.001,
  score(reference, found) {
    let errors = 0;
    let total = 0;
    for (let i = 0; i < Math.max(reference.length, found.length); i++) {
      const [expected, answered] = [reference[i]?.values ?? {}, found[i]?.values ?? {}];
      for (const name of new Set([...Object.keys(expected), ...Object.keys(answered)])) {
        total++;
        errors += apart(expected[name], answered[name]);
      }
    }
    return { errors, total };
  },
};

function apart(a: number | undefined, b: number | undefined): number {
  if (a === undefined || b === undefined) return 1;
  return Math.min(1, Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b), 1e-6));
}
