/**
 * What is asked of a measuring process, and what it answers, by structured clone over the fork's channel.
 *
 * Guarantees: nothing it says is used before its shape is checked; it runs foreign native code, as an engine does.
 *
 *   core: measure -> child: opened -> core: go -> child: measured, and ends
 */
import { z } from 'zod';
import { limits } from '../core/limits.js';
import type { Model } from '../core/model.js';
import type { Observation } from '../core/result.js';

export interface MeasureRequest {
  readonly model: Model;
  /** Measured in turns, so that what slows one slows all. */
  readonly variants: readonly string[];
  /** Absolute path of an image or a WAV recording. */
  readonly capture: string;
  /** For a task that works on what another found. */
  readonly each: readonly Observation[] | null;
  readonly threads: number;
  readonly arena: boolean;
  /** How long to go on; at least `limits.tuneRunsMin` runs a variant are made, at most `limits.tuneRunsMax`. */
  readonly seconds: number;
}

export type ToMeasure = { readonly type: 'measure'; readonly request: MeasureRequest } | { readonly type: 'go' };

const words = z.string().max(limits.textCharsMax);
const milliseconds = z.array(z.number().min(0)).max(limits.tuneRunsMax);

const variantRuns = z.strictObject({
  variant: z.string().max(256),
  /** Why it could not be opened or run. */
  failure: words.exactOptional(),
  loadMs: z.number().min(0),
  /** The task on the decoded capture, run by run: CPU time of the whole process, and wall time. */
  cpuMs: milliseconds,
  wallMs: milliseconds,
  found: z.int().min(0),
});

const measurement = z.strictObject({
  variants: z.array(variantRuns).max(64),
  /** Wall time of all runs with their decoding. */
  elapsedMs: z.number().min(0),
  /** What the process grew by, from before the first variant was opened to its peak. */
  memoryBytes: z.number().min(0),
});

export const fromMeasure = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('opened') }),
  z.strictObject({ type: z.literal('measured'), measurement }),
  z.strictObject({ type: z.literal('failed'), reason: words }),
]);

export type VariantRuns = z.infer<typeof variantRuns>;
export type Measurement = z.infer<typeof measurement>;
export type FromMeasure = z.infer<typeof fromMeasure>;
