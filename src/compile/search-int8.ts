/**
 * The search for the best static int8 of a model, and its judgement.
 *
 * Guarantees: of bounded length: methods and weight bits first, then, where accuracy is what is missing, beginnings and ends of the model
 * in float, then single parts by the errors they take away for the arithmetic they cost; no such search is monotone, so the best seen is
 * kept. Only the chooser is asked on the way; the evaluator is asked once, about what was chosen.
 */
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { bestOf, errorsOf, type Judged } from './best-of.js';
import type { CompiledVariant, Trial } from './compiled.js';
import { coarseEnds, endsChoice, type FloatChoice, fineEnds, singleParts } from './float-choices.js';
import { Graph } from './graph.js';
import { judgeBeside } from './judge-beside.js';
import type { OnnxModel } from './onnx/model.js';
import { readModel } from './onnx/read.js';
import { type Part, partsOf } from './parts.js';
import { biasCorrections } from './quantize/bias-correction.js';
import { type Histograms, observe, type RangeMethod, rangesBy } from './quantize/calibrate.js';
import { equalize } from './quantize/equalize.js';
import { buildVariant, type QuantizeRecipe, type Recipe } from './recipe.js';

interface Attempt {
  readonly what: string;
  readonly quantize: QuantizeRecipe;
  /** Of the arithmetic that was given back to float. */
  readonly floatShare: number;
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

/** Null when there is nothing to quantize. `shares`: from where to where of the whole it is. Throws what the tools throw. */
export async function searchInt8(trial: Trial, shares: readonly [from: number, to: number]): Promise<CompiledVariant | null> {
  const { head, tools } = trial;
  const best = await new Search(trial, shares).run();
  if (best === null) return null;
  const { what, model, quantize } = best;
  tools.progress(`judging int8: ${what}`, shares[1]);
  const candidate = { name: 'int8' as const, model, recipe: { ...head, quantize } };
  const [found] = (await judgeBeside(trial, tools.evaluator, [candidate])).judged;
  return found ?? null;
}

class Search {
  readonly #trial: Trial;
  readonly #parts: readonly Part[];
  readonly #shares: readonly [from: number, to: number];
  /** From where to where the pass that runs is of all of the search. */
  #pass: readonly [from: number, to: number] = [0, 1];

  constructor(trial: Trial, shares: readonly [from: number, to: number]) {
    this.#trial = trial;
    this.#shares = shares;
    this.#parts = partsOf(readModel(trial.fused), limits.compileParts);
  }

  /** Null when there is nothing to quantize. */
  async run(): Promise<Tried | null> {
    const model = readModel(this.#trial.fused);
    this.#pass = [0, this.#trial.tools.thorough ? 0.5 : 1];
    const plain = await this.#search(model, {});
    if (!this.#trial.tools.thorough || equalize(new Graph(model)) === 0) return plain;
    this.#pass = [0.5, 1];
    const equalized = await this.#search(model, { equalize: true });
    return bestOf([plain, equalized]);
  }

  /** Of a model before it is quantized, which the recipe makes by `first`. */
  async #search(model: OnnxModel, first: Pick<QuantizeRecipe, 'equalize'>): Promise<Tried | null> {
    this.#tell('looking at the values of every tensor', 0.1);
    const { histograms, means } = await observe(model, this.#trial.tools.calibrator);
    if (histograms.size === 0) return null;
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

  /** In bounded batches, each beside the original and the fused float. In the order of the attempts; null for one that quantizes nothing. */
  async #try(attempts: readonly Attempt[], share: number): Promise<(Tried | null)[]> {
    const { source, head, tools } = this.#trial;
    const tried: (Tried | null)[] = [];
    const size = limits.candidatesMax - 2;
    for (let at = 0; at < attempts.length; at += size) {
      const batch = attempts.slice(at, at + size);
      this.#tell(`trying int8: ${batch[0]?.what}${batch.length > 1 ? ` and ${batch.length - 1} more` : ''}`, share);
      const able = batch.flatMap((attempt, place) => {
        const model = quantized(source, { ...head, quantize: attempt.quantize });
        return model === null ? [] : [{ ...attempt, name: `int8 candidate ${place + 1}`, model, place }];
      });
      const judged = able.length === 0 ? [] : (await judgeBeside(this.#trial, tools.chooser, able)).judged;
      tried.push(...batch.map((_, i) => judged.find(({ place }) => place === i) ?? null));
    }
    return tried;
  }

  #tell(message: string, share: number): void {
    const [from, to] = this.#shares;
    const [first, last] = this.#pass;
    this.#trial.tools.progress(message, from + (first + share * (last - first)) * (to - from));
  }
}

/** Where a part costs next to nothing, errors decide. */
const shareMin = 0.01;

/** Null for a recipe that leaves nothing in int8: the only thing left that can be wrong with one of a model that was built before. */
function quantized(source: Uint8Array, recipe: Recipe): Uint8Array | null {
  try {
    return buildVariant(source, recipe);
  } catch (error) {
    if (error instanceof ShoalError && error.code === 'MODEL_INVALID') return null;
    throw error;
  }
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
