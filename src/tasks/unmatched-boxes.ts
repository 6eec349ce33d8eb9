/**
 * Places that one answer has and the other has not: misses plus extras, where two places are the same from an intersection over
 * union of 0.5, each matched once, the best overlaps first.
 *
 * Quads are compared as polygons, and as their boxes only where one of the two has no quad. Coordinates are shares of the image, and
 * an overlap is the same in shares as in pixels. Observations without a place never match. Scores do not count, labels only where the metric
 * says so.
 */

import type { Observation } from '../core/result.js';
import type { TaskMetric } from '../core/task.js';
import type { SampleScore } from '../core/workbench.js';
import { overlap, type Polygon } from './polygon-overlap.js';
import { boxQuad, quadBox } from './text-lines.js';

const leastOverlap = 0.5;

export const unmatchedBoxes: TaskMetric = {
  name: 'boxes not matched at IoU 0.5',
  budget: 0.03,
  score(reference, found) {
    return unmatched(reference, found, false);
  },
  right(truth, found) {
    return matched(truth, found, false);
  },
};

/** The same for things of several kinds: places with different labels never match. */
export const unmatchedLabelledBoxes: TaskMetric = {
  name: 'boxes not matched at IoU 0.5 with their label',
  budget: 0.03,
  score(reference, found) {
    return unmatched(reference, found, true);
  },
  right(truth, found) {
    return matched(truth, found, true);
  },
};

function unmatched(reference: readonly Observation[], found: readonly Observation[], labelled: boolean): SampleScore {
  const pairs = matched(reference, found, labelled).filter((each) => each).length;
  return { errors: reference.length + found.length - 2 * pairs, total: reference.length };
}

/** Of each place found, whether it is one of the reference. */
function matched(reference: readonly Observation[], found: readonly Observation[], labelled: boolean): boolean[] {
  const pairs: { readonly i: number; readonly j: number; readonly iou: number }[] = [];
  for (const [i, a] of reference.entries()) {
    for (const [j, b] of found.entries()) {
      const iou = labelled && a.label !== b.label ? 0 : similarity(a, b);
      if (iou >= leastOverlap) pairs.push({ i, j, iou });
    }
  }
  pairs.sort((a, b) => b.iou - a.iou || a.i - b.i || a.j - b.j);
  const usedReference = new Set<number>();
  const usedFound = new Set<number>();
  for (const { i, j } of pairs) {
    if (usedReference.has(i) || usedFound.has(j)) continue;
    usedReference.add(i);
    usedFound.add(j);
  }
  return found.map((_, j) => usedFound.has(j));
}

function similarity(a: Observation, b: Observation): number {
  const asQuads = a.quad !== undefined && b.quad !== undefined;
  const [one, other] = [place(a, asQuads), place(b, asQuads)];
  return one === null || other === null ? 0 : overlap(one, other);
}

function place({ quad, box }: Observation, asQuad: boolean): Polygon | null {
  if (asQuad && quad !== undefined) return quad;
  const enclosing = box ?? (quad === undefined ? undefined : quadBox(quad));
  return enclosing === undefined ? null : boxQuad(enclosing);
}
