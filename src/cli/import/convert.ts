/**
 * From the file as it came to the model as it will run: the fused graph and the recipe that makes it.
 */
import { importModel, sourceHash } from '../../compile/import/import-model.js';
import { inspectModel } from '../../compile/inspect/inspect-model.js';
import { writeModel } from '../../compile/onnx/write.js';
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
export function convert({ format, files }: ImportSource): Converted {
  const [main = new Uint8Array(0)] = files.values();
  const source = format === 'onnx' ? main : files;
  const sha256 = sourceHash(source);
  const recipe: Recipe = {
    schema: 'shoal/recipe/1',
    source_sha256: sha256,
    compiler: compilerGeneration,
    ...(format === 'onnx' ? {} : { import: { format } }),
  };
  const original = format === 'onnx' ? main : writeModel(importModel(files, { format }));
  const model = buildVariant(source, recipe);
  const { work } = inspectModel(model);
  return { original, model, recipe: recipeText(recipe), sha256, variant: work.quantizedShare > mostly ? 'int8' : 'fp32' };
}
