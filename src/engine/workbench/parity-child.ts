/**
 * The process that runs two files of one model on the same inputs: random ones from a fixed seed, then what the task makes of real captures.
 *
 * Guarantees: the same files and samples give the same figures; a sample that cannot be looked at is named and skipped.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { seededRandom } from '../../core/random.js';
import type { Observation } from '../../core/result.js';
import { elements, type Tensor, type TensorSpec, type Tensors } from '../../core/tensor.js';
import { tasks } from '../../tasks/index.js';
import { Session } from '../session.js';
import type { ParityReply, ParityRequest } from './parity.js';
import { runSample } from './sample.js';

const randomRuns = 3;
const seed = 20_261_124;
const shownObservations = 3;
/** Divisible by the strides of every usual detector. */
const freeSize = 320;

class Comparison {
  runs = 0;
  largest: number | null = null;

  add(original: Tensors, variant: Tensors): void {
    this.runs++;
    for (const [name, { data }] of Object.entries(original)) {
      this.largest = Math.max(this.largest ?? 0, relative(data, variant[name]?.data));
    }
  }
}

/** Of the largest magnitude, so that a near-zero element does not count for more than it is worth. */
function relative(original: Tensor['data'], variant: Tensor['data'] | undefined): number {
  if (variant === undefined || variant.length !== original.length) return Number.POSITIVE_INFINITY;
  let [worst, magnitude] = [0, 0];
  for (let i = 0; i < original.length; i++) {
    const value = Number(original[i]);
    const gap = Math.abs(value - Number(variant[i]));
    // Two infinities, or two that are no number, are the same.
    if (Number.isNaN(gap) && Object.is(original[i], variant[i])) continue;
    worst = Math.max(worst, Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap);
    magnitude = Math.max(magnitude, Number.isFinite(value) ? Math.abs(value) : 0);
  }
  return magnitude === 0 ? worst : worst / magnitude;
}

/** Floats -1..1, bytes 0..255; whole numbers are 1, which most models take for a length, a rate or an index. */
function randomTensor({ dtype, shape: stated }: TensorSpec, random: () => number): Tensor {
  const shape = stated.map((size, axis) => (typeof size === 'number' ? size : axis === 0 ? 1 : freeSize));
  const count = elements(shape);
  if (count > limits.parityElementsMax) {
    throw new ShoalError('MODEL_INVALID', `an input of ${count} elements; at most ${limits.parityElementsMax} are tried`);
  }
  if (dtype === 'float32') return { dtype, shape, data: Float32Array.from({ length: count }, () => 2 * random() - 1) };
  if (dtype === 'int64') return { dtype, shape, data: new BigInt64Array(count).fill(1n) };
  if (dtype === 'int32') return { dtype, shape, data: new Int32Array(count).fill(1) };
  if (dtype === 'int8') return { dtype, shape, data: Int8Array.from({ length: count }, () => Math.floor(256 * random()) - 128) };
  return { dtype, shape, data: Uint8Array.from({ length: count }, () => Math.floor((dtype === 'bool' ? 2 : 256) * random())) };
}

async function compare({ model, original, variant, samples }: ParityRequest): Promise<Exclude<ParityReply, { error: string }>> {
  const options = { threads: 1, arena: false };
  const first = await Session.fromBytes(model, original, 'the file as it came', options);
  const second = await Session.fromBytes(model, variant, 'the file as made here', options);
  const random = new Comparison();
  const chance = seededRandom(seed);
  for (let run = 0; run < randomRuns; run++) {
    const feeds = Object.fromEntries(model.inputs.map((spec) => [spec.name, randomTensor(spec, chance)]));
    random.add(await first.run(feeds), await second.run(feeds));
  }
  const real = new Comparison();
  const seen: { name: string; found: number; first: string[] }[] = [];
  const skipped: { name: string; reason: string }[] = [];
  for (const file of samples) {
    const name = path.basename(file);
    try {
      const found = await lookAt(model, file, async (feeds) => {
        const outputs = await second.run(feeds);
        real.add(await first.run(feeds), outputs);
        return outputs;
      });
      seen.push({ name, found: found.length, first: found.slice(0, shownObservations).map(shown) });
    } catch (error) {
      skipped.push({ name, reason: reasonOf(error) });
    }
  }
  return { random: { ...random }, real: { ...real }, samples: seen, skipped };
}

async function lookAt(model: ParityRequest['model'], file: string, infer: (feeds: Tensors) => Promise<Tensors>): Promise<Observation[]> {
  const task = tasks.find(({ name }) => name === model.task);
  if (task === undefined) throw new ShoalError('SHOAL_INTERNAL', `this build has no task ${model.task}`);
  const bytes = await readFile(file);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const sample = { name: path.basename(file), path: file, bytes: bytes.length, sha256, each: null, truth: null };
  return runSample({ task, model }, sample, infer);
}

function shown({ score, label, text }: Observation): string {
  return [label ?? text, `${Math.round(score * 100)} %`].filter((part) => part !== undefined).join(' ');
}

process.once('message', (request: ParityRequest) => {
  const answer = (reply: ParityReply): void => {
    process.send?.(reply, undefined, undefined, () => process.exit(0));
  };
  compare(request).then(answer, (error: unknown) => answer({ error: reasonOf(error) }));
});
process.on('disconnect', () => process.exit(0));
