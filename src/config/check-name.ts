/** A name that must be one of those that exist: said with what was probably meant. */
import { nearest } from '../core/suggest.js';
import type { Draft } from './draft.js';
import { type PathSegment, printable } from './problem.js';

export function checkName(draft: Draft, path: readonly PathSegment[], name: string, known: readonly string[], noun: string): void {
  if (known.includes(name)) return;
  const near = nearest(name, known);
  const list =
    known.length === 0
      ? `there is no ${noun} yet`
      : `known: ${known
          .slice(0, 8)
          .map((word) => printable(word, 32))
          .join(', ')}`;
  draft.add(path, `"${printable(name)}" is no ${noun}`, near === null ? list : `did you mean ${near}?`);
}
