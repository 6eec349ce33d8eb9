/**
 * How a variant is made from the file or files as shipped: a small JSON file beside the model, and the build it stands for.
 *
 * Guarantees: the same source and recipe give the same bytes on every machine, or an error; no runtime takes part, and nothing is measured.
 */
import { z } from 'zod';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { Graph } from './graph.js';
import { importModel, importSchema, mainFileOf, type SourceFiles, sourceHash } from './import/import-model.js';
import type { OnnxModel } from './onnx/model.js';
import { readModel } from './onnx/read.js';
import { writeModel } from './onnx/write.js';
import { foldPixels } from './passes/fold-pixels.js';
import { simplify } from './passes/index.js';
import { quantizeDynamically } from './quantize/dynamic.js';
import { equalize } from './quantize/equalize.js';
import { quantizeModel } from './quantize/quantize-model.js';
import { speechFrames } from './speech-frames.js';

/** Of the compiler: goes up when the same recipe would give other bytes. */
export const compilerGeneration = 1;

const tensorName = z.string().min(1).max(256);
const three = z.tuple([z.number(), z.number(), z.number()]);
const floatNodes = z.array(tensorName).max(limits.recipeNamesMax).describe('First outputs of nodes that stay float.');

const channelNumbers = z.array(z.number()).min(1).max(limits.recipeChannelsMax);

const quantizeSchema = z.strictObject({
  equalize: z.literal(true).optional().describe('Channels between two convolutions are scaled first.'),
  weight_bits: z.literal([7, 8]).describe('7 never saturates on x86 without VNNI.'),
  float_nodes: floatNodes,
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

const dynamicSchema = z.strictObject({
  weight_bits: z.literal([7, 8]).describe('7 never saturates on x86 without VNNI.'),
  float_nodes: floatNodes,
});

const pixelsSchema = z.strictObject({
  tensor: tensorName.describe('The input that takes bytes, height x width x RGB.'),
  channel_order: z.enum(['rgb', 'bgr']).describe('Of the model as shipped, and of mean and std.'),
  mean: three.describe('Of bytes / 255.'),
  std: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]),
});

const recipeSchema = z.strictObject({
  schema: z.literal('shoal/recipe/1'),
  source_sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits, lower case'),
  compiler: z.int().positive(),
  import: importSchema.optional().describe('How the source becomes ONNX, where it is in another format.'),
  speech_frames: z.literal(true).optional().describe('A Silero voice activity model that hears many frames a run.'),
  pixels: pixelsSchema.optional().describe('The normalisation of pixels, done by the model.'),
  dynamic: dynamicSchema.optional().describe('Matrix products in int8 whose activations have the range of each run.'),
  quantize: quantizeSchema.optional(),
});

export type QuantizeRecipe = z.infer<typeof quantizeSchema>;
export type DynamicRecipe = z.infer<typeof dynamicSchema>;

/** `source_sha256` is that of `sourceHash`. Without more it is the fused float: all passes, nothing else. */
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
 * The ONNX bytes of the variant. `source` must not change meanwhile; a recipe with an import takes the files by name, any other one ONNX file.
 * Throws MODEL_HASH for another source than the recipe names, and MODEL_INVALID for a recipe of another generation of the compiler or a source
 * that is no model.
 */
export function buildVariant(source: Uint8Array | SourceFiles, recipe: Recipe): Uint8Array {
  const found = sourceHash(source);
  if (found !== recipe.source_sha256) {
    throw new ShoalError('MODEL_HASH', `the source has SHA-256 ${found}, its recipe is for ${recipe.source_sha256}`);
  }
  if (recipe.compiler !== compilerGeneration) {
    throw new ShoalError(
      'MODEL_INVALID',
      `the recipe is of compiler generation ${recipe.compiler}, this is ${compilerGeneration}: compile the model again`,
    );
  }
  const read = readSource(source, recipe);
  const model = recipe.speech_frames === undefined ? read : speechFrames(read);
  simplify(model);
  // Before anything scales the weights: factors and ranges are those of the model that was looked at.
  if (recipe.quantize?.equalize) equalize(new Graph(model));
  if (recipe.pixels !== undefined) takePixels(model, recipe);
  if (recipe.quantize !== undefined) quantize(model, recipe.quantize);
  if (recipe.dynamic !== undefined) multiplyBytes(model, recipe.dynamic);
  return writeModel(model);
}

function readSource(source: Uint8Array | SourceFiles, recipe: Recipe): OnnxModel {
  if (recipe.import === undefined) {
    if (source instanceof Uint8Array) return readModel(source);
    throw new ShoalError('MODEL_INVALID', `the source are ${source.size} files, and the recipe does not say how they are imported`);
  }
  if (!(source instanceof Uint8Array)) return importModel(source, recipe.import);
  return importModel(new Map([[mainFileOf(recipe.import), source]]), recipe.import);
}

function quantize(model: OnnxModel, { weight_bits, float_nodes, ranges, bias_corrections }: QuantizeRecipe): void {
  const count = quantizeModel(model, {
    weights: { bits: weight_bits, perChannel: true },
    ranges: new Map(Object.entries(ranges)),
    floatNodes: new Set(float_nodes),
    biasCorrections: new Map(Object.entries(bias_corrections ?? {})),
  });
  if (count === 0) throw new ShoalError('MODEL_INVALID', 'the recipe quantizes nothing of this model: its ranges name no tensor of it');
}

function takePixels(model: OnnxModel, { pixels, quantize }: Recipe): void {
  if (pixels === undefined) return;
  const { tensor, channel_order, mean, std } = pixels;
  const bytesFollow = quantize === undefined ? null : new Set(quantize.float_nodes);
  if (!foldPixels(new Graph(model), { tensor, channelOrder: channel_order, mean, std }, bytesFollow)) {
    throw new ShoalError('MODEL_INVALID', `the recipe feeds pixels into "${tensor}", which is no image that only convolutions read`);
  }
}

function multiplyBytes(model: OnnxModel, { weight_bits, float_nodes }: DynamicRecipe): void {
  const count = quantizeDynamically(model, { bits: weight_bits, floatNodes: new Set(float_nodes) });
  if (count === 0) throw new ShoalError('MODEL_INVALID', 'the recipe has products in int8, and this model has none with constant weights');
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
