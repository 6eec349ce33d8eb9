/**
 * Which box of a capture is which of those seen before: pairs of one label by how much they overlap, the best first.
 *
 * Pure, and deliberately without a guess of where a thing moves to: what moves by more than its own size between two captures is
 * another thing.
 */
import { edges, overlap } from './rectangle.js';
import type { Box } from './result.js';

export interface Labelled {
  readonly box: Box;
  /** Things of different labels are never the same; null for none. */
  readonly label: string | null;
}

/** For each of `known` the index of its box in `seen`, or null. Each box belongs to one at most; `minIou` is 0..1, above 0. */
export function matchBoxes(known: readonly Labelled[], seen: readonly Labelled[], minIou: number): readonly (number | null)[] {
  const pairs = known.flatMap((one, i) =>
    seen.flatMap((other, j) => {
      const iou = one.label === other.label ? overlap(edges(one.box), edges(other.box)) : 0;
      return iou >= minIou ? [{ i, j, iou }] : [];
    }),
  );
  const matches: (number | null)[] = known.map(() => null);
  const taken = new Set<number>();
  // Equal overlaps keep the order of the captures: the sort is stable.
  for (const { i, j } of pairs.sort((a, b) => b.iou - a.iou)) {
    if (matches[i] !== null || taken.has(j)) continue;
    matches[i] = j;
    taken.add(j);
  }
  return matches;
}
