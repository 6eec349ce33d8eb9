/**
 * The last refinement: kept variants that take the bytes of an image as they are, where that is less work altogether.
 *
 * Guarantees: a variant is replaced only by one within the same budget whose run and pre-processing together take at least 3 % less CPU
 * than its own; otherwise it stays, and its reason says what was found.
 */
import type { Evaluation, PixelNormalisation } from '../core/workbench.js';
import { judge, noise, percent, type Verdict } from './choose.js';
import type { CompiledVariant, Trial } from './compiled.js';
import { Graph } from './graph.js';
import { readModel } from './onnx/read.js';
import { foldPixels } from './passes/fold-pixels.js';
import { buildVariant, type Recipe } from './recipe.js';

/** The float keeps what it computes: more than this is no rounding. */
const sameFunction = 0.001;

/** The same variants in the same order. Throws what the evaluator throws. */
export async function tryPixels(trial: Trial, variants: readonly CompiledVariant[], share: number): Promise<readonly CompiledVariant[]> {
  const { source, fused, tools } = trial;
  const { pixels } = tools;
  const able = variants.filter(({ name, verdict }) => name !== 'int8-dynamic' && verdict.kept);
  if (pixels === undefined || pixels === null || able.length === 0) return variants;
  const { input, channelOrder, mean, std } = pixels;
  if (!foldPixels(new Graph(readModel(fused)), { tensor: input.name, channelOrder, mean, std }, null)) return variants;
  tools.progress('trying pixels as bytes', share);
  const folded = able.map(({ recipe }) => withPixels(recipe, pixels));
  const models = folded.map((recipe) => buildVariant(source, recipe));
  const [original, ...others] = await tools.evaluator.evaluate([
    { name: 'original', model: source },
    ...able,
    ...models.map((model, i) => ({ name: `${able[i]?.name} from bytes`, model, inputs: [input] })),
  ]);
  const found = others.map(withPreparation);
  return variants.map((variant) => {
    const i = able.indexOf(variant);
    const [recipe, model, evaluation] = [folded[i], models[i], others[able.length + i]];
    const [float, before, after] = [found[able.findIndex(({ name }) => name === 'fp32')], found[i], found[able.length + i]];
    if (original === undefined || recipe === undefined || model === undefined || evaluation === undefined) return variant;
    if (before === undefined || after === undefined) return variant;
    const budget = variant.name === 'fp32' ? sameFunction : tools.budget;
    const verdict = judge(after, float ?? before, original, budget);
    const ratio = after.cpuMs.median / before.cpuMs.median;
    if (!verdict.kept || !(ratio <= 1 - noise)) {
      return { ...variant, verdict: told(variant.verdict, `pixels as bytes were tried and ${refusal(after, verdict, ratio, budget)}`) };
    }
    const gain = `pixels go in as bytes, for ${percent(ratio)} of what run and pre-processing took before`;
    // Of the float there is more to say than what the gate did: it is the same function.
    const kept = variant.name === 'fp32' ? { ...verdict, reason: variant.verdict.reason } : verdict;
    return { ...variant, model, recipe, inputs: [input], evaluation, verdict: told(kept, gain) };
  });
}

function refusal({ failure }: Evaluation, { bound }: Verdict, ratio: number, budget: number): string {
  if (failure !== undefined) return `cannot be judged: ${failure}`;
  if (!(bound <= budget)) return `make at most ${percent(bound)} more errors, allowed are ${percent(budget)}`;
  return `take ${percent(ratio)} of its CPU with pre-processing, which is no gain`;
}

function withPixels(recipe: Recipe, { input, channelOrder, mean, std }: PixelNormalisation): Recipe {
  return { ...recipe, pixels: { tensor: input.name, channel_order: channelOrder, mean: [...mean], std: [...std] } };
}

/** What a run costs together with the making of its inputs. */
function withPreparation(evaluation: Evaluation): Evaluation {
  const { cpuMs, prepareMs } = evaluation;
  if (prepareMs === undefined) return evaluation;
  const { median, min, max } = cpuMs;
  return { ...evaluation, cpuMs: { median: median + prepareMs.median, min: min + prepareMs.min, max: max + prepareMs.max } };
}

function told(verdict: Verdict, more: string): Verdict {
  return { ...verdict, reason: `${verdict.reason}; ${more}` };
}
