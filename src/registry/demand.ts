/**
 * What pipelines ask of this board, by what `shoal models tune` measured on it. Pure arithmetic.
 *
 * A capture costs what its stages cost on their golden captures, each run once: conditions that keep a stage from running make it less,
 * many things found and second looks make it more, and pipelines that share stages pay for each. So it is an estimate for planning; what the
 * daemon measures while it runs is what it acts on. Nothing is said of what was not measured here, but why not.
 */
import type { Model } from '../core/model.js';
import { eachOf, type PipelineSpec, type StageSpec } from '../core/pipeline.js';
import { type ModelTuning, type Tuning, tuningOf, type VariantTuning } from './tuning.js';

export interface Demand {
  readonly pipeline: string;
  /** CPU time of one capture (ms), without decoding. */
  readonly costMs: number;
  /** Captures a second if the board did nothing else, decoding included; null where it was not measured for all stages alike. */
  readonly atMostHz: number | null;
  /** Captures a second that may come, and the cores they keep busy; null where nothing bounds them. */
  readonly offered: { readonly rateHz: number; readonly cores: number } | null;
  /** The budget, and the wall time (ms) that stages which always run need with their fastest variants; null where it suffices, or may. */
  readonly short: { readonly budgetMs: number; readonly needMs: number } | null;
}

export type FindModel = (ref: string) => Model | null;

/** The demand of one pipeline as configured, or a phrase on why it is not known. */
export function demandOf(spec: PipelineSpec, find: FindModel, tuning: Tuning): Demand | string {
  const stages: VariantTuning[] = [];
  for (const { model: ref, variant } of spec.stages) {
    const measured = measuredOf(ref, find, tuning);
    if (typeof measured === 'string') return `${ref}: ${measured}`;
    const found = measured.variants[variant];
    if (found === undefined || found.failure !== undefined) return `${ref}, variant ${variant}: ${found?.failure ?? 'it was not measured'}`;
    stages.push(found);
  }
  const costs = stages.map(({ threads }) => (threads.find(({ threads: count }) => count === 1) ?? threads[0])?.cpu_ms.median);
  if (costs.includes(undefined)) return 'the CPU time of a stage was not measured';
  const costMs = costs.reduce<number>((sum, cost) => sum + (cost ?? 0), 0);
  const { maxRateHz, name } = spec;
  const offered = maxRateHz === undefined ? null : { rateHz: maxRateHz, cores: (maxRateHz * costMs) / 1000 };
  return { pipeline: name, costMs, atMostHz: atMostHz(stages), offered, short: shortBudget(spec, find, tuning) };
}

/** Whether more may come than this board of so many cores can look at. */
export function isTooMuch({ offered, atMostHz: most }: Pick<Demand, 'offered' | 'atMostHz'>, cores: number): boolean {
  return offered !== null && (offered.cores > cores || (most !== null && offered.rateHz > most));
}

function measuredOf(ref: string, find: FindModel, tuning: Tuning): ModelTuning | string {
  const model = find(ref);
  return model === null ? 'it is not installed' : tuningOf(model, tuning);
}

/** The stages of a capture follow each other in one engine, so their times add up; with as many engines as serve best. */
function atMostHz(stages: readonly VariantTuning[]): number | null {
  const counts = stages[0]?.engines.map(({ engines }) => engines) ?? [];
  const rates = counts.flatMap((count) => {
    const seconds = stages.map(({ engines }) => 1 / (engines.find((each) => each.engines === count)?.captures_per_s ?? 0));
    const rate = 1 / seconds.reduce((sum, each) => sum + each, 0);
    return rate > 0 && Number.isFinite(rate) ? [rate] : [];
  });
  return rates.length === 0 ? null : Math.max(...rates);
}

/** Only what is certain: in the cheapest of its own ways, by stages that nothing keeps from running, does it need more than it has? */
function shortBudget({ budgetMs, stages, cheaper = [], reads }: PipelineSpec, find: FindModel, tuning: Tuning): Demand['short'] {
  if (budgetMs === null || cheaper.some(({ instead }) => instead !== undefined)) return null;
  const needs = [stages, ...cheaper.map((way) => way.stages)].map((way) =>
    certain(way, reads.length > 1).reduce((sum, { model }) => sum + fastestMs(measuredOf(model, find, tuning)), 0),
  );
  const needMs = Math.min(...needs);
  return needMs > budgetMs ? { budgetMs, needMs } : null;
}

/** Behind a stage that takes any file, others may have nothing to look at. */
function certain(stages: readonly StageSpec[], gated: boolean): readonly StageSpec[] {
  const stop = stages.findIndex((stage) => stage.stop !== undefined);
  const reached = stages.slice(0, gated ? 1 : stop === -1 ? stages.length : stop + 1);
  return reached.filter((stage) => stage.when === undefined && stage.leftOut === undefined && eachOf(stage).length === 0);
}

function fastestMs(measured: ModelTuning | string): number {
  if (typeof measured === 'string') return 0;
  const times = Object.values(measured.variants).flatMap(({ failure, threads }) => (failure === undefined ? threads : []));
  return times.length === 0 ? 0 : Math.min(...times.map(({ wall_ms: wall }) => wall.median));
}
