/**
 * TensorFlow.js models to ONNX: GraphModels, and LayersModels as Keras writes them.
 *
 * Guarantees: the same files and options give the same model, and so the same bytes, on every machine; what is not known is refused by the
 * name of its node, never left out or guessed; a hostile file costs time and memory in proportion to its bytes and to
 * `limits.importWeightBytesMax`. The model computes what TensorFlow.js computes, up to rounding; tests hold it to 1e-4 of the largest
 * number of an output.
 *
 * Inputs and outputs keep their names, layout (NHWC) and type; the batch is 1 and every shape fixed. Deliberately neither simplifies the
 * graph (that is passes/) nor quantizes it: weights stored as uint8, uint16 or float16 become float32. Nothing is read but the files
 * handed over.
 */
import { z } from 'zod';
import { reasonOf } from '../../../core/errors.js';
import { limits } from '../../../core/limits.js';
import type { OnnxModel } from '../../onnx/model.js';
import { graphSchema, importGraph, signatureSchema, type TfjsOptions } from './graph-model.js';
import { importLayers, layersSchema } from './layers-model.js';
import { invalid } from './unsuited.js';
import { filesOf, manifestSchema, readWeights } from './weights.js';

/** Under this name the files hold the topology, whatever it is called on disk. */
export const tfjsMainFile = 'model.json';

const fileSchema = z.object({
  modelTopology: z.record(z.string(), z.unknown()),
  weightsManifest: manifestSchema.default([]),
  signature: signatureSchema.optional(),
  userDefinedMetadata: z.object({ signature: signatureSchema.optional() }).optional(),
});

/**
 * `files`: `model.json`, and the weight files under the names it has for them. They must not change meanwhile and are not kept. Throws
 * MODEL_INVALID.
 */
export function importTfjs(files: ReadonlyMap<string, Uint8Array>, options: TfjsOptions = {}): OnnxModel {
  const file = readTopology(files.get(tfjsMainFile));
  const weights = readWeights(file.weightsManifest, files);
  if (Object.hasOwn(file.modelTopology, 'node')) {
    const graph = checked(graphSchema, file.modelTopology);
    return importGraph(graph, file.signature ?? file.userDefinedMetadata?.signature ?? {}, weights, options);
  }
  if (options.inputs !== undefined || options.outputs !== undefined)
    throw invalid('only a GraphModel can be cut at named nodes, this is a LayersModel');
  return importLayers(checked(layersSchema, file.modelTopology), weights);
}

/** The names of the weight files that `model.json` (its bytes) asks for. They are whatever the file says: check them before opening any. */
export function tfjsWeightFiles(topology: Uint8Array): string[] {
  return filesOf(readTopology(topology).weightsManifest);
}

function readTopology(bytes: Uint8Array | undefined): z.infer<typeof fileSchema> {
  if (bytes === undefined) throw invalid(`the file ${tfjsMainFile} was not given`);
  if (bytes.length > limits.importJsonBytesMax)
    throw invalid(`${tfjsMainFile} has ${bytes.length} bytes, at most ${limits.importJsonBytesMax} are read`);
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid(`${tfjsMainFile} is not readable as JSON: ${reasonOf(cause)}`);
  }
  return checked(fileSchema, raw);
}

function checked<Shape>(schema: z.ZodType<Shape>, raw: unknown): Shape {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || tfjsMainFile}: ${issue.message}`);
  throw invalid(problems.join('; '));
}
