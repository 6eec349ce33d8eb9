/**
 * The first step of a recipe that begins with another format than ONNX: which files are its source, their hash, and the model they become.
 *
 * To add a format: its schema and a line in `formats` here, its folder beside.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { limits } from '../../core/limits.js';
import type { OnnxModel } from '../onnx/model.js';
import { importTfjs, tfjsMainFile, tfjsWeightFiles } from './tfjs/import-tfjs.js';
import { importTflite } from './tflite/import-tflite.js';

/**
 * The files a model is imported from, by the names the main one has for them; the main one under that of `mainFileOf`, whatever it is
 * called on disk.
 */
export type SourceFiles = ReadonlyMap<string, Uint8Array>;

const tensorName = z.string().min(1).max(1024);
const dim = z.int().positive();

const tfjsSchema = z.strictObject({
  format: z.literal('tfjs'),
  inputs: z
    .record(tensorName, z.array(dim).max(limits.onnxRankMax))
    .optional()
    .describe('Nodes where a graph begins instead, with their shapes, NHWC.'),
  outputs: z.array(tensorName).min(1).max(64).optional().describe('Nodes where a graph ends instead.'),
});

const tfliteSchema = z.strictObject({
  format: z.literal('tflite'),
  outputs: z.array(tensorName).min(1).max(64).optional().describe('Tensors where the graph ends instead.'),
});

export const importSchema = z.discriminatedUnion('format', [tfjsSchema, tfliteSchema]);

export type ImportSpec = z.infer<typeof importSchema>;

const tfliteFile = 'model.tflite';

interface Format<Spec> {
  /** The key of the main file among the source files. */
  readonly mainFile: string;
  /** The other files that the main one asks for. */
  furtherFiles(main: Uint8Array): readonly string[];
  read(files: SourceFiles, spec: Spec): OnnxModel;
}

const formats: { readonly [Name in ImportSpec['format']]: Format<Extract<ImportSpec, { format: Name }>> } = {
  tfjs: { mainFile: tfjsMainFile, furtherFiles: tfjsWeightFiles, read: importTfjs },
  tflite: {
    mainFile: tfliteFile,
    furtherFiles: () => [],
    read: (files, spec) => importTflite(files.get(tfliteFile) ?? new Uint8Array(0), spec),
  },
};

/** The name that the main file has among the source files. */
export function mainFileOf({ format }: ImportSpec): string {
  return formats[format].mainFile;
}

/** The other files that the main one asks for, by the names it has for them: check them before opening any. Throws MODEL_INVALID. */
export function furtherFiles(main: Uint8Array, { format }: ImportSpec): readonly string[] {
  return formats[format].furtherFiles(main);
}

/** Throws MODEL_INVALID, naming what cannot be imported. */
export function importModel(files: SourceFiles, spec: ImportSpec): OnnxModel {
  const { read } = formats[spec.format] as Format<ImportSpec>;
  return read(files, spec);
}

/**
 * What a recipe calls `source_sha256`: of one file the hash of its bytes, of several that of the lines `<sha256>  <name>`, sorted by name, as
 * sha256sum prints them.
 */
export function sourceHash(source: Uint8Array | SourceFiles): string {
  if (source instanceof Uint8Array) return sha256(source);
  const [only] = source.values();
  if (source.size === 1 && only !== undefined) return sha256(only);
  const names = [...source.keys()].sort((a, b) => (a < b ? -1 : 1));
  return sha256(names.map((name) => `${sha256(source.get(name) ?? new Uint8Array(0))}  ${name}\n`).join(''));
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
