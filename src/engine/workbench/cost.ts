/**
 * What a run of each of several open models costs: processor and wall time, side by side in one process.
 *
 * Guarantees: every candidate runs its own feeds, made of the same samples, in every round; rounds begin at another candidate each time, and the first round
 * counts for nothing; so that what a machine does meanwhile falls on all of them. Processor time is that of the whole process: nothing
 * else may run in it. Ends after `limits.costMs` or `limits.costRoundsMax` rounds, but never with fewer than `limits.costRoundsMin`.
 */
import { limits } from '../../core/limits.js';
import type { Tensors } from '../../core/tensor.js';
import type { Spread } from '../../core/workbench.js';
import type { Session } from '../session.js';

export interface Cost {
  /** Milliseconds a run. */
  readonly cpuMs: Spread;
  readonly wallMs: Spread;
}

interface Visit {
  readonly cpuMs: number;
  readonly wallMs: number;
}

/** A model and what it is fed, one after the other; a figure is the mean over the feeds. */
export interface Runnable {
  readonly session: Session;
  readonly feeds: readonly Tensors[];
}

/** In the order given. Throws what a run throws. */
export async function measureCost(all: readonly Runnable[]): Promise<Cost[]> {
  const visits: Visit[][] = all.map(() => []);
  const repeats: number[] = [];
  for (const [i, { session, feeds }] of all.entries()) {
    const { wallMs } = await visit(session, feeds, 1);
    repeats[i] = Math.max(1, Math.ceil(limits.costVisitMs / Math.max(0.001, wallMs * feeds.length)));
  }
  const began = performance.now();
  for (let round = 0; round < limits.costRoundsMax; round++) {
    if (round >= limits.costRoundsMin && performance.now() - began > limits.costMs) break;
    for (let k = 0; k < all.length; k++) {
      const i = (round + k) % all.length;
      const one = all[i];
      if (one !== undefined) visits[i]?.push(await visit(one.session, one.feeds, repeats[i] ?? 1));
    }
  }
  return visits.map((seen) => ({ cpuMs: spread(seen.map(({ cpuMs }) => cpuMs)), wallMs: spread(seen.map(({ wallMs }) => wallMs)) }));
}

async function visit(session: Session, feeds: readonly Tensors[], repeats: number): Promise<Visit> {
  const began = performance.now();
  const before = process.cpuUsage();
  for (let i = 0; i < repeats; i++) for (const feed of feeds) await session.run(feed);
  const { user, system } = process.cpuUsage(before);
  const runs = repeats * feeds.length;
  return { cpuMs: (user + system) / 1000 / runs, wallMs: (performance.now() - began) / runs };
}

export function spread(values: readonly number[]): Spread {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length / 2;
  const median = ((ordered[Math.ceil(middle) - 1] ?? 0) + (ordered[Math.floor(middle)] ?? 0)) / 2;
  return { median, min: ordered[0] ?? 0, max: ordered.at(-1) ?? 0 };
}
