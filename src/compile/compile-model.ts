/**
 * From a model as shipped to its variants: the fused float, the best int8 that was found, and the best of dynamic int8, each with what was
 * measured of it.
 *
 * Guarantees: every variant comes from its recipe alone, so that it can be rebuilt bit for bit; what is chosen is chosen by one evaluator
 * and judged by another, on other samples; nothing is written. A search of bounded length: methods and weight bits first, then, where
 * accuracy is what is missing, beginnings and ends of the model in float, then single parts by the errors they take away for the arithmetic
 * they cost; no such search is monotone, so the best seen is kept.
 */
import { createHash } from 'node:crypto';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { Evaluation, Evaluator } from '../core/workbench.js';
import { judge, type Verdict } from './choose.js';
import type { Compiled, CompiledVariant, CompileTools, Trial } from './compiled.js';
import { coarseEnds, endsChoice, type FloatChoice, fineEnds, singleParts } from './float-choices.js';
import { Graph } from './graph.js';
import type { OnnxModel } from './onnx/model.js';
import { readModel } from './onnx/read.js';
import { type Part, partsOf } from './parts.js';
import { biasCorrections } from './quantize/bias-correction.js';
import { type Histograms, observe, type RangeMethod, rangesBy } from './quantize/calibrate.js';
import { equalize } from './quantize/equalize.js';
import { buildVariant, compilerGeneration, type QuantizeRecipe, type Recipe } from './recipe.js';
import { tryDynamic } from './try-dynamic.js';
import { tryPixels } from './try-pixels.js';

interface Attempt {
  readonly what: string;
  readonly quantize: QuantizeRecipe;
  /** Of the arithmetic that was given back to float. */
  readonly floatShare: number;
}

interface Judged {
  readonly evaluation: Evaluation;
  readonly verdict: Verdict;
  readonly floatShare?: number;
}

interface Tried extends Attempt, Judged {
  readonly floatShare: number;
  readonly model: Uint8Array;
}

const methods: readonly { readonly what: string; readonly method: RangeMethod; readonly bits: 7 | 8 }[] = [
  { what: '7-bit weights, 99.99 % of the values', method: { name: 'percentile', share: 0.9999 }, bits: 7 },
  { what: '7-bit weights, 99.999 % of the values', method: { name: 'percentile', share: 0.99999 }, bits: 7 },
  { what: '7-bit weights, all values', method: { name: 'min-max' }, bits: 7 },
  { what: '7-bit weights, least squared error', method: { name: 'mse' }, bits: 7 },
  { what: '8-bit weights, 99.99 % of the values', method: { name: 'percentile', share: 0.9999 }, bits: 8 },
  { what: '8-bit weights, least squared error', method: { name: 'mse' }, bits: 8 },
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
  readonly #parts: readonly Part[];
  /** From where to where the search that runs is of all there is to do. */
  #pass: readonly [number, number] = [0, 1];

  constructor(source: Uint8Array, tools: CompileTools) {
    this.#source = source;
    this.#tools = tools;
    const sha256 = createHash('sha256').update(source).digest('hex');
    this.#head = { schema: 'shoal/recipe/1', source_sha256: sha256, compiler: compilerGeneration };
    this.#fused = buildVariant(source, this.#head);
    this.#parts = partsOf(readModel(this.#fused), limits.compileParts);
  }

  async run(): Promise<Compiled> {
    this.#tools.progress('trying the fused float', 0);
    const { original, fused } = await this.#evaluate(this.#tools.evaluator, []);
    if (original.failure !== undefined) throw new ShoalError('MODEL_INVALID', `the model cannot be run: ${original.failure}`);
    const float = this.#variant('fp32', this.#fused, this.#head, fused, judgeFloat(fused, original));
    const int8 = await this.#int8();
    const dynamic = bestOf(await tryDynamic(this.#trial(), 0.98));
    const variants = [float, ...(int8 === null ? [] : [int8]), ...(dynamic === null ? [] : [dynamic])];
    return { original, variants: await tryPixels(this.#trial(), variants, 0.99) };
  }

  #trial(): Trial {
    return { source: this.#source, head: this.#head, fused: this.#fused, tools: this.#tools };
  }

  /** The best of the search, judged. Null when there is nothing to quantize. */
  async #int8(): Promise<CompiledVariant | null> {
    const best = await this.#searchAll();
    if (best === null) return null;
    this.#tools.progress(`judging int8: ${best.what}`, 0.97);
    const { original, fused, candidates } = await this.#evaluate(this.#tools.evaluator, [best.model]);
    const [evaluation] = candidates;
    if (evaluation === undefined) return null;
    const verdict = judge(evaluation, fused, original, this.#tools.budget);
    return this.#variant('int8', best.model, { ...this.#head, quantize: best.quantize }, evaluation, verdict);
  }

  #variant(name: 'fp32' | 'int8', model: Uint8Array, recipe: Recipe, evaluation: Evaluation, verdict: Verdict): CompiledVariant {
    return { name, model, recipe, evaluation, verdict };
  }

  /** Null when there is nothing to quantize. */
  async #searchAll(): Promise<Tried | null> {
    const model = readModel(this.#fused);
    this.#pass = [0, this.#tools.thorough ? 0.5 : 1];
    const plain = await this.#search(model, {});
    if (!this.#tools.thorough || equalize(new Graph(model)) === 0) return plain;
    this.#pass = [0.5, 1];
    const equalized = await this.#search(model, { equalize: true });
    return bestOf([plain, equalized].filter((found) => found !== null));
  }

  /** Of a model before it is quantized, which the recipe makes by `first`. */
  async #search(model: OnnxModel, first: Pick<QuantizeRecipe, 'equalize'>): Promise<Tried | null> {
    this.#tell('looking at the values of every tensor', 0.1);
    const { histograms, means } = await observe(model, this.#tools.calibrator);
    const graph = new Graph(model);
    const plain = methods.map(({ what, method, bits }): Attempt => {
      const ranges = roundedRanges(method, histograms);
      const corrections = biasCorrections(graph, means, new Map(Object.entries(ranges)), { bits, perChannel: true });
      return {
        what,
        quantize: { ...first, weight_bits: bits, float_nodes: [], ranges, bias_corrections: Object.fromEntries(corrections) },
        floatShare: 0,
      };
    });
    const best = bestOf(await this.#try(plain, 0.3));
    if (best === null || best.verdict.kept || !(best.verdict.cpuRatio < 1)) return best;
    const ended = await this.#keepEnds(best, plain);
    return ended.verdict.kept ? ended : this.#keepParts(ended);
  }

  /** Gives a beginning or an end of the model back to float. */
  async #keepEnds(start: Tried, plain: readonly Attempt[]): Promise<Tried> {
    const ends = coarseEnds(this.#parts.length);
    const coarse = await this.#try(
      ends.map((each) => withFloat(start, endsChoice(this.#parts, each))),
      0.45,
    );
    const best = bestOf([start, ...coarse]) ?? start;
    const at = ends[coarse.indexOf(best)];
    if (at === undefined) return start;
    const choice = endsChoice(this.#parts, at);
    const others = plain.filter(({ what }) => what !== start.what).map((each) => withFloat(each, choice));
    const near = fineEnds(this.#parts.length, at).map((each) => withFloat(start, endsChoice(this.#parts, each)));
    return bestOf([best, ...coarse, ...(await this.#try([...near, ...others], 0.6))]) ?? best;
  }

  /** Gives back to float what hurts most, part by part. */
  async #keepParts(start: Tried): Promise<Tried> {
    const singles = singleParts(this.#parts, start.quantize.float_nodes);
    const alone = await this.#try(
      singles.map((choice) => withFloat(start, choice)),
      0.7,
    );
    const worth = (i: number): number => (errorsOf(start) - errorsOf(alone[i])) / ((singles[i]?.share ?? 0) + shareMin);
    const ranked = alone.map((_, i) => i).sort((a, b) => worth(b) - worth(a) || a - b);
    const grown: Attempt[] = [];
    let [nodes, share] = [[] as readonly string[], 0];
    for (const i of ranked.slice(0, limits.compileGrowthMax + 1)) {
      nodes = [...nodes, ...(singles[i]?.nodes ?? [])];
      share += singles[i]?.share ?? 0;
      grown.push(withFloat(start, { what: `${grown.length + 1} parts in float`, nodes, share }));
    }
    return bestOf([start, ...alone, ...(await this.#try(grown.slice(1), 0.85))]) ?? start;
  }

  /** In bounded batches, each beside the original and the fused float. */
  async #try(attempts: readonly Attempt[], share: number): Promise<Tried[]> {
    const tried: Tried[] = [];
    const size = limits.candidatesMax - 2;
    for (let at = 0; at < attempts.length; at += size) {
      const batch = attempts.slice(at, at + size);
      this.#tell(`trying int8: ${batch[0]?.what}${batch.length > 1 ? ` and ${batch.length - 1} more` : ''}`, share);
      const models = batch.map(({ quantize }) => buildVariant(this.#source, { ...this.#head, quantize }));
      const { original, fused, candidates } = await this.#evaluate(this.#tools.chooser, models);
      for (const [i, attempt] of batch.entries()) {
        const [model, evaluation] = [models[i], candidates[i]];
        if (model === undefined || evaluation === undefined) continue;
        tried.push({ ...attempt, model, evaluation, verdict: judge(evaluation, fused, original, this.#tools.budget) });
      }
    }
    return tried;
  }

  #tell(message: string, share: number): void {
    const [from, to] = this.#pass;
    this.#tools.progress(message, from + share * (to - from));
  }

  async #evaluate(evaluator: Evaluator, models: readonly Uint8Array[]) {
    const named = models.map((model, i) => ({ name: `int8 candidate ${i + 1}`, model }));
    const all = await evaluator.evaluate([{ name: 'original', model: this.#source }, { name: 'fp32', model: this.#fused }, ...named]);
    const [original, fused, ...candidates] = all;
    if (original === undefined || fused === undefined)
      throw new ShoalError('SHOAL_INTERNAL', 'an evaluator answered less than it was asked');
    return { original, fused, candidates };
  }
}

/** Where a part costs next to nothing, errors decide. */
const shareMin = 0.01;

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

function withFloat({ quantize, what, floatShare }: Attempt, choice: FloatChoice): Attempt {
  const nodes = [...new Set([...quantize.float_nodes, ...choice.nodes])];
  const corrections = Object.entries(quantize.bias_corrections ?? {}).filter(([name]) => !nodes.includes(name));
  return {
    what: `${what}; ${choice.what}`,
    quantize: { ...quantize, float_nodes: nodes, bias_corrections: Object.fromEntries(corrections) },
    floatShare: floatShare + choice.share,
  };
}

function errorsOf(tried: Judged | undefined): number {
  if (tried === undefined || tried.evaluation.failure !== undefined) return Number.POSITIVE_INFINITY;
  return tried.evaluation.scores.reduce((sum, { errors }) => sum + errors, 0);
}

/**
 * Kept before refused; among the kept the most accurate of those nearly as fast as the fastest, since other samples will judge it;
 * among the refused that are faster than the float the most accurate.
 */
function bestOf<One extends Judged>(all: readonly One[]): One | null {
  const able = all.filter(({ evaluation }) => evaluation.failure === undefined);
  const kept = able.filter(({ verdict }) => verdict.kept);
  const fastest = Math.min(...kept.map(({ verdict }) => verdict.cpuRatio));
  const close = kept.filter(({ verdict }) => verdict.cpuRatio <= fastest * closeEnough);
  const faster = able.filter(({ verdict }) => verdict.cpuRatio < 1);
  const [first = []] = [close, faster, able].filter((some) => some.length > 0);
  return [...first].sort((a, b) => errorsOf(a) - errorsOf(b) || (a.floatShare ?? 0) - (b.floatShare ?? 0))[0] ?? all[0] ?? null;
}

/** Within this of the fastest, accuracy is worth more than what is left to gain. */
const closeEnough = 1.15;
