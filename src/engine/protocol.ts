/**
 * What the core and an engine say to each other, by structured clone over the fork's channel.
 *
 * Guarantees: nothing an engine says is used before `readReply` has checked its shape, counts, lengths and numbers; an
 * engine runs foreign native code on foreign bytes and is not trusted. The other direction is our own process.
 * Deliberately without a version: both ends are always of one build.
 */
import { z } from 'zod';
import { reasonOf, ShoalError } from '../core/errors.js';
import type { EngineAnswer, EngineJob } from '../core/job.js';
import type { Polygon } from '../core/keep.js';
import { limits } from '../core/limits.js';
import type { Model } from '../core/model.js';
import type { PipelineSpec } from '../core/pipeline.js';
import { valueNamePattern } from '../core/result.js';

/** A variant of a model to open before the engine says that it is ready. */
export interface WarmModel {
  /** `name@version`. */
  readonly model: string;
  readonly variant: string;
}

export interface EngineConfig {
  readonly pipelines: readonly PipelineSpec[];
  readonly models: readonly Model[];
  readonly warm: readonly WarmModel[];
  readonly threads: number;
  readonly arena: boolean;
  readonly maxMemoryBytes: number;
  /** By input, what is blackened in its pictures when they are decoded. */
  readonly masks?: Readonly<Record<string, readonly Polygon[]>>;
}

export type ToEngine =
  | { readonly type: 'configure'; readonly config: EngineConfig }
  /** Run one after the other. */
  | { readonly type: 'run'; readonly seq: number; readonly jobs: readonly EngineJob[] }
  /** End after the job that runs; a prefetched one is left to the core. */
  | { readonly type: 'stop' };

/** How opening a warm model went. */
export interface ModelOpened extends WarmModel {
  readonly ok: boolean;
  readonly reason?: string;
  readonly loadMs: number;
}

export type FromEngine =
  /** The runtime has run a one-operation model, the decoders are loaded, the warm models opened or reported. */
  | { readonly type: 'ready'; readonly models: readonly ModelOpened[]; readonly runtimeMs: number }
  /** With the run's first job; what follows is looked at by the parts of its answer. */
  | { readonly type: 'started'; readonly seq: number }
  /** Of the run's next jobs, in their order; a run of many may be answered in parts. */
  | { readonly type: 'answer'; readonly seq: number; readonly answers: readonly EngineAnswer[]; readonly rssBytes: number }
  /** The engine cannot work at all, and ends. */
  | { readonly type: 'fatal'; readonly error: { readonly code: string; readonly message: string } };

const name = z.string().max(256);
const words = z.string().max(limits.textCharsMax);
const amount = z.number().min(0);
const count = z.int().min(0);
const point = z.tuple([z.number(), z.number()]);
const flatError = z.strictObject({ code: name, message: words });

const observation = z.strictObject({
  score: z.number().min(0).max(1),
  label: words.exactOptional(),
  group: words.exactOptional(),
  text: words.exactOptional(),
  box: z.strictObject({ x_min: z.number(), y_min: z.number(), x_max: z.number(), y_max: z.number() }).exactOptional(),
  quad: z.tuple([point, point, point, point]).exactOptional(),
  segment: z.strictObject({ start_s: z.number(), end_s: z.number() }).exactOptional(),
  points: z.record(name, point).exactOptional(),
  values: z
    .record(z.string().regex(valueNamePattern), z.number())
    .refine((values) => Object.keys(values).length <= limits.valuesMax, { message: `more than ${limits.valuesMax} values` })
    .exactOptional(),
  embedding: z.array(z.number()).max(limits.embeddingMax).exactOptional(),
  of: count.max(limits.observationsMax - 1).exactOptional(),
});

const observations = z.array(observation).max(limits.observationsMax);

const traced = z.string().max(limits.traceTextCharsMax);
const best = z.strictObject({
  score: z.number().min(0).max(1),
  label: z.string().max(limits.traceFoundCharsMax).exactOptional(),
  text: z.string().max(limits.traceFoundCharsMax).exactOptional(),
  values: z.record(z.string().regex(valueNamePattern), z.number()).exactOptional(),
});
const decided = { text: traced, trouble: traced.exactOptional() };
const decision = z.strictObject({
  ...decided,
  holds: z.boolean(),
  saw: z.array(z.strictObject({ stage: name, found: count, best: best.exactOptional() })).max(limits.traceWitnessesMax),
});
const state = z.union([z.literal(['ran', 'failed']), z.templateLiteral(['skipped: ', words])]);
const spent = { preprocess_ms: amount, run_ms: amount, postprocess_ms: amount, inputs: count, runs: count, found: count };
const calibrated = { calibrated: z.literal(true).exactOptional() };

const stageTrace = z.strictObject({
  stage: name,
  task: name,
  model: name.exactOptional(),
  variant: name.exactOptional(),
  state,
  ...spent,
  left_out: z.strictObject({ too_small: count.exactOptional(), too_many: count.exactOptional() }).exactOptional(),
  ...calibrated,
  stream: z.union([z.literal(['fresh', 'continued']), z.templateLiteral(['reset: ', traced])]).exactOptional(),
  when: decision.exactOptional(),
  accept: z
    .strictObject({ ...decided, of: count, accepted: count, unanswered: count.exactOptional(), worst: best.exactOptional() })
    .exactOptional(),
  escalated: z.strictObject({ model: name, variant: name, state, ...spent, ...calibrated }).exactOptional(),
  stop: decision.extend({ reason: traced }).exactOptional(),
  alternative: z.strictObject({ model: name, variant: name, usual_ms: amount.exactOptional() }).exactOptional(),
});

const keptState = z.instanceof(Uint8Array).refine(({ byteLength }) => byteLength <= limits.stateBytesMax, {
  message: `more than ${limits.stateBytesMax} bytes of state`,
});

const answer = z.strictObject({
  pipelines: z
    .array(
      z.strictObject({
        pipeline: name,
        state: z.literal(['done', 'abstained', 'late', 'failed']),
        error: flatError.exactOptional(),
        observations: z.record(name, observations),
        stages: z.array(stageTrace).max(limits.stagesMax),
        abstain: decision.exactOptional(),
        states: z
          .record(name, keptState)
          .refine((states) => Object.keys(states).length <= limits.stagesMax, { message: `more than ${limits.stagesMax} states` })
          .exactOptional(),
      }),
    )
    .max(limits.pipelinesMax),
  decodeMs: amount,
  decodedAhead: z.literal(true).exactOptional(),
  waitedMs: amount,
  totalMs: amount,
  level: amount.exactOptional(),
  copy: z
    .strictObject({
      bytes: z.instanceof(Uint8Array).refine((bytes) => bytes.length <= limits.copyBytesMax, { message: 'a copy is too large' }),
      mediaType: name,
      faces: count,
    })
    .exactOptional(),
  notCopied: flatError.exactOptional(),
});

const opened = z.strictObject({ model: name, variant: name, ok: z.boolean(), reason: words.exactOptional(), loadMs: amount });

const reply: z.ZodType<FromEngine> = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready'), models: z.array(opened).max(1024), runtimeMs: amount }),
  z.strictObject({ type: z.literal('started'), seq: count }),
  z.strictObject({ type: z.literal('answer'), seq: count, answers: z.array(answer).min(1).max(limits.batchJobsMax), rssBytes: amount }),
  z.strictObject({ type: z.literal('fatal'), error: flatError }),
]);

/** Checks whatever an engine sent. Throws ENGINE_PROTOCOL, saying where it is wrong. */
export function readReply(message: unknown): FromEngine {
  const bytes = weigh(message);
  if (bytes > limits.answerBytesMax) {
    throw new ShoalError('ENGINE_PROTOCOL', `a reply has more than ${limits.answerBytesMax} bytes, which no answer needs`);
  }
  const parsed = reply.safeParse(message);
  if (parsed.success) return parsed.data;
  throw new ShoalError('ENGINE_PROTOCOL', `a reply is not of the agreed form: ${firstIssue(parsed.error)}`);
}

/** Says what is wrong with what a task found, or null: checked in the engine too, so that a task's mistake fails its pipeline only. */
export function faultOf(found: unknown): string | null {
  const parsed = observations.safeParse(found);
  return parsed.success ? null : firstIssue(parsed.error);
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? reasonOf(error) : `${issue.path.join('.') || 'the message'}: ${issue.message}`;
}

/** Roughly the bytes of a cloned value, without serializing it; stops counting once it is too much or too deep. */
export function weigh(value: unknown): number {
  let bytes = 0;
  const depthMax = 12;
  const visit = (node: unknown, depth: number): void => {
    if (bytes > limits.answerBytesMax) return;
    bytes += typeof node === 'string' ? node.length * 2 : 8;
    if (typeof node !== 'object' || node === null) return;
    if (depth > depthMax) bytes = Number.POSITIVE_INFINITY;
    else if (ArrayBuffer.isView(node)) bytes += node.byteLength;
    else if (node instanceof ArrayBuffer) bytes += node.byteLength;
    else if (Array.isArray(node)) for (const item of node) visit(item, depth + 1);
    else if (node instanceof Map || node instanceof Set) bytes = Number.POSITIVE_INFINITY;
    else {
      for (const [key, child] of Object.entries(node)) {
        bytes += key.length;
        visit(child, depth + 1);
      }
    }
  };
  visit(value, 0);
  return bytes;
}
