/**
 * How a variant is made from the file as shipped: a small JSON file beside the model, and the build it stands for.
 *
 * Guarantees: the same source and recipe give the same bytes on every machine, or an error; no runtime takes part, and nothing is measured.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { Graph } from './graph.js';
import type { OnnxModel } from './onnx/model.js';
import { readModel } from './onnx/read.js';
import { writeModel } from './onnx/write.js';
import { simplify } from './passes/index.js';
import { equalize as equalizeChannels } from './quantize/equalize.js';
import { quantizeModel } from './quantize/quantize-model.js';

/** Of the compiler: goes up when the same recipe would give other bytes. */
export const compilerGeneration = 1;

const tensorName = z.string().min(1).max(256);

const channelNumbers = z.array(z.number()).min(1).max(limits.recipeChannelsMax);

const quantizeSchema = z.strictObject({
  equalize: z.literal(true).optional().describe('Channels between two convolutions are scaled first.'),
  weight_bits: z.literal([7, 8]).describe('7 never saturates on x86 without VNNI.'),
  float_nodes: z.array(tensorName).max(limits.recipeNamesMax).describe('First outputs of nodes that stay float.'),
  ranges: z
    .record(tensorName, z.tuple([z.number(), z.number()]))
    .refine((ranges) => Object.keys(ranges).length <= limits.recipeNamesMax, { message: `at most ${limits.recipeNamesMax} ranges` })
    .describe('What values each tensor takes, as seen over the calibration samples.'),
  bias_corrections: z
    .record(tensorName, channelNumbers)
    .refine((all) => Object.keys(all).length <= limits.recipeNamesMax, { message: `at most ${limits.recipeNamesMax} corrections` })
    .optional()
    .describe('Added to the bias of convolutions by the name of their output, a number a channel.'),
});

const recipeSchema = z.strictObject({
  schema: z.literal('shoal/recipe/1'),
  source_sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits, lower case'),
  compiler: z.int().positive(),
  quantize: quantizeSchema.optional(),
});

export type QuantizeRecipe = z.infer<typeof quantizeSchema>;

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
  if (recipe.quantize !== undefined) quantize(model, recipe.quantize);
  return writeModel(model);
}

function quantize(model: OnnxModel, { equalize, weight_bits, float_nodes, ranges, bias_corrections }: QuantizeRecipe): void {
  if (equalize) equalizeChannels(new Graph(model));
  const count = quantizeModel(model, {
    weights: { bits: weight_bits, perChannel: true },
    ranges: new Map(Object.entries(ranges)),
    floatNodes: new Set(float_nodes),
    biasCorrections: new Map(Object.entries(bias_corrections ?? {})),
  });
  if (count === 0) throw new ShoalError('MODEL_INVALID', 'the recipe quantizes nothing of this model: its ranges name no tensor of it');
}

/** The text of the file: one tensor a line, so that two recipes can be compared by eye. */
export function recipeText(recipe: Recipe): string {
  const { quantize, ...head } = recipe;
  if (quantize === undefined) return `${JSON.stringify(head, null, 2)}\n`;
  const { ranges, bias_corrections, ...options } = quantize;
  const lists = { ranges, ...(bias_corrections === undefined ? {} : { bias_corrections }) };
  const text = JSON.stringify({ ...head, quantize: options }, null, 2);
  const tail = Object.entries(lists).map(([key, list]) => {
    const lines = Object.entries(list).map(([name, numbers]) => `      ${JSON.stringify(name)}: ${JSON.stringify(numbers)}`);
    return `,\n    "${key}": {\n${lines.join(',\n')}\n    }`;
  });
  return `${text.slice(0, text.lastIndexOf('\n  }'))}${tail.join('')}\n  }\n}\n`;
}
