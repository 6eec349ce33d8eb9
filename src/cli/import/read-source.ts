/**
 * A foreign model as it lies on disk: an ONNX or TFLite file, or a TensorFlow.js model with its shards.
 *
 * Guarantees: what a file is, its first bytes say, never its name; only named files of one folder are read, and each within a bound; a
 * model.json cannot name a file outside its folder.
 */
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

import { furtherFiles, mainFileOf } from '../../compile/import/import-model.js';
import { readBounded } from '../../config/source-file.js';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { printable } from '../printable.js';

export type SourceFormat = 'onnx' | 'tflite' | 'tfjs';

export interface ImportSource {
  readonly format: SourceFormat;
  /** Absolute path of the main file. */
  readonly file: string;
  /** By the names a recipe knows them by; the main file first. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

const endings = ['.onnx', '.tflite'];

/** Throws USAGE, MODEL_MISSING or MODEL_INVALID, saying what was found and what is needed. */
export async function readSource(place: string): Promise<ImportSource> {
  const file = await mainFile(path.resolve(place));
  const bytes = await readFileOf(file);
  const format = formatOf(bytes);
  if (format === 'onnx') return { format, file, files: new Map([[path.basename(file), bytes]]) };
  const files = new Map([[mainFileOf({ format }), bytes]]);
  for (const name of furtherFiles(bytes, { format })) {
    if (path.basename(name) !== name || name === '' || name.startsWith('.')) {
      throw new ShoalError('MODEL_INVALID', `${printable(file)} names the file ${printable(name)}, which is not in its own folder`);
    }
    files.set(name, await readFileOf(path.join(path.dirname(file), name)));
  }
  return { format, file, files };
}

async function mainFile(place: string): Promise<string> {
  const found = await lstat(place).catch(() => null);
  if (found === null) throw new ShoalError('MODEL_MISSING', `${printable(place)} does not exist`);
  if (!found.isDirectory()) return place;
  const names = (await readdir(place)).sort();
  if (names.includes('model.json')) return path.join(place, 'model.json');
  const models = names.filter((name) => endings.includes(path.extname(name)));
  if (models.length === 1) return path.join(place, models[0] ?? '');
  throw new ShoalError(
    'USAGE',
    models.length === 0
      ? `${printable(place)} holds no model.json, no .onnx and no .tflite file; name the file`
      : `${printable(place)} holds several models: ${models.map(printable).join(', ')}; name one of them`,
  );
}

/** TFLite files have their identifier at byte 4; a model.json is JSON; an ONNX file is protobuf, which has no mark of its own. */
function formatOf(bytes: Uint8Array): SourceFormat {
  if (Buffer.from(bytes.subarray(4, 8)).toString('latin1') === 'TFL3') return 'tflite';
  return Buffer.from(bytes.subarray(0, 64)).toString('latin1').trimStart().startsWith('{') ? 'tfjs' : 'onnx';
}

async function readFileOf(file: string): Promise<Uint8Array> {
  const bytes = await readBounded(file, limits.onnxBytesMax);
  if (bytes instanceof Uint8Array) return bytes;
  throw new ShoalError('MODEL_MISSING', `${printable(file)} ${bytes.message}; ${bytes.hint}`);
}
