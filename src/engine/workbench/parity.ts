/**
 * Whether two files of one model compute the same: asked of a process of its own, which runs both side by side.
 */
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Log } from '../../core/contracts.js';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import type { ModelFacts } from '../../core/model.js';
import { askProcess } from './ask-process.js';

export interface ParityRequest {
  readonly model: ModelFacts;
  readonly original: Uint8Array;
  readonly variant: Uint8Array;
  /** Absolute paths of captures the task may look at; none without. */
  readonly samples: readonly string[];
}

const difference = z.object({
  runs: z.int(),
  /**
   * Largest difference of two elements over the largest magnitude of its tensor; null for none to compare, infinite where one is a number
   * and the other none.
   */
  largest: z.custom<number>((value) => typeof value === 'number' && value >= 0).nullable(),
});

const replySchema = z.union([
  z.object({
    random: difference,
    real: difference,
    /** What the task said of each sample, with the variant. */
    samples: z.array(z.object({ name: z.string(), found: z.int(), first: z.array(z.string()) })),
    /** Samples the task could not look at, with the reason. */
    skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
  }),
  z.object({ error: z.string() }),
]);

export type ParityReply = z.infer<typeof replySchema>;
export type Parity = Exclude<ParityReply, { error: string }>;

const entry = fileURLToPath(new URL('./parity-child.js', import.meta.url));

/** Throws INFERENCE, saying which of the two cannot be run and why. */
export async function measureParity(request: ParityRequest, log: Log): Promise<Parity> {
  const question = { entry, request, timeoutMs: limits.parityMs, what: 'the process that compares the two' };
  const reply = replySchema.safeParse(await askProcess(question, log));
  if (!reply.success) throw new ShoalError('ENGINE_PROTOCOL', 'the process that compares the two said what was not agreed');
  if ('error' in reply.data) throw new ShoalError('INFERENCE', reply.data.error);
  return reply.data;
}
