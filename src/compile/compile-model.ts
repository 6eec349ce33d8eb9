/**
 * From a model as shipped to its variants: the fused float, the best int8 that was found, and the best of dynamic int8, each with what was
 * measured of it.
 *
 * Guarantees: every variant comes from its recipe alone, so that it can be rebuilt bit for bit; calibration and evaluation are what it was
 * handed, never the same samples; nothing is written. A search of bounded length: methods and weight bits first, then, where accuracy is
 * what is missing, groups of nodes in float by the errors they take away; greedy search is not monotone, so the best seen is kept.
 */
import { createHash } from 'node:crypto';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { Evaluation } from '../core/workbench.js';
import { judge, type Verdict } from './choose.js';
import type { Compiled, CompiledVariant, CompileTools, Trial } from './compiled.js';
import { readModel } from './onnx/read.js';
import { type Histograms, observe, type RangeMethod, rangesBy } from './quantize/calibrate.js';
import { buildVariant, compilerGeneration, type QuantizeRecipe, type Recipe } from './recipe.js';
import { tryDynamic } from './try-dynamic.js';
import { tryPixels } from './try-pixels.js';

interface Attempt {
  readonly what: string;
  readonly quantize: QuantizeRecipe;
}

interface Judged {
  readonly evaluation: Evaluation;
  readonly verdict: Verdict;
}

interface Tried extends Attempt, Judged {
  readonly model: Uint8Array;
}

const methods: readonly { readonly what: string; readonly method: RangeMethod; readonly bits: 7 | 8 }[] = [
  { what: '7-bit weights, 99.99 % of the values', method: { name: 'percentile', share: 0.9999 }, bits: 7 },
  { what: '7-bit weights, 99.999 % of the values', method: { name: 'percentile', share: 0.99999 }, bits: 7 },
  { what: '7-bit weights, all values', method: { name: 'min-max' }, bits: 7 },
  { what: '8-bit weights, 99.99 % of the values', method: { name: 'percentile', share: 0.9999 }, bits: 8 },
];

/** Throws MODEL_INVALID for a model that cannot be read or run, and what the tools throw. */
export async function compileModel(source: Uint8Array, tools: CompileTools): Promise<Compiled> {
  return new Search(source, tools).run();
}

class Search {
  readonly #source: Uint8Array;
  readonly #tools: CompileTools;
  readonly #head: Recipe;
  readonly #fused: Uint8Array;
  /** First outputs of the fused model's nodes, in order. */
  readonly #nodes: readonly string[];

  constructor(source: Uint8Array, tools: CompileTools) {
    this.#source = source;
    this.#tools = tools;
    const sha256 = createHash('sha256').update(source).digest('hex');
    this.#head = { schema: 'shoal/recipe/1', source_sha256: sha256, compiler: compilerGeneration };
    this.#fused = buildVariant(source, this.#head);
    this.#nodes = readModel(this.#fused).graph.nodes.map(({ outputs }) => outputs[0] ?? '');
  }

  async run(): Promise<Compiled> {
    this.#tools.progress('trying the fused float', 0);
    const [original, fused] = await this.#evaluate([]);
    if (original === undefined || fused === undefined)
      throw new ShoalError('SHOAL_INTERNAL', 'an evaluator answered less than it was asked');
    if (original.failure !== undefined) throw new ShoalError('MODEL_INVALID', `the model cannot be run: ${original.failure}`);
    const float = this.#variant('fp32', this.#fused, this.#head, fused, judgeFloat(fused, original));
    this.#tools.progress('looking at the values of every tensor', 0.1);
    const histograms = await observe(readModel(this.#fused), this.#tools.calibrator);
    const best = await this.#search(histograms);
    const int8 =
      best === null ? [] : [this.#variant('int8', best.model, { ...this.#head, quantize: best.quantize }, best.evaluation, best.verdict)];
    const dynamic = bestOf(await tryDynamic(this.#trial(), 0.9));
    const variants = [float, ...int8, ...(dynamic === null ? [] : [dynamic])];
    return { original, variants: await tryPixels(this.#trial(), variants, 0.95) };
  }

  #trial(): Trial {
    return { source: this.#source, head: this.#head, fused: this.#fused, tools: this.#tools };
  }

  #variant(name: 'fp32' | 'int8', model: Uint8Array, recipe: Recipe, evaluation: Evaluation, verdict: Verdict): CompiledVariant {
    return { name, model, recipe, evaluation, verdict };
  }

  /** Null when there is nothing to quantize. */
  async #search(histograms: Histograms): Promise<Tried | null> {
    const plain = methods.map(({ what, method, bits }) => ({
      what,
      quantize: { weight_bits: bits, float_nodes: [], ranges: roundedRanges(method, histograms) },
    }));
    const first = await this.#try(plain, 0.35);
    const best = bestOf(first);
    if (best === null || best.verdict.kept || !(best.verdict.cpuRatio < 1)) return best;
    return this.#mix(best);
  }

  /** Gives back to float what hurts most, group by group. */
  async #mix(start: Tried): Promise<Tried> {
    const groups = groupsOf(this.#nodes, limits.compileGroups);
    const alone = await this.#try(
      groups.map((group, i) => withFloat(start, group, `part ${i + 1} of ${groups.length} in float`)),
      0.5,
    );
    const ranked = alone
      .map((tried, i) => ({ tried, group: groups[i] ?? [] }))
      .sort((a, b) => errorsOf(a.tried) - errorsOf(b.tried) || a.tried.verdict.cpuRatio - b.tried.verdict.cpuRatio);
    const grown: Attempt[] = [];
    let nodes: readonly string[] = ranked[0]?.group ?? [];
    for (const { group } of ranked.slice(1, limits.compileGrowthMax + 1)) {
      nodes = [...nodes, ...group];
      grown.push(withFloat(start, nodes, `${grown.length + 2} parts in float`));
    }
    return bestOf([start, ...alone, ...(await this.#try(grown, 0.85))]) ?? start;
  }

  /** In bounded batches, each beside the original and the fused float. */
  async #try(attempts: readonly Attempt[], share: number): Promise<Tried[]> {
    const tried: Tried[] = [];
    const size = limits.candidatesMax - 2;
    for (let at = 0; at < attempts.length; at += size) {
      const batch = attempts.slice(at, at + size);
      this.#tools.progress(`trying int8: ${batch[0]?.what}${batch.length > 1 ? ` and ${batch.length - 1} more` : ''}`, share);
      const models = batch.map(({ quantize }) => this.#build(quantize));
      const [original, fused, ...evaluations] = await this.#evaluate(models);
      for (const [i, attempt] of batch.entries()) {
        const [model, evaluation] = [models[i], evaluations[i]];
        if (model === undefined || evaluation === undefined || original === undefined || fused === undefined) continue;
        tried.push({ ...attempt, model, evaluation, verdict: judge(evaluation, fused, original, this.#tools.budget) });
      }
    }
    return tried;
  }

  #build(quantize: QuantizeRecipe): Uint8Array {
    return buildVariant(this.#source, { ...this.#head, quantize });
  }

  #evaluate(models: readonly Uint8Array[]): Promise<readonly Evaluation[]> {
    const named = models.map((model, i) => ({ name: `int8 candidate ${i + 1}`, model }));
    return this.#tools.evaluator.evaluate([{ name: 'original', model: this.#source }, { name: 'fp32', model: this.#fused }, ...named]);
  }
}

/** The fused float is the same function: it stays, unless it cannot run or is worse than rounding explains. */
function judgeFloat(fused: Evaluation, original: Evaluation): Verdict {
  const verdict = judge(fused, fused, original, 0.001);
  const ratio = fused.cpuMs.median / original.cpuMs.median;
  if (fused.failure !== undefined || !(verdict.bound <= 0.001)) return { ...verdict, cpuRatio: ratio };
  return {
    ...verdict,
    cpuRatio: ratio,
    kept: true,
    reason: `kept: the same function, for ${Number((100 * ratio).toPrecision(3))} % of the CPU of the original`,
  };
}

/** Six digits are more than eight bits can tell apart, and a recipe a person can read. */
function roundedRanges(method: RangeMethod, histograms: Histograms): QuantizeRecipe['ranges'] {
  const round = (value: number): number => Number(value.toPrecision(6));
  return Object.fromEntries([...rangesBy(method, histograms)].map(([name, [low, high]]) => [name, [round(low), round(high)]]));
}

function groupsOf(nodes: readonly string[], count: number): string[][] {
  const size = Math.max(1, Math.ceil(nodes.length / count));
  return Array.from({ length: Math.ceil(nodes.length / size) }, (_, i) => nodes.slice(i * size, (i + 1) * size));
}

function withFloat({ quantize, what }: Attempt, nodes: readonly string[], how: string): Attempt {
  return { what: `${what}; ${how}`, quantize: { ...quantize, float_nodes: [...quantize.float_nodes, ...nodes] } };
}

function errorsOf({ evaluation }: Judged): number {
  if (evaluation.failure !== undefined) return Number.POSITIVE_INFINITY;
  return evaluation.scores.reduce((sum, { errors }) => sum + errors, 0);
}

/** Kept before refused; among the kept the fastest, within noise the most accurate; among the refused the most accurate. */
function bestOf<One extends Judged>(all: readonly One[]): One | null {
  const able = all.filter(({ evaluation }) => evaluation.failure === undefined);
  const kept = able.filter(({ verdict }) => verdict.kept);
  const fastest = Math.min(...kept.map(({ verdict }) => verdict.cpuRatio));
  const close = kept.filter(({ verdict }) => verdict.cpuRatio <= fastest * 1.05);
  return (close.length > 0 ? close : able).sort((a, b) => errorsOf(a) - errorsOf(b))[0] ?? all[0] ?? null;
}
