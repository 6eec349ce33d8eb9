/**
 * The weights of a TensorFlow.js model: its manifest and the files it names, to constants.
 *
 * Guarantees: every byte of the files belongs to one weight, or MODEL_INVALID; uint8 and uint16 with a scale, and float16, become the float32
 * that TensorFlow.js computes from them. Names in the manifest are looked up among the files handed over, never opened.
 *
 * Source: tfjs-core/src/io/io_utils.ts (decodeWeights) and types.ts (WeightsManifestConfig) of TensorFlow.js 4.22.
 */
import { z } from 'zod';
import { limits } from '../../../core/limits.js';
import { invalid } from './unsuited.js';
import { constantOf, count, type Elements, type Value } from './value.js';

const quantization = z.object({
  dtype: z.enum(['uint8', 'uint16', 'float16']),
  min: z.number().optional(),
  scale: z.number().optional(),
});

const weight = z.object({
  name: z.string().min(1).max(1024),
  shape: z.array(z.int().nonnegative()).max(limits.onnxRankMax),
  dtype: z.enum(['float32', 'int32', 'bool']),
  quantization: quantization.optional(),
});

export const manifestSchema = z
  .array(
    z.object({
      paths: z.array(z.string().min(1).max(1024)).min(1).max(limits.importFilesMax),
      weights: z.array(weight).max(limits.importNodesMax),
    }),
  )
  .max(limits.importFilesMax);

type Manifest = z.infer<typeof manifestSchema>;
type Weight = z.infer<typeof weight>;

const storedBytes = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 } as const;

/** The names of the files that hold the weights, each once. */
export function filesOf(manifest: Manifest): string[] {
  return [...new Set(manifest.flatMap(({ paths }) => paths))];
}

/** Weights by name. Throws MODEL_INVALID, naming the file or the weight. */
export function readWeights(manifest: Manifest, files: ReadonlyMap<string, Uint8Array>): Map<string, Value> {
  const weights = new Map<string, Value>();
  let elements = 0;
  for (const group of manifest) {
    const bytes = joined(group.paths, files);
    let at = 0;
    for (const entry of group.weights) {
      const size = count(entry.shape) * storedBytes[entry.quantization?.dtype ?? entry.dtype];
      elements += count(entry.shape);
      if (size > bytes.length - at)
        throw invalid(`weight "${entry.name}" has ${size} bytes where ${bytes.length - at} are left in ${group.paths.join(', ')}`);
      if (elements * 4 > limits.importWeightBytesMax)
        throw invalid(`its weights take more than ${limits.importWeightBytesMax} bytes as float32`);
      if (weights.has(entry.name)) throw invalid(`two weights are called "${entry.name}"`);
      if (weights.size >= limits.importNodesMax) throw invalid(`it has more than ${limits.importNodesMax} weights`);
      weights.set(entry.name, constantOf(decode(entry, new DataView(bytes.buffer, bytes.byteOffset + at, size)), entry.shape));
      at += size;
    }
    if (at !== bytes.length) throw invalid(`${group.paths.join(', ')}: ${bytes.length} bytes, its weights have ${at}`);
  }
  return weights;
}

function joined(paths: readonly string[], files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const parts = paths.map((path) => {
    const file = files.get(path);
    if (file === undefined) throw invalid(`its weights are in the file ${path}, which was not given`);
    return file;
  });
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length > limits.importWeightBytesMax)
    throw invalid(`its weight files have ${length} bytes, at most ${limits.importWeightBytesMax} are read`);
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : new Uint8Array(Buffer.concat(parts));
}

function decode({ name, shape, dtype, quantization }: Weight, view: DataView): Elements {
  const length = count(shape);
  if (dtype === 'bool') return Uint8Array.from({ length }, (_, i) => Number(view.getUint8(i) !== 0));
  if (quantization === undefined) {
    return dtype === 'int32'
      ? Int32Array.from({ length }, (_, i) => view.getInt32(i * 4, true))
      : Float32Array.from({ length }, (_, i) => view.getFloat32(i * 4, true));
  }
  const { dtype: stored, scale, min } = quantization;
  if (stored === 'float16') {
    if (dtype !== 'float32') throw invalid(`weight "${name}" is ${dtype} stored as float16`);
    return Float32Array.from({ length }, (_, i) => halfOf(view.getUint16(i * 2, true)));
  }
  if (scale === undefined || min === undefined) throw invalid(`weight "${name}" is stored as ${stored} without scale and min`);
  const at = (i: number): number => (stored === 'uint8' ? view.getUint8(i) : view.getUint16(i * 2, true)) * scale + min;
  return dtype === 'int32' ? Int32Array.from({ length }, (_, i) => Math.round(at(i))) : Float32Array.from({ length }, (_, i) => at(i));
}

/** IEEE 754 binary16. */
function halfOf(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
