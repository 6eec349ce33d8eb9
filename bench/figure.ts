/**
 * What a benchmark says: figures with the targets they are held against, and the words to compare noisy runs with.
 */
export interface Figure {
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  /** Null for a figure that is only told. */
  readonly target: number | null;
  readonly better: 'lower' | 'higher';
  readonly pass: boolean;
}

/** `parts` are what the benchmark is to keep to; none for all of it. */
export type Benchmark = (parts: readonly string[]) => Promise<readonly Figure[]>;

export function figure(name: string, value: number, unit: string, better: 'lower' | 'higher', target: number | null = null): Figure {
  const pass = target === null || (better === 'lower' ? value <= target : value >= target);
  return { figure: name, value, unit, target, better, pass };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Sorted copy's value at `share` (0..1), nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

/** Shared test data, or a sentence that says how to get it. */
export function testData(): string {
  const path = process.env.SHOAL_TEST_DATA;
  if (path === undefined) throw new Error('set SHOAL_TEST_DATA to the folder with the shared test data: this benchmark reads it');
  return path;
}
