/**
 * What the command and the process that compiles say to each other. The answer is checked: native code has run over a foreign file there.
 */
import { z } from 'zod';
import { rebuildError, ShoalError } from '../../core/errors.js';
import type { ModelFacts } from '../../core/model.js';
import { isDtype } from '../../core/tensor.js';

export interface CompileRequest {
  /** Absolute path of the ONNX file. */
  readonly file: string;
  /** Absolute path of the folder of samples. */
  readonly samples: string;
  readonly task: string;
  readonly model: ModelFacts;
  /** Errors per thing counted, more than the original's. */
  readonly maxLoss: number;
  readonly thorough: boolean;
}

const amount = z.number().nonnegative();
const spread = z.object({ median: amount, min: amount, max: amount });
const scores = z.array(z.object({ errors: amount, total: amount }));
const evaluation = z.object({
  name: z.string(),
  scores,
  also: scores.exactOptional(),
  cpuMs: spread,
  wallMs: spread,
  prepareMs: spread.exactOptional(),
  memoryBytes: amount,
  failure: z.string().exactOptional(),
});
const figures = z.object({ loss: z.number(), bound: z.number(), budget: amount });

const outcome = z.object({
  sourceSha256: z.string(),
  sourceBytes: amount,
  calibration: z.int(),
  heldOut: z.int(),
  skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
  original: evaluation,
  variants: z.array(
    z.object({
      name: z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/),
      model: z.instanceof(Uint8Array),
      /** JSON. */
      recipe: z.string(),
      inputs: z
        .array(z.object({ name: z.string(), dtype: z.string().refine(isDtype), shape: z.array(z.union([z.number(), z.string()])) }))
        .exactOptional(),
      evaluation,
      kept: z.boolean(),
      reason: z.string(),
      accuracy: figures.exactOptional(),
    }),
  ),
});

/** What came of it, with the bytes of every variant. */
export type CompileOutcome = z.infer<typeof outcome>;

const reply = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress'), step: z.string(), detail: z.string(), share: z.number() }),
  z.object({ type: z.literal('done'), outcome }),
  z.object({ type: z.literal('failed'), code: z.string(), message: z.string() }),
]);

export type CompileReply = z.infer<typeof reply>;

/** Throws ENGINE_PROTOCOL for what is no reply, and what the process failed with. */
export function readReply(message: unknown): Exclude<CompileReply, { type: 'failed' }> {
  const parsed = reply.safeParse(message);
  if (!parsed.success) {
    throw new ShoalError(
      'ENGINE_PROTOCOL',
      `the process that compiles said what was not agreed: ${parsed.error.issues[0]?.path.join('.')}`,
    );
  }
  if (parsed.data.type === 'failed') throw rebuildError(parsed.data);
  return parsed.data;
}
