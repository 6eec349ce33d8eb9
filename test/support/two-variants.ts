/**
 * A folder of models with one model of two variants: the bundled face model as `int8` (fast: the file as it is), and as `fp32` with work
 * added that changes nothing but its cost. The names are those of a compiled model; the bytes are not.
 */
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { readModel } from '../../src/compile/onnx/read.js';
import { nodeOf, tensorOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { runtimeVersion } from '../../src/engine/runtime-version.js';
import { readNature } from '../../src/ops/board.js';
import { fingerprintOf } from '../../src/registry/fingerprint.js';
import type { TuneFile } from '../../src/registry/tuning.js';

export const twoVariantRef = 'blazeface-back@1.2.0';

export const goodAccuracy = {
  metric: 'faces missed',
  loss: 0,
  bound: 0.01,
  budget: 0.02,
  data: 'none: a test',
  samples: 1,
  machine: 'none: a test',
  measured_by: 'test/support/two-variants.ts',
};

export interface TwoVariants {
  /** The folder of models. */
  readonly directory: string;
  readonly sha256: Readonly<Record<'fp32' | 'int8', string>>;
}

/** Makes the folder below `root`. `change` goes into the card. */
export function makeTwoVariants(root: string, change: { accuracy?: object; pinned?: Record<string, string> } = {}): TwoVariants {
  const directory = join(root, 'two-variants');
  const folder = join(directory, 'blazeface-back', '1.2.0');
  cpSync(resolve('models/blazeface-back/1.2.0'), folder, { recursive: true });
  const fast = readFileSync(join(folder, 'model.onnx'));
  const slow = writeModel(slowedDown(fast));
  writeFileSync(join(folder, 'slow.onnx'), slow);
  const variant = (file: string, bytes: Uint8Array) => ({
    file,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
  });
  const variants = {
    fp32: variant('slow.onnx', slow),
    int8: { ...variant('model.onnx', fast), accuracy: change.accuracy ?? goodAccuracy },
  };
  const card = parse(readFileSync(join(folder, 'card.yaml'), 'utf8')) as Record<string, unknown>;
  const pinned = change.pinned === undefined ? {} : { pinned: change.pinned };
  writeFileSync(join(folder, 'card.yaml'), stringify({ ...card, ...pinned, variants }));
  return { directory, sha256: { fp32: variants.fp32.sha256, int8: variants.int8.sha256 } };
}

/** Sines of the whole input, weighed by nothing, added to it. */
function slowedDown(bytes: Uint8Array) {
  const model = readModel(bytes);
  const input = model.graph.inputs[0]?.name ?? '';
  const users = model.graph.nodes.filter((node) => node.inputs.includes(input));
  for (const node of users) node.inputs = node.inputs.map((name) => (name === input ? 'slowed' : name));
  // Several times the model's own cost, so that no load of the machine can hide which one is faster.
  const rounds = 48;
  const waves = Array.from({ length: rounds }, (_, round) => nodeOf('Sin', [round === 0 ? input : `wave${round - 1}`], [`wave${round}`]));
  model.graph.nodes.unshift(
    ...waves,
    nodeOf('Mul', [`wave${rounds - 1}`, 'nothing'], ['silence']),
    nodeOf('Add', [input, 'silence'], ['slowed']),
  );
  model.graph.initializers.push(tensorOf('nothing', Float32Array.of(0), []));
  return model;
}

/** A tuning of this board in which a variant wins. */
export function tuningFor(two: TwoVariants, winner: 'fp32' | 'int8', reason = `${winner} was measured to be best`): TuneFile {
  const measured = (sha256: string, ms: number) => {
    const spread = { median: ms, min: ms, max: ms };
    const threads = [{ threads: 1, runs: 9, cpu_ms: spread, wall_ms: spread }];
    return { sha256, bytes: 1, load_ms: 5, memory_bytes: 1e7, found: 1, threads, engines: [{ engines: 1, captures_per_s: 1000 / ms }] };
  };
  return {
    schema: 'shoal/tune/1',
    shoal: '0.1.0',
    board: fingerprintOf(readNature(), runtimeVersion()),
    models: {
      [twoVariantRef]: {
        measured_at: '2026-11-24T05:00:00.000Z',
        reference: 'fp32',
        winner,
        reason,
        variants: { fp32: measured(two.sha256.fp32, 20), int8: measured(two.sha256.int8, 8) },
      },
    },
  };
}
