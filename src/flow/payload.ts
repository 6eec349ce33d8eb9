/**
 * The bytes on the wire: schema `shoal/result/1` (docs/schema/result-1.json), additive only.
 *
 * Guarantees: at most `limits.payloadBytesMax`, finite numbers, scores and coordinates rounded to what they mean
 * (4 and 5 decimals; named values 6 digits). Observations that only fed a later stage (`each:`) are left out; what had to be cut is counted.
 * A full trace that does not fit beside no observation at all becomes a summary; the stored one is whole.
 */
import type { CaptureHeader } from '../core/capture.js';
import { limits } from '../core/limits.js';
import { eachOf, type PipelineSpec } from '../core/pipeline.js';
import { roundedBox } from '../core/rectangle.js';
import {
  type AcceptDecision,
  type Decision,
  type Escalation,
  type Observation,
  type Outcome,
  type Quad,
  type StageTrace,
  spentMs,
  type Trace,
  type Witness,
} from '../core/result.js';

export interface PayloadInput {
  readonly id: string;
  readonly header: CaptureHeader;
  readonly pipeline: Pick<PipelineSpec, 'name' | 'stages' | 'report'>;
  readonly device: string;
  readonly configHash: string;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly observations: Readonly<Record<string, readonly Observation[]>>;
  readonly trace: Trace;
  /** The answer to `report.when`, where results are told on change: the store may add what that comes to. */
  readonly holds?: boolean;
}

/** UTF-8 JSON. */
export function encodePayload(input: PayloadInput): Uint8Array {
  const kept = toldObservations(input.pipeline, input.observations).map(([stage, list]) => [stage, list.map(rounded)] as const);
  const total = kept.reduce((sum, [, list]) => sum + list.length, 0);
  const bytesMax = limits.payloadBytesMax - (input.holds === undefined ? 0 : limits.payloadAddedBytesMax);
  for (let share = 1; ; share /= 2) {
    const cut = kept.map(([stage, list]) => [stage, list.slice(0, Math.floor(list.length * share))] as const);
    const left = cut.reduce((sum, [, list]) => sum + list.length, 0);
    const bytes = Buffer.from(JSON.stringify(body(input, Object.fromEntries(cut), total - left)));
    if (bytes.length <= bytesMax) return bytes;
    if (left > 0) continue;
    const { pipeline } = input;
    return pipeline.report.trace === 'full' ? encodePayload({ ...input, pipeline: { ...pipeline, report: { trace: 'summary' } } }) : bytes;
  }
}

/** By stage, without those that only fed a later one. */
export function toldObservations(
  { stages }: Pick<PipelineSpec, 'stages'>,
  observations: PayloadInput['observations'],
): readonly (readonly [string, readonly Observation[]])[] {
  const consumed = new Set(stages.flatMap(eachOf));
  return Object.entries(observations).filter(([stage]) => !consumed.has(stage));
}

function body(input: PayloadInput, observations: Record<string, Observation[]>, cut: number): Record<string, unknown> {
  const { header } = input;
  return {
    schema: 'shoal/result/1',
    id: input.id,
    captured_at: header.capturedAt,
    clock_synced: header.clockSynced,
    boot: header.boot,
    seq: header.seq,
    device: input.device,
    input: header.input,
    pipeline: input.pipeline.name,
    config_hash: input.configHash,
    capture: captureBody(header),
    outcome: input.outcome,
    ...(input.reason === null ? {} : { reason: input.reason }),
    ...(input.holds === undefined ? {} : { holds: input.holds }),
    observations,
    ...(cut === 0 ? {} : { observations_cut: cut }),
    ...(input.pipeline.report.trace === 'none' ? {} : { trace: traceOf(input) }),
  };
}

function captureBody({ id, name, mediaType, bytes, source, retained }: CaptureHeader): Record<string, unknown> {
  return {
    id,
    name,
    media_type: mediaType,
    bytes,
    ...(source === undefined ? {} : { source }),
    ...(retained === undefined ? {} : { retained }),
  };
}

function traceOf(input: PayloadInput): Record<string, unknown> {
  const { trace } = input;
  return {
    attempt: trace.attempt,
    queue_ms: tenth(trace.queue_ms),
    decode_ms: tenth(trace.decode_ms),
    ...(trace.decoded_ahead === undefined ? {} : { decoded_ahead: true }),
    ...(trace.degraded === undefined ? {} : { degraded: trace.degraded }),
    stages: trace.stages.map(input.pipeline.report.trace === 'full' ? fullStage : summaryStage),
    ...(input.pipeline.report.trace === 'full' ? decidedAtEnd(trace) : {}),
  };
}

function decidedAtEnd({ abstain, report }: Trace): Record<string, unknown> {
  return {
    ...(abstain === undefined ? {} : { abstain: decided(abstain) }),
    ...(report === undefined ? {} : { report: decided(report) }),
  };
}

function summaryStage(stage: StageTrace): Record<string, unknown> {
  return {
    stage: stage.stage,
    ...ranOn(stage),
    ms: tenth(spentMs(stage)),
    found: stage.found,
    ...calibratedOf(stage),
    ...streamOf(stage),
    ...(stage.escalated === undefined || stage.escalated.runs === 0 ? {} : { escalated: stage.escalated.inputs }),
  };
}

function fullStage(stage: StageTrace): Record<string, unknown> {
  return {
    stage: stage.stage,
    task: stage.task,
    ...ranOn(stage),
    ms: tenth(spentMs(stage)),
    preprocess_ms: tenth(stage.preprocess_ms),
    run_ms: tenth(stage.run_ms),
    postprocess_ms: tenth(stage.postprocess_ms),
    inputs: stage.inputs,
    runs: stage.runs,
    found: stage.found,
    ...calibratedOf(stage),
    ...streamOf(stage),
    ...(stage.left_out === undefined ? {} : { left_out: stage.left_out }),
    ...(stage.when === undefined ? {} : { when: decided(stage.when) }),
    ...(stage.accept === undefined ? {} : { accept: decided(stage.accept) }),
    ...(stage.escalated === undefined ? {} : { escalated: stage.escalated.inputs, escalation: escalationOf(stage.escalated) }),
    ...(stage.stop === undefined ? {} : { stop: decided(stage.stop) }),
    ...(stage.alternative === undefined ? {} : { alternative: stage.alternative }),
  };
}

function escalationOf({ state, model, variant, inputs, runs, found, calibrated, ...spent }: Escalation): Record<string, unknown> {
  return {
    ...(state === 'ran' ? {} : { state }),
    model,
    variant,
    ms: tenth(spentMs(spent)),
    inputs,
    runs,
    found,
    ...calibratedOf({ calibrated }),
  };
}

function calibratedOf({ calibrated }: { readonly calibrated?: true | undefined }): { calibrated?: true } {
  return calibrated === undefined ? {} : { calibrated };
}

function streamOf({ stream }: StageTrace): Pick<StageTrace, 'stream'> {
  return stream === undefined ? {} : { stream };
}

/** Scores in four decimals, as in observations. */
function decided<T extends Decision | AcceptDecision>(decision: T): T {
  const round = (best: Witness['best']) => (best === undefined ? {} : { best: { ...best, score: decimals(best.score, 4) } });
  if ('saw' in decision) return { ...decision, saw: decision.saw.map((witness) => ({ ...witness, ...round(witness.best) })) };
  const { worst } = decision;
  return worst === undefined ? decision : { ...decision, worst: { ...worst, score: decimals(worst.score, 4) } };
}

function ranOn(stage: StageTrace): Record<string, unknown> {
  return {
    ...(stage.state === 'ran' ? {} : { state: stage.state }),
    ...(stage.model === undefined ? {} : { model: stage.model, variant: stage.variant }),
  };
}

function rounded(observation: Observation): Observation {
  // `of` points into a stage that is left out.
  const { of: _, ...rest } = observation;
  const result: Observation = { ...rest, score: decimals(observation.score, 4) };
  if (observation.box !== undefined) result.box = roundedBox(observation.box);
  if (observation.quad !== undefined) result.quad = observation.quad.map(([x, y]) => [decimals(x, 5), decimals(y, 5)]) as Quad;
  if (observation.segment !== undefined) {
    result.segment = { start_s: decimals(observation.segment.start_s, 3), end_s: decimals(observation.segment.end_s, 3) };
  }
  if (observation.points !== undefined) {
    result.points = Object.fromEntries(
      Object.entries(observation.points).map(([name, [x, y]]) => [name, [decimals(x, 5), decimals(y, 5)]]),
    );
  }
  if (observation.values !== undefined) {
    result.values = Object.fromEntries(Object.entries(observation.values).map(([name, value]) => [name, Number(value.toPrecision(6))]));
  }
  if (observation.embedding !== undefined) result.embedding = observation.embedding.map((value) => decimals(value, 4));
  return result;
}

function decimals(value: number, places: number): number {
  return Number(value.toFixed(places));
}

function tenth(ms: number): number {
  return decimals(ms, 1);
}
