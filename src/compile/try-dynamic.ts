/**
 * Products with constant weights in int8 and activations of the range of each run, judged as any other variant is.
 *
 * It needs no calibration and loses little, and it pays where a model is mostly large products: the more so where static int8 is refused.
 */

import { judge } from './choose.js';
import type { CompiledVariant, Trial } from './compiled.js';
import { readModel } from './onnx/read.js';
import { dynamicProducts } from './quantize/dynamic.js';
import { buildVariant } from './recipe.js';

/** With 7 and with 8 bits for the weights; none for a model without such products. Throws what the evaluator throws. */
export async function tryDynamic({ source, head, fused, tools }: Trial, share: number): Promise<CompiledVariant[]> {
  if (dynamicProducts(readModel(fused)) === 0) return [];
  tools.progress('trying int8 without calibration', share);
  const recipes = ([7, 8] as const).map((bits) => ({ ...head, dynamic: { weight_bits: bits, float_nodes: [] } }));
  const models = recipes.map((recipe) => buildVariant(source, recipe));
  const [original, float, ...evaluations] = await tools.evaluator.evaluate([
    { name: 'original', model: source },
    { name: 'fp32', model: fused },
    ...models.map((model, i) => ({ name: `int8-dynamic candidate ${i + 1}`, model })),
  ]);
  return recipes.flatMap((recipe, i) => {
    const [model, evaluation] = [models[i], evaluations[i]];
    if (model === undefined || evaluation === undefined || original === undefined || float === undefined) return [];
    return [{ name: 'int8-dynamic' as const, model, recipe, evaluation, verdict: judge(evaluation, float, original, tools.budget) }];
  });
}
