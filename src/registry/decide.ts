/**
 * Which of the measured variants wins on this board: the fastest that is faster beyond noise and accurate enough by its card; otherwise
 * the reference stays. Pure; the sentence holds the evidence.
 */
import { limits } from '../core/limits.js';
import type { Model, ModelVariant } from '../core/model.js';
import type { VariantTuning } from './tuning.js';

export interface Decision {
  readonly winner: string;
  readonly reason: string;
}

/**
 * The variant the others are compared with: the first that states no accuracy, because it is what accuracy is stated against; the first
 * of all when each states one.
 */
export function referenceOf(variants: readonly ModelVariant[]): ModelVariant | undefined {
  return variants.find(({ accuracy }) => accuracy === undefined) ?? variants[0];
}

export interface Ratio {
  readonly median: number;
  /** Upper 95 % bound of the median. */
  readonly bound: number;
}

/** Cost over the reference's, run by run, so that what slows both cancels out. Both in the order of the runs, of one length above 0. */
export function ratioOf(cost: readonly number[], reference: readonly number[]): Ratio {
  const ratios = cost.map((value, run) => value / Math.max(reference[run] ?? value, Number.EPSILON)).sort((a, b) => a - b);
  return { median: round(median(ratios)), bound: round(ratios[upperRank(ratios.length) - 1] ?? Number.POSITIVE_INFINITY) };
}

/**
 * The rank (from 1) of the smallest value that lies above the median of what was sampled with 95 % certainty: the number of values below
 * the median is binomial with one half, whatever their distribution. The largest where there are too few to tell.
 */
export function upperRank(count: number): number {
  let probability = 0.5 ** count;
  let below = probability;
  for (let rank = 1; rank < count; rank++) {
    if (below >= 0.95) return rank;
    probability *= (count - rank + 1) / rank;
    below += probability;
  }
  return count;
}

/** `measured` holds every variant of the model. */
export function decide(model: Model, measured: Readonly<Record<string, VariantTuning>>): Decision {
  const works = model.variants.filter(({ name }) => measured[name] !== undefined && measured[name].failure === undefined);
  const reference = referenceOf(works.length > 0 ? works : model.variants);
  if (reference === undefined) return { winner: '', reason: 'it has no variants' };
  if (works.length === 0) return { winner: reference.name, reason: `no variant runs here: ${measured[reference.name]?.failure}` };
  if (model.variants.length === 1) return { winner: reference.name, reason: 'it is the only variant' };
  const others = model.variants.filter(({ name }) => name !== reference.name);
  const verdicts = others.map((variant) => ({ variant, ...judge(variant, measured[variant.name]) }));
  const [best] = verdicts.filter(({ wins }) => wins).sort((a, b) => a.median - b.median);
  if (best === undefined) {
    return { winner: reference.name, reason: `${reference.name} stays: ${verdicts.map(({ why }) => why).join('; ')}` };
  }
  return { winner: best.variant.name, reason: best.why };
}

function judge(variant: ModelVariant, measured: VariantTuning | undefined): { wins: boolean; median: number; why: string } {
  const { name, accuracy } = variant;
  const ratio = measured?.cpu_ratio;
  const no = (why: string) => ({ wins: false, median: ratio?.median ?? Number.POSITIVE_INFINITY, why: `${name} ${why}` });
  if (measured?.failure !== undefined) return no(`does not run here (${measured.failure})`);
  if (ratio === undefined) return no('was not compared');
  const speed = `takes ${percent(ratio.median)} of the CPU time (at most ${percent(ratio.bound)})`;
  if (accuracy === undefined) return no(`states no accuracy in its card, whatever its speed: it ${speed}`);
  const loses = `${accuracy.metric} at most ${points(accuracy.bound)} worse, ${points(accuracy.budget)} allowed`;
  if (accuracy.bound > accuracy.budget) return no(`is not accurate enough (${loses})`);
  if (ratio.bound > 1 - limits.tuneGainMin) return no(`is not faster here beyond noise: it ${speed}`);
  return { wins: true, median: ratio.median, why: `${name} ${speed}, and is accurate enough (${loses})` };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function points(share: number): string {
  return `${Number((share * 100).toFixed(2))} points`;
}

export function median(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
