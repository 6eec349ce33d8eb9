/** Segments of one answer that the other has nowhere: none with the same label that overlaps in time, each taken once. */
import type { TaskMetric } from '../core/contracts.js';
import type { Observation } from '../core/result.js';

export const differentSegments: TaskMetric = {
  name: 'segments that differ',
  budget: 0.02,
  score(reference, found) {
    const left = [...found];
    let missed = 0;
    for (const expected of reference) {
      const at = left.findIndex((candidate) => candidate.label === expected.label && overlap(candidate, expected));
      if (at === -1) missed++;
      else left.splice(at, 1);
    }
    return { errors: missed + left.length, total: reference.length };
  },
};

function overlap({ segment: a }: Observation, { segment: b }: Observation): boolean {
  return a === undefined || b === undefined ? a === b : a.start_s < b.end_s && b.start_s < a.end_s;
}
