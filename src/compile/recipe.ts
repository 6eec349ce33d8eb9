/**
 * How a variant is made from the file as shipped: a small JSON file beside the model, and the build it stands for.
 *
 * Guarantees: the same source and recipe give the same bytes on every machine, or an error; no runtime takes part, and nothing is measured.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { reasonOf, ShoalError } from '../core/errors.js';
import { readModel } from './onnx/read.js';
import { writeModel } from './onnx/write.js';
import { simplify } from './passes/index.js';

/** Of the compiler: goes up when the same recipe would give other bytes. */
export const compilerGeneration = 1;

const recipeSchema = z.strictObject({
  schema: z.literal('shoal/recipe/1'),
  source_sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits, lower case'),
  compiler: z.int().positive(),
});

/** Without more it is the fused float: all passes, nothing else. */
export type Recipe = z.infer<typeof recipeSchema>;

/** Throws MODEL_INVALID, naming the file and every key that is wrong. */
export function parseRecipe(text: string, file: string): Recipe {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (cause) {
    throw new ShoalError('MODEL_INVALID', `${file}: not readable as JSON: ${reasonOf(cause)}`, { cause });
  }
  const parsed = recipeSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'recipe'}: ${issue.message}`);
  throw new ShoalError('MODEL_INVALID', `${file}: ${problems.join('; ')}`);
}

/**
 * The ONNX bytes of the variant. `source` must not change meanwhile. Throws MODEL_HASH for another source than the recipe names, and
 * MODEL_INVALID for a recipe of another generation of the compiler or a source that is no model.
 */
export function buildVariant(source: Uint8Array, recipe: Recipe): Uint8Array {
  const found = createHash('sha256').update(source).digest('hex');
  if (found !== recipe.source_sha256) {
    throw new ShoalError('MODEL_HASH', `the source has SHA-256 ${found}, its recipe is for ${recipe.source_sha256}`);
  }
  if (recipe.compiler !== compilerGeneration) {
    throw new ShoalError(
      'MODEL_INVALID',
      `the recipe is of compiler generation ${recipe.compiler}, this is ${compilerGeneration}: compile the model again`,
    );
  }
  const model = readModel(source);
  simplify(model);
  return writeModel(model);
}
