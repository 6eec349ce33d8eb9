/**
 * Measures every variant of one model on this board: alone with one to n engines, then all together, interleaved, with one to n threads.
 *
 * Guarantees: native code runs in processes of their own only; a variant that fails there is said with its reason, and the others are
 * measured all the same. Compares variants by the interleaved runs only, since what slows the board then slows all.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Log } from '../../core/contracts.js';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { type Model, type ModelVariant, modelRef } from '../../core/model.js';
import type { Observation } from '../../core/result.js';
import { measureTogether } from '../../engine/measure.js';
import type { MeasureRequest, VariantRuns } from '../../engine/measure-protocol.js';
import { readCard } from '../../registry/card.js';
import { decide, median, ratioOf, referenceOf } from '../../registry/decide.js';
import type { ModelTuning, VariantTuning } from '../../registry/tuning.js';

export interface TuneEffort {
  /** Thread counts; variants are compared with the first. */
  readonly threads: readonly number[];
  /** Numbers of engines at once. */
  readonly engines: readonly number[];
  /** How long each measurement goes on. */
  readonly seconds: number;
  readonly arena: boolean;
}

type Parts = { -readonly [Key in keyof VariantTuning]: VariantTuning[Key] };

/** Throws MODEL_INVALID for a model without a golden capture: there is nothing to measure it on. */
export async function measureModel(model: Model, effort: TuneEffort, log: Log, tell: (doing: string) => void): Promise<ModelTuning> {
  const ask = await requestFor(model, effort);
  const variants: Record<string, Parts> = {};
  for (const variant of model.variants) variants[variant.name] = await measureAlone(variant, ask, effort, log, tell);
  const working = model.variants.filter(({ name }) => variants[name]?.failure === undefined);
  const reference = referenceOf(working.length > 0 ? working : model.variants);
  if (reference === undefined) throw new ShoalError('MODEL_INVALID', `${modelRef(model)} has no variants`);
  for (const threads of working.length === 0 ? [] : effort.threads) {
    tell(`all variants in turns, ${threads} ${threads === 1 ? 'thread' : 'threads'}`);
    const request = { ...ask, variants: working.map(({ name }) => name), threads };
    const [measured] = await measureTogether([request], log);
    compare(measured?.variants ?? [], reference.name, threads, threads === effort.threads[0], variants);
  }
  const { winner, reason } = decide(model, variants);
  return { measured_at: new Date().toISOString(), reference: reference.name, winner, reason, variants };
}

async function requestFor(model: Model, { seconds, arena }: TuneEffort): Promise<Omit<MeasureRequest, 'variants' | 'threads'>> {
  const [golden] = (await readCard(model.directory)).card.golden;
  if (golden === undefined) {
    throw new ShoalError('MODEL_INVALID', `${modelRef(model)} cannot be measured: its card names no golden capture`);
  }
  const file = (name: string): string => path.join(model.directory, name);
  const each = golden.each === undefined ? null : (JSON.parse(await readFile(file(golden.each), 'utf8')) as Observation[]);
  return { model, capture: file(golden.capture), each, seconds, arena };
}

/** Throughput with so many engines at once; what it takes to load, from the single one. */
async function measureAlone(
  { name, sha256, bytes }: ModelVariant,
  ask: Omit<MeasureRequest, 'variants' | 'threads'>,
  { engines }: TuneEffort,
  log: Log,
  tell: (doing: string) => void,
): Promise<Parts> {
  const found: Parts = { sha256, bytes, threads: [], engines: [] };
  for (const count of engines) {
    tell(`${name}, ${count} ${count === 1 ? 'engine' : 'engines'} at once`);
    try {
      const requests = Array.from({ length: count }, () => ({ ...ask, variants: [name], threads: 1 }));
      const all = await measureTogether(requests, log);
      const rates = all.map(({ variants, elapsedMs }) => ((variants[0]?.cpuMs.length ?? 0) / elapsedMs) * 1000);
      const failure = all.flatMap(({ variants }) => variants[0]?.failure ?? [])[0];
      if (failure !== undefined) return { ...found, engines: [], failure };
      found.engines = [...found.engines, { engines: count, captures_per_s: tidy(rates.reduce((sum, rate) => sum + rate, 0)) }];
      found.load_ms ??= tidy(all[0]?.variants[0]?.loadMs ?? 0);
      found.memory_bytes ??= all[0]?.memoryBytes ?? 0;
      found.found ??= all[0]?.variants[0]?.found ?? 0;
    } catch (error) {
      // Many engines may be too much for the memory of a board that carries one.
      if (count === engines[0]) return { ...found, failure: reasonOf(error) };
      log.warn({ model: ask.model.name, variant: name, engines: count }, `so many engines cannot be measured: ${reasonOf(error)}`);
      break;
    }
  }
  return found;
}

function compare(
  measured: readonly VariantRuns[],
  reference: string,
  threads: number,
  decides: boolean,
  variants: Record<string, Parts>,
): void {
  const against = measured.find(({ variant }) => variant === reference);
  for (const { variant, failure, cpuMs, wallMs } of measured) {
    const found = variants[variant];
    if (found === undefined) continue;
    if (failure !== undefined) found.failure = failure;
    if (failure !== undefined || cpuMs.length === 0) continue;
    found.threads = [...found.threads, { threads, runs: cpuMs.length, cpu_ms: spreadOf(cpuMs), wall_ms: spreadOf(wallMs) }];
    if (decides && variant !== reference && against !== undefined && against.failure === undefined) {
      found.cpu_ratio = ratioOf(cpuMs, against.cpuMs);
    }
  }
}

function spreadOf(values: readonly number[]): { median: number; min: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: tidy(median(sorted)), min: tidy(sorted[0] ?? 0), max: tidy(sorted.at(-1) ?? 0) };
}

/** Three digits are more than any of these figures is good for. */
function tidy(value: number): number {
  return Number(value.toPrecision(3));
}
