/**
 * Observations whose label is another than the reference has for the same thing (`of`), or that only one of the two answers has. Of several
 * labels for a thing the first counts, which is the likeliest; each by itself is right where it is a label of that thing.
 */

import type { Observation } from '../core/result.js';
import type { TaskMetric } from '../core/task.js';

export const differentLabels: TaskMetric = {
  name: 'labels that differ',
  budget: 0.01,
  score(reference, found) {
    const expected = labels(reference);
    const answered = labels(found);
    const keys = [...new Set([...expected.keys(), ...answered.keys()])];
    return { errors: keys.filter((key) => expected.get(key) !== answered.get(key)).length, total: expected.size };
  },
  right(truth, found) {
    return found.map(({ of, label }) => truth.some((expected) => expected.of === of && expected.label === label));
  },
};

function labels(observations: readonly Observation[]): Map<number, string> {
  return new Map(observations.map(({ of = -1, label = '' }): [number, string] => [of, label]).reverse());
}
