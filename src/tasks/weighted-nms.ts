/**
 * Weighted non-maximum suppression: overlapping candidates become one, their geometry averaged by score.
 *
 * Source: the BlazeFace paper (section 4, post-processing) and MediaPipe's NonMaxSuppressionCalculator (WEIGHTED): the best
 * remaining candidate collects all that overlap it, keeps its own score, and takes the weighted mean of their coordinates.
 * Pure; the order of equal scores is the order they came in.
 */
import type { Point } from '../core/result.js';
import type { Candidate } from './blazeface.js';

type Rectangle = readonly [number, number, number, number];

function area(box: Rectangle): number {
  return Math.max(0, box[2] - box[0]) * Math.max(0, box[3] - box[1]);
}

function intersection(a: Rectangle, b: Rectangle): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Intersection over union, 0..1. */
export function overlap(a: Rectangle, b: Rectangle): number {
  const shared = intersection(a, b);
  return shared === 0 ? 0 : shared / (area(a) + area(b) - shared);
}

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
