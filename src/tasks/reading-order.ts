/**
 * The order in which a person reads boxes: rows from top to bottom, each from left to right.
 *
 * Deliberately knows no columns: text in columns comes out row by row across them.
 */
import type { Box } from '../core/result.js';

/** Sorts a copy. A box belongs to the row begun by the highest box left when its middle lies within that box's height. */
export function readingOrder<T extends { readonly box: Box }>(boxes: readonly T[]): T[] {
  const left = [...boxes].sort((a, b) => middle(a.box) - middle(b.box));
  const ordered: T[] = [];
  for (let start = 0; start < left.length; ) {
    const first = left[start]?.box;
    if (first === undefined) break;
    let end = start + 1;
    for (let next = left[end]; next !== undefined && sameRow(first, next.box); next = left[end]) end++;
    ordered.push(...left.slice(start, end).sort((a, b) => a.box.x_min - b.box.x_min));
    start = end;
  }
  return ordered;
}

function middle(box: Box): number {
  return (box.y_min + box.y_max) / 2;
}

/** Half of the smaller height: lines of different sizes on one base line still meet, neighbours in a column do not. */
function sameRow(first: Box, next: Box): boolean {
  return middle(next) - middle(first) < Math.min(first.y_max - first.y_min, next.y_max - next.y_min) / 2;
}
