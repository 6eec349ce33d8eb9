/** How far the scores of two answers are apart, observation by observation; one that only one of the two answers has counts as 1. */
import type { TaskMetric } from '../core/task.js';

export const differentScores: TaskMetric = {
  name: 'difference of the scores',
  budget: 0.02,
  score(reference, found) {
    let errors = 0;
    for (let i = 0; i < Math.max(reference.length, found.length); i++) {
      const [expected, answered] = [reference[i], found[i]];
      errors += expected === undefined || answered === undefined ? 1 : Math.abs(expected.score - answered.score);
    }
    return { errors, total: reference.length };
  },
};
