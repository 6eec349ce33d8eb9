/**
 * Weighted non-maximum suppression: overlapping candidates become one, their geometry averaged by score.
 *
 * Source: the BlazeFace paper (section 4, post-processing) and MediaPipe's NonMaxSuppressionCalculator (WEIGHTED): the best
 * remaining candidate collects all that overlap it, keeps its own score, and takes the weighted mean of their coordinates.
 * Pure; the order of equal scores is the order they came in.
 */

import { overlap } from '../../core/rectangle.js';
import type { Point } from '../../core/result.js';
import type { Candidate } from './decoder.js';

/** Best first. `maxOverlap` is exclusive: a candidate that overlaps the best by more than it is merged. */
export function weightedNms(candidates: readonly Candidate[], maxOverlap: number): Candidate[] {
  let remaining = [...candidates].sort((a, b) => b.score - a.score);
  const kept: Candidate[] = [];
  while (remaining[0] !== undefined) {
    const best = remaining[0];
    const merged: Candidate[] = [best];
    const rest: Candidate[] = [];
    for (const candidate of remaining.slice(1)) (overlap(best.box, candidate.box) > maxOverlap ? merged : rest).push(candidate);
    kept.push(merged.length === 1 ? best : blend(best.score, merged));
    remaining = rest;
  }
  return kept;
}

function blend(score: number, merged: readonly Candidate[]): Candidate {
  const total = merged.reduce((sum, candidate) => sum + candidate.score, 0);
  const mean = (value: (candidate: Candidate) => number) => merged.reduce((sum, c) => sum + value(c) * c.score, 0) / total;
  const points = (merged[0]?.points ?? []).map(
    (_, k): Point => [mean((candidate) => candidate.points[k]?.[0] ?? 0), mean((candidate) => candidate.points[k]?.[1] ?? 0)],
  );
  return { score, box: [mean((c) => c.box[0]), mean((c) => c.box[1]), mean((c) => c.box[2]), mean((c) => c.box[3])], points };
}
