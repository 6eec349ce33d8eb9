/**
 * Where a piece of a stream of bytes begins and ends: lines, length before bytes, fixed size.
 *
 * Guarantees: memory is bounded by the largest piece allowed, whatever comes; how the bytes are cut into arrivals changes nothing; pieces are copies
 * that the caller owns; what is given up is told once, with its reason. Deliberately looks at no content.
 */

/** Why a piece was given up: longer than allowed, or begun and never ended. */
export type Dropped = 'too_long' | 'incomplete';

export interface Framer {
  /** The pieces that end within these bytes, in order. */
  push(bytes: Uint8Array): Buffer[];
  /** The source began anew: what was begun will not end. */
  reset(): void;
  /** The beginning of the next piece cannot be told any more: nothing comes until `reset`. */
  readonly lost: boolean;
}
