/**
 * Key points that one answer has elsewhere than the other, or not at all: off by more than 5 % of the box that the reference gives the thing.
 *
 * Distances count in widths and heights of that box, so the shape of the image does not matter. Answers about the same thing (`of`) are
 * compared by the names of their points; scores and labels do not count.
 */

import type { Observation, Point } from '../core/result.js';
import type { TaskMetric } from '../core/task.js';

const farthest = 0.05;

export const misplacedPoints: TaskMetric = {
  name: 'points off by more than 5 % of the box',
  budget: 0.03,
  score(reference, found) {
    const [expected, answered] = [byThing(reference), byThing(found)];
    let [errors, total] = [0, 0];
    for (const thing of new Set([...expected.keys(), ...answered.keys()])) {
      const [wanted, given] = [expected.get(thing), answered.get(thing)];
      const [truth, seen] = [wanted?.points ?? {}, given?.points ?? {}];
      total += Object.keys(truth).length;
      for (const name of new Set([...Object.keys(truth), ...Object.keys(seen)])) {
        if (!near(truth[name], seen[name], wanted)) errors++;
      }
    }
    return { errors, total };
  },
};

/** Of several answers about one thing the first counts: the best one. */
function byThing(observations: readonly Observation[]): Map<number, Observation> {
  return new Map(observations.map((observation) => [observation.of ?? -1, observation] as const).reverse());
}

function near(a: Point | undefined, b: Point | undefined, { box }: Observation = { score: 0 }): boolean {
  if (a === undefined || b === undefined) return false;
  const [width, height] = box === undefined ? [1, 1] : [box.x_max - box.x_min, box.y_max - box.y_min];
  return Math.hypot((a[0] - b[0]) / Math.max(width, 1e-6), (a[1] - b[1]) / Math.max(height, 1e-6)) <= farthest;
}
