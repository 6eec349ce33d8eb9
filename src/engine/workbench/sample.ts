/**
 * A sample: one real capture a model is calibrated or judged on, and how a task is run on it.
 *
 * Guarantees: the task sees a sample as it sees a capture in production (decoders, pre-processing, default options, limits); a sample
 * whose bytes are no longer those that were looked at is refused.
 */
import { createHash } from 'node:crypto';
import { reasonOf, ShoalError } from '../../core/errors.js';
import type { ModelFacts } from '../../core/model.js';
import type { Observation } from '../../core/result.js';
import type { Task } from '../../core/task.js';
import type { Tensors } from '../../core/tensor.js';
import { readContent } from '../content.js';
import { openFor } from '../open-form.js';

export interface Sample {
  /** For a person: the file's name. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  /** For a task that works on an earlier stage's observations: those; null is the capture as a whole. */
  readonly each: readonly Observation[] | null;
  /** What a perfect model would answer, as far as it is known; null leaves the original's answer as the reference. */
  readonly truth: readonly Observation[] | null;
}

/** What is run: a task on a model's facts. The weights come with each call. */
export interface Bench {
  readonly task: Task;
  readonly model: ModelFacts;
}

/** The encoded capture. Throws CAPTURE_CHANGED when it is no longer the file that was looked at. */
export async function readSample(sample: Sample): Promise<Uint8Array> {
  const encoded = await readContent({ path: sample.path }, sample);
  if (createHash('sha256').update(encoded).digest('hex') === sample.sha256) return encoded;
  throw new ShoalError('CAPTURE_CHANGED', 'it is another file than when the folder was read; leave the samples alone until the end');
}

/** Runs the task once over a sample; `infer` is a session of whatever model is on the bench. Throws ShoalError, naming the sample. */
export async function runSample(bench: Bench, sample: Sample, infer: (feeds: Tensors) => Promise<Tensors>): Promise<Observation[]> {
  try {
    return await bench.task.run({
      ...(await openFor(bench.task.reads, await readSample(sample))),
      each: sample.each,
      model: bench.model,
      options: bench.task.options.parse({}),
      infer,
      measure: async (_, work) => work(),
    });
  } catch (cause) {
    const code = cause instanceof ShoalError ? cause.code : 'INFERENCE';
    throw new ShoalError(code, `sample ${sample.name}: ${reasonOf(cause)}`, { cause });
  }
}
