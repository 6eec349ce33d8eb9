/** The largest difference of any number at the same place; infinite where shape, keys or words differ. */
export function distance(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b);
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b ? 0 : Number.POSITIVE_INFINITY;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length || !keys.every((key) => Object.hasOwn(b, key))) return Number.POSITIVE_INFINITY;
  return Math.max(0, ...keys.map((key) => distance(Reflect.get(a, key), Reflect.get(b, key))));
}
