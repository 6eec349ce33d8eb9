/** Segments of one answer that the other has nowhere: none with the same label that overlaps in time, each taken once. */

import type { Observation } from '../core/result.js';
import type { TaskMetric } from '../core/task.js';

export const differentSegments: TaskMetric = {
  name: 'segments that differ',
  budget: 0.02,
  score(reference, found) {
    const pairs = taken(reference, found).size;
    return { errors: reference.length + found.length - 2 * pairs, total: reference.length };
  },
  right(truth, found) {
    const right = taken(truth, found);
    return found.map((each) => right.has(each));
  },
};

/** The segments found that are somewhere in the reference. */
function taken(reference: readonly Observation[], found: readonly Observation[]): Set<Observation> {
  const used = new Set<Observation>();
  for (const expected of reference) {
    const same = found.find((each) => !used.has(each) && each.label === expected.label && overlap(each, expected));
    if (same !== undefined) used.add(same);
  }
  return used;
}

function overlap({ segment: a }: Observation, { segment: b }: Observation): boolean {
  return a === undefined || b === undefined ? a === b : a.start_s < b.end_s && b.start_s < a.end_s;
}
