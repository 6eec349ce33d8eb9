/**
 * `shoal models inspect FILE.onnx`: what is in a model, before anything runs it. Reads one file and loads no runtime.
 */
import { createHash } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import { inspectModel } from '../compile/inspect/inspect-model.js';
import { readBounded } from '../config/source-file.js';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { CommandContext } from './command-context.js';
import { inspectionText } from './inspection-text.js';
import { printable, printableJson } from './printable.js';

export function inspectCommand({ stdout }: CommandContext): Command {
  return new Command('inspect')
    .description('show the operators, tensors, weights and cost of an ONNX file, and what is odd about it, without running it')
    .argument('<file>', 'an ONNX file, wherever it is')
    .option('--dim <name=size>', 'size of a free dimension, for the cost; may be repeated', dimension, new Map<string, number>())
    .option('--json', 'print the answer as JSON')
    .action(async (file: string, { dim, json }: { dim: ReadonlyMap<string, number>; json?: true }) => {
      const bytes = await readModelFile(file);
      const report = inspected(file, bytes, dim);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      stdout.write(json ? `${printableJson({ file, sha256, ...report })}\n` : inspectionText(file, sha256, report));
    });
}

function inspected(file: string, bytes: Uint8Array, dims: ReadonlyMap<string, number>): ReturnType<typeof inspectModel> {
  try {
    return inspectModel(bytes, dims);
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    throw new ShoalError(error.code, `${printable(file)}: ${printable(error.message)}`, { cause: error });
  }
}

/** Bytes of an ordinary file. Throws MODEL_MISSING, saying why it could not be read. */
async function readModelFile(file: string): Promise<Uint8Array> {
  const bytes = await readBounded(file, limits.onnxBytesMax);
  if (bytes instanceof Uint8Array) return bytes;
  throw new ShoalError(
    'MODEL_MISSING',
    `${printable(file)} ${bytes.message}; need an ONNX file of at most ${limits.onnxBytesMax / 1024 ** 3} GiB`,
  );
}

function dimension(text: string, known: Map<string, number>): Map<string, number> {
  const [, name, size] = /^(.+)=(\d{1,6})$/u.exec(text) ?? [];
  if (name === undefined || Number(size) < 1)
    throw new InvalidArgumentError('Need NAME=SIZE with a size of 1 to 999999, as in height=640.');
  return known.set(name, Number(size));
}
