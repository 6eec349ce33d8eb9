/**
 * From the file as it came to the model as it will run: the fused graph and the recipe that makes it.
 */
import { createHash } from 'node:crypto';
import { inspectModel } from '../../compile/inspect/inspect-model.js';
import { buildVariant, compilerGeneration, type Recipe, recipeText } from '../../compile/recipe.js';
import type { ImportSource } from './read-source.js';

export interface Converted {
  /** ONNX bytes that compute what the file as it came does, before any pass. */
  readonly original: Uint8Array;
  readonly model: Uint8Array;
  readonly recipe: string;
  readonly sha256: string;
  /** `int8` where most of the work is on bytes already, else `fp32`. */
  readonly variant: 'fp32' | 'int8';
}

const mostly = 0.5;

/** Throws MODEL_INVALID for a file that cannot be read, or an operator that is not known. */
export function convert({ files }: ImportSource): Converted {
  const [source = new Uint8Array(0)] = files.values();
  const sha256 = createHash('sha256').update(source).digest('hex');
  const recipe: Recipe = { schema: 'shoal/recipe/1', source_sha256: sha256, compiler: compilerGeneration };
  const model = buildVariant(source, recipe);
  const { work } = inspectModel(model);
  return { original: source, model, recipe: recipeText(recipe), sha256, variant: work.quantizedShare > mostly ? 'int8' : 'fp32' };
}
