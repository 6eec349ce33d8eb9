/**
 * From the file as it came to the model as it will run: the fused graph and the recipe that makes it.
 */
import { type ImportSpec, importModel, importSchema, sourceHash } from '../../compile/import/import-model.js';
import { refuseExternalData } from '../../compile/inspect/external-data.js';
import { inspectModel } from '../../compile/inspect/inspect-model.js';
import { writeModel } from '../../compile/onnx/write.js';
import { buildVariant, compilerGeneration, type Recipe, recipeText } from '../../compile/recipe.js';
import { ShoalError } from '../../core/errors.js';
import { printable } from '../printable.js';
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

/** Where a model begins and ends, where that is not where its file does. */
export interface Cut {
  readonly outputs?: readonly string[];
  /** `name=1x320x320x3` each. */
  readonly inputs?: readonly string[];
}

const mostly = 0.5;

/** Throws MODEL_INVALID for a file that cannot be read, or an operator that is not known; USAGE for a cut that the format does not have. */
export function convert({ format, file, files }: ImportSource, cut: Cut): Converted {
  const [main = new Uint8Array(0)] = files.values();
  if (format === 'onnx') refuseExternalData(main, printable(file));
  const source = format === 'onnx' ? main : files;
  const sha256 = sourceHash(source);
  const spec = specFor(format, cut);
  const recipe: Recipe = {
    schema: 'shoal/recipe/1',
    source_sha256: sha256,
    compiler: compilerGeneration,
    ...(spec === null ? {} : { import: spec }),
  };
  const original = spec === null ? main : writeModel(importModel(files, spec));
  const model = buildVariant(source, recipe);
  const { work } = inspectModel(model);
  return { original, model, recipe: recipeText(recipe), sha256, variant: work.quantizedShare > mostly ? 'int8' : 'fp32' };
}

/** Null for ONNX, which is taken as it is. */
function specFor(format: ImportSource['format'], { outputs, inputs }: Cut): ImportSpec | null {
  if (format === 'onnx') {
    if (outputs === undefined && inputs === undefined) return null;
    throw new ShoalError('USAGE', 'an ONNX file is taken whole: --outputs and --inputs are for TFLite and TensorFlow.js');
  }
  const shapes = inputs?.map((text): [string, number[]] => {
    const [, name, shape] = /^(.+)=(\d{1,6}(?:x\d{1,6})*)$/.exec(text) ?? [];
    if (name === undefined || shape === undefined) throw new ShoalError('USAGE', `--inputs "${text}": expected such as image=1x320x320x3`);
    return [name, shape.split('x').map(Number)];
  });
  const spec = { format, ...(outputs && { outputs: [...outputs] }), ...(shapes && { inputs: Object.fromEntries(shapes) }) };
  const parsed = importSchema.safeParse(spec);
  if (parsed.success) return parsed.data;
  const what = parsed.error.issues.map((issue) => `--${issue.path.join('.') || 'inputs'}: ${issue.message}`).join('; ');
  throw new ShoalError('USAGE', format === 'tflite' && inputs !== undefined ? 'the inputs of a TFLite file are what they are' : what);
}
