/** Of too many, those that score best. */
import type { Observation } from '../core/result.js';

/** At most `most` of what was found, those with the highest scores, in the order they came in. */
export function best<Scored extends Pick<Observation, 'score'>>(found: readonly Scored[], most: number): readonly Scored[] {
  if (found.length <= most) return found;
  const order = found.map((_, index) => index).sort((a, b) => (found[b]?.score ?? 0) - (found[a]?.score ?? 0));
  const chosen = new Set(order.slice(0, most));
  return found.filter((_, index) => chosen.has(index));
}
