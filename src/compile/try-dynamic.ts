/**
 * Products with constant weights in int8 and activations of the range of each run, chosen and judged as any other variant is.
 *
 * It needs no calibration and loses little, and it pays where a model is mostly large products: the more so where static int8 is refused.
 */
import { bestOf } from './best-of.js';
import type { CompiledVariant, Trial } from './compiled.js';
import { judgeBeside } from './judge-beside.js';
import { readModel } from './onnx/read.js';
import { dynamicProducts } from './quantize/dynamic.js';
import { buildVariant } from './recipe.js';

/** The better of 7 and 8 bits for the weights; null for a model without such products. Throws what the tools throw. */
export async function tryDynamic(trial: Trial, share: number): Promise<CompiledVariant | null> {
  const { source, head, fused, tools } = trial;
  if (dynamicProducts(readModel(fused)) === 0) return null;
  tools.progress('trying int8 without calibration', share);
  const attempts = ([7, 8] as const).map((bits) => {
    const recipe = { ...head, dynamic: { weight_bits: bits, float_nodes: [] } };
    return { name: `int8-dynamic, ${bits}-bit weights`, recipe, model: buildVariant(source, recipe) };
  });
  const { judged: compared } = await judgeBeside(trial, tools.chooser, attempts);
  const best = bestOf(compared);
  if (best === null) return null;
  const { model, recipe } = best;
  const [found] = (await judgeBeside(trial, tools.evaluator, [{ name: 'int8-dynamic' as const, model, recipe }])).judged;
  return found ?? null;
}
