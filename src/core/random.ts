/**
 * Chance that comes out the same every time: for figures that must not change from one look to the next. No secret may hang on it.
 *
 * Source: mulberry32, by Tommy Ettinger, public domain.
 */

/** Numbers 0 (included) .. 1 (excluded). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
