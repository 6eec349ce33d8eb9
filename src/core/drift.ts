/**
 * Drift: whether what comes now is distributed as it was at first, by the population stability index (PSI) with its interval.
 *
 * The reference is the first `limits.driftReferenceValues` values, in bins by their own quantiles, and a bin on each side for what was never
 * seen; `recent` is the last `limits.driftHalfValues` to twice as many. PSI = sum (p - q) ln(p / q) over the bins (N. Siddiqi, Credit Risk
 * Scorecards, 2006, where 0.1 and 0.25 are the usual marks). Without drift n m / (n + m) PSI is chi-square with bins - 1 degrees of freedom
 * (B. Yurdakul and J. Naranjo, Statistical properties of the population stability index, J. of Risk Model Validation 14(4), 2020): that mean is taken
 * off. The 95 % interval adds that variance to the one by the delta method, which holds where there is drift.
 * Values are taken as independent: of a live input neighbours are not, and the interval is then too narrow.
 * Pure. Each bin gets half a value more, so that an empty one is no infinity.
 */
import { limits } from './limits.js';

/** Counts by bin; bin i holds values above `edges[i - 1]` up to `edges[i]`, the last one all above. JSON, as all that is remembered. */
export interface DriftState {
  /** While the reference is not complete: its values so far. */
  readonly learned: readonly number[];
  /** Ascending; null while the reference is not complete. */
  readonly edges: readonly number[] | null;
  readonly reference: readonly number[];
  /** The half of the window that is full, and the one that fills. */
  readonly previous: readonly number[];
  readonly current: readonly number[];
}

export interface Drift {
  readonly psi: number;
  /** Of its 95 % interval. */
  readonly low: number;
  readonly high: number;
}

/** From where on it counts as large: the usual mark. */
export const largeDrift = 0.25;

/** Nothing is known yet. */
export function newDrift(): DriftState {
  return { learned: [], edges: null, reference: [], previous: [], current: [] };
}

/** One value more; `edges` are given where the bins are known before any value is: categories by their numbers. */
export function withValue(state: DriftState, value: number, edges?: readonly number[]): DriftState {
  if (!Number.isFinite(value)) return state;
  if (state.edges === null) {
    const learned = [...state.learned, value];
    return learned.length < limits.driftReferenceValues ? { ...state, learned } : withReference(learned, edges ?? edgesOf(learned));
  }
  const current = added(state.current, binOf(state.edges, value));
  if (sum(current) < limits.driftHalfValues) return { ...state, current };
  return { ...state, previous: current, current: current.map(() => 0) };
}

/** Null while the reference or the first half of the window is not complete. */
export function driftOf({ edges, reference, previous, current }: DriftState): Drift | null {
  if (edges === null || sum(previous) === 0) return null;
  return stability(
    reference,
    previous.map((count, i) => count + (current[i] ?? 0)),
  );
}

/** The index between two samples in the same bins, at least one value each. */
export function stability(reference: readonly number[], recent: readonly number[]): Drift {
  const [p, q] = [sharesOf(reference), sharesOf(recent)];
  const [n, m] = [sum(reference), sum(recent)];
  const raw = p.reduce((total, share, i) => total + (share - at(q, i)) * Math.log(share / at(q, i)), 0);
  const byChance = (p.length - 1) * (1 / n + 1 / m);
  // How the index moves with each share: its gradient.
  const gradient = (a: readonly number[], b: readonly number[]) => a.map((share, i) => Math.log(share / at(b, i)) + 1 - at(b, i) / share);
  const variance = varianceOf(p, gradient(p, q)) / n + varianceOf(q, gradient(q, p)) / m + (2 * byChance ** 2) / Math.max(1, p.length - 1);
  const psi = raw - byChance;
  const half = 1.96 * Math.sqrt(variance);
  return { psi: Math.max(0, psi), low: Math.max(0, psi - half), high: Math.max(0, psi + half) };
}

function withReference(values: readonly number[], edges: readonly number[]): DriftState {
  const empty = new Array<number>(edges.length + 1).fill(0);
  const reference = values.reduce<readonly number[]>((counts, value) => added(counts, binOf(edges, value)), empty);
  return { learned: [], edges, reference, previous: empty, current: empty };
}

/** Midway between neighbouring values near each tenth, and on each side of all: what is always the same has a bin of its own. */
function edgesOf(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const [least = 0, most = 0] = [sorted[0], sorted.at(-1)];
  const beyond = Math.max((most - least) * 1e-6, Math.abs(most) * 1e-6, 1e-9);
  const inner = Array.from({ length: limits.driftBins - 1 }, (_, k) => {
    const value = at(sorted, Math.floor(((k + 1) * sorted.length) / limits.driftBins));
    const below = sorted.findLast((each) => each < value);
    return below === undefined ? least - beyond : (below + value) / 2;
  });
  return [...new Set([least - beyond, ...inner, most + beyond])].sort((a, b) => a - b);
}

function binOf(edges: readonly number[], value: number): number {
  const bin = edges.findIndex((edge) => value <= edge);
  return bin < 0 ? edges.length : bin;
}

function added(counts: readonly number[], bin: number): readonly number[] {
  return counts.map((count, i) => (i === bin ? count + 1 : count));
}

function sharesOf(counts: readonly number[]): number[] {
  const total = sum(counts) + counts.length / 2;
  return counts.map((count) => (count + 0.5) / total);
}

/** Of a sum of `values` weighted by multinomial counts, for one draw. */
function varianceOf(shares: readonly number[], values: readonly number[]): number {
  const mean = shares.reduce((total, share, i) => total + share * at(values, i), 0);
  return shares.reduce((total, share, i) => total + share * (at(values, i) - mean) ** 2, 0);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function at(values: readonly number[], i: number): number {
  return values[i] ?? 0;
}
