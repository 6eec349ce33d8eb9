/** How far embeddings point from those of the reference for the same thing (`of`): 1 minus the cosine, 1 where only one of the two has any. */

import type { Observation } from '../core/result.js';
import type { TaskMetric } from '../core/task.js';

export const cosineDistance: TaskMetric = {
  name: 'cosine distances',
  budget: 0.01,
  score(reference, found) {
    const expected = embeddingsOf(reference);
    const answered = embeddingsOf(found);
    const keys = [...new Set([...expected.keys(), ...answered.keys()])];
    const errors = keys.reduce((sum, key) => sum + distance(expected.get(key), answered.get(key)), 0);
    return { errors, total: expected.size };
  },
};

function embeddingsOf(observations: readonly Observation[]): Map<number, readonly number[]> {
  return new Map(observations.flatMap(({ of = -1, embedding }) => (embedding === undefined ? [] : [[of, embedding] as const])));
}

function distance(a: readonly number[] | undefined, b: readonly number[] | undefined): number {
  if (a === undefined || b === undefined || a.length !== b.length) return 1;
  const product = (x: readonly number[], y: readonly number[]) => x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0);
  const cosine = product(a, b) / Math.sqrt(product(a, a) * product(b, b));
  return Math.min(1, Math.max(0, 1 - cosine));
}
