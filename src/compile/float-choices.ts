/**
 * Which nodes to leave float, as lists to be tried: the search measures them, this says what is worth measuring.
 *
 * Guarantees: pure; the number of lists is bounded by the limits. The order matters: a model loses most where its tensors are wide and its
 * channels few, which is near one of its ends, while a float part in the middle pays for two conversions. So ends are tried first,
 * and single parts only where no end will do.
 */
import { limits } from '../core/limits.js';
import type { Part } from './parts.js';

export interface FloatChoice {
  /** For a person. */
  readonly what: string;
  /** First outputs of the nodes that stay float. */
  readonly nodes: readonly string[];
  /** Of the model's arithmetic. */
  readonly share: number;
}

/** How many parts at the beginning and at the end stay float. */
export interface Ends {
  readonly first: number;
  readonly last: number;
}

export function endsChoice(parts: readonly Part[], { first, last }: Ends): FloatChoice {
  const kept = parts.filter((_, i) => i < first || i >= parts.length - last);
  const places = [...(first > 0 ? [`the first ${first}`] : []), ...(last > 0 ? [`the last ${last}`] : [])];
  return choiceOf(kept, `${places.join(' and ')} of ${parts.length} parts in float`);
}

/** Beginnings and ends of growing length; never all parts. */
export function coarseEnds(count: number): Ends[] {
  const lengths = [...new Set(endShares.map((share) => Math.round(share * count)))].filter((length) => length > 0 && length < count);
  return [
    ...lengths.map((first) => ({ first, last: 0 })),
    ...lengths.filter((last) => last <= count / 2).map((last) => ({ first: 0, last })),
  ].slice(0, limits.compileEndsMax);
}

const endShares = [0.1, 0.2, 0.35, 0.5, 0.65, 0.8] as const;

/** About the best ends so far: a part or two more or fewer at the end that counts, and one at the other. */
export function fineEnds(count: number, { first, last }: Ends): Ends[] {
  const near = [-2, -1, 1, 2].map((more) => (first >= last ? { first: first + more, last } : { first, last: last + more }));
  const other = first >= last ? { first, last: last + 1 } : { first: first + 1, last };
  return [...near, other].filter(
    (ends) => ends.first >= 0 && ends.last >= 0 && ends.first + ends.last > 0 && ends.first + ends.last < count,
  );
}

/** Each part alone, beside what is float already. */
export function singleParts(parts: readonly Part[], already: readonly string[]): FloatChoice[] {
  const known = new Set(already);
  return parts.flatMap((part, i) =>
    part.nodes.every((name) => known.has(name)) ? [] : [choiceOf([part], `part ${i + 1} of ${parts.length} in float`)],
  );
}

function choiceOf(parts: readonly Part[], what: string): FloatChoice {
  return { what, nodes: parts.flatMap(({ nodes }) => nodes), share: parts.reduce((sum, { share }) => sum + share, 0) };
}
