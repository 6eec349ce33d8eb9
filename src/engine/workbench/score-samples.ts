/**
 * Which of the scores a model gives are right: asked of a process of its own, which runs it over samples with a truth beside them.
 */
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Log } from '../../core/contracts.js';
import { rebuildError, ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import type { Model, ModelVariant } from '../../core/model.js';
import { askProcess, type Question } from './ask-process.js';

export interface ScoreRequest {
  readonly model: Model;
  readonly variant: ModelVariant;
  /** Absolute path of the folder of samples. */
  readonly folder: string;
}

const observations = z.array(z.object({ score: z.number().min(0).max(1), right: z.boolean() }));

const replySchema = z.union([
  z.object({
    /** Of every other sample with a truth, by the order of their hashes: no sample is in both. */
    fit: observations,
    judge: observations,
    /** Samples with a truth. */
    samples: z.int(),
    /** Names of those without. */
    without: z.array(z.string()),
    skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
  }),
  z.object({ code: z.string(), error: z.string() }),
]);

export type ScoreReply = z.infer<typeof replySchema>;
export type ScoredSamples = Exclude<ScoreReply, { error: string }>;

const entry = fileURLToPath(new URL('./score-samples-child.js', import.meta.url));
const what = 'the process that looks at the samples';

/** Throws USAGE for a folder or a task that does not do, MODEL_HASH for another file, and what the task throws. */
export async function scoreSamples(request: ScoreRequest, log: Log, onProgress: Question['onProgress']): Promise<ScoredSamples> {
  const question = { entry, request, timeoutMs: limits.calibrateMs, what, ...(onProgress === undefined ? {} : { onProgress }) };
  const reply = replySchema.safeParse(await askProcess(question, log));
  if (!reply.success) throw new ShoalError('ENGINE_PROTOCOL', `${what} said what was not agreed`);
  if ('error' in reply.data) throw rebuildError({ code: reply.data.code, message: reply.data.error });
  return reply.data;
}
