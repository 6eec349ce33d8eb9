/**
 * What is remembered of drift over restarts: `<state_dir>/drift.json`.
 *
 * Guarantees: a file that is damaged, foreign or too large is as none, and said; what it holds is checked before it is used.
 */
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import type { DriftState } from '../core/drift.js';
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';

const counts = z.array(z.int().min(0)).max(limits.driftBins + 8);
const state = z
  .strictObject({
    learned: z.array(z.number()).max(limits.driftReferenceValues),
    edges: z
      .array(z.number())
      .max(limits.driftBins + 7)
      .nullable(),
    reference: counts,
    previous: counts,
    current: counts,
  })
  .refine(({ edges, reference, previous, current }) =>
    [reference, previous, current].every(({ length }) => length === (edges === null ? 0 : edges.length + 1)),
  ) satisfies z.ZodType<DriftState>;

const memory = z.strictObject({
  schema: z.literal('shoal/drift/1'),
  pipelines: z
    .record(z.string().max(64), z.strictObject({ hash: z.string().max(64), signals: z.record(z.string().max(128), state) }))
    .refine((pipelines) => Object.keys(pipelines).length <= limits.pipelinesMax),
});

export type DriftMemory = z.infer<typeof memory>;

export const noDriftMemory: DriftMemory = { schema: 'shoal/drift/1', pipelines: {} };

/** `problem` says what is wrong with a file that is there. */
export async function readDriftMemory(file: string): Promise<{ readonly memory: DriftMemory; readonly problem?: string }> {
  try {
    if ((await stat(file)).size > limits.driftFileBytesMax) return { memory: noDriftMemory, problem: `${file} is too large to be read` };
    return { memory: memory.parse(JSON.parse(await readFile(file, 'utf8'))) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { memory: noDriftMemory };
    const why = error instanceof z.ZodError ? 'not of the agreed form' : reasonOf(error);
    return { memory: noDriftMemory, problem: `${file} cannot be used (${why}): the references of drift are learnt anew` };
  }
}
