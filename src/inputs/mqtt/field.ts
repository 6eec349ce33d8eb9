/**
 * Where in a parsed payload a field is, and what stands there: numbers and times.
 */

/** The keys to follow. `a.b.0` or, for keys with dots, a JSON pointer (RFC 6901) `/a.x/0`. */
export function parsePath(path: string): readonly string[] {
  if (!path.startsWith('/')) return path.split('.');
  return path
    .slice(1)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What is there, or undefined. */
export function follow(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const key of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** NaN for what is none. Devices write numbers as text, and switches as words. */
export function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string') return Number.NaN;
  if (value === 'ON' || value === 'on') return 1;
  if (value === 'OFF' || value === 'off') return 0;
  return value.trim() === '' ? Number.NaN : Number(value);
}

/** Year 2200: what is later is no time. */
const lastMs = 7_258_118_400_000;

/**
 * Ms since 1970, NaN for what is no time. A number is seconds, milliseconds, microseconds or nanoseconds since 1970, told by its size (which is
 * sure from 1973 on); a text is such a number or ISO 8601.
 */
export function toTimeMs(value: unknown): number {
  let number = Number.NaN;
  if (typeof value === 'number') number = value;
  else if (typeof value === 'string') {
    if (value.charAt(4) === '-') return soundTimeMs(Date.parse(value));
    number = toNumber(value);
  }
  if (number < 1e11) return soundTimeMs(number * 1000);
  if (number < 1e14) return soundTimeMs(number);
  return soundTimeMs(number < 1e17 ? number / 1e3 : number / 1e6);
}

/** NaN for what lies before 1970 or after 2200. */
export function soundTimeMs(ms: number): number {
  return ms >= 0 && ms <= lastMs ? ms : Number.NaN;
}
