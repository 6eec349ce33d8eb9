/** Named numbers that differ by more than 3 from those of the reference for the same thing (`of`), or that only one of the two answers has. */

import type { Observation } from '../core/result.js';
import type { TaskMetric } from '../core/task.js';

/** Less than the models' own error by far (about 5 degrees on average), more than rounding in int8 should do. */
const allowedDeg = 3;

export const differentAngles: TaskMetric = {
  name: 'angles that differ by more than 3 degrees',
  budget: 0.02,
  score(reference, found) {
    const expected = anglesOf(reference);
    const answered = anglesOf(found);
    const keys = [...new Set([...expected.keys(), ...answered.keys()])];
    const same = (key: string) => Math.abs((expected.get(key) ?? Number.NaN) - (answered.get(key) ?? Number.NaN)) <= allowedDeg;
    return { errors: keys.filter((key) => !same(key)).length, total: expected.size };
  },
};

function anglesOf(observations: readonly Observation[]): Map<string, number> {
  return new Map(
    observations.flatMap(({ of = -1, values = {} }) => Object.entries(values).map(([name, value]) => [`${of} ${name}`, value] as const)),
  );
}
