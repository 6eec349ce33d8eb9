/**
 * What a file says of itself beside its graph: the key-value pairs an exporter left (labels, licence, version).
 *
 * Source: onnx.proto, ModelProto.metadata_props (field 14), StringStringEntryProto.
 */
import { limits } from '../../core/limits.js';
import type { OnnxModel } from './model.js';
import { Budget, concat, last, readFields, textOf } from './wire.js';

/** By key; of two with one key the later. Bounded: what is more or longer is left out. */
export function metadataOf({ rest }: OnnxModel): ReadonlyMap<string, string> {
  const entries = readFields(concat(rest), new Budget()).filter(({ number }) => number === 14);
  const found = new Map<string, string>();
  for (const { bytes } of entries.slice(0, limits.onnxMetadataMax)) {
    if (bytes.length > limits.onnxMetadataBytesMax) continue;
    const fields = readFields(bytes, new Budget());
    const [key, value] = [1, 2].map((number) => textOf(last(fields, number)?.bytes ?? new Uint8Array(0)));
    if (key !== undefined && key !== '') found.set(key, value ?? '');
  }
  return found;
}
