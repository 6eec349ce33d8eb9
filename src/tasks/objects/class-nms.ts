/**
 * Non-maximum suppression within a class: of boxes of one class that overlap, the best stays. Pure; the order of equal scores is the order
 * they came in.
 */
import { limits } from '../../core/limits.js';
import { overlap } from '../../core/rectangle.js';
import type { FoundObject } from './decoder.js';

/**
 * At most `most`, best first. `maxOverlap` (intersection over union) is exclusive: a box that overlaps a better one of its class by more is
 * dropped. Of a flood only the best `limits.boxCandidatesMax` are looked at.
 */
export function classNms(found: readonly FoundObject[], maxOverlap: number, most: number): FoundObject[] {
  const ordered = [...found].sort((a, b) => b.score - a.score).slice(0, limits.boxCandidatesMax);
  const keptByKind = new Map<number, FoundObject[]>();
  const kept: FoundObject[] = [];
  for (const candidate of ordered) {
    if (kept.length === most) break;
    const better = keptByKind.get(candidate.kind) ?? [];
    if (better.some(({ box }) => overlap(box, candidate.box) > maxOverlap)) continue;
    kept.push(candidate);
    better.push(candidate);
    keptByKind.set(candidate.kind, better);
  }
  return kept;
}
