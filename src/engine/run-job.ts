/**
 * One job in the engine: read once, decoded once, all its pipelines in order, one answer.
 *
 * Guarantees: every pipeline of the job is in the answer, in the job's order, whatever happened to the others; a capture
 * that cannot be read or decoded fails all of them with the same reason. A stage that two pipelines share (same task,
 * model, variant, options and source) runs once.
 * A pipeline's budget counts the decoding and its own stages, not the pipelines before it, and is looked at between
 * stages and at the end.
 */
import type { Task } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import type { EngineAnswer, EngineJob, PipelineAnswer } from '../core/job.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec, StageSpec } from '../core/pipeline.js';
import type { Observation, StageTrace } from '../core/result.js';
import { readContent } from './content.js';
import { weigh } from './protocol.js';
import type { Sessions } from './sessions.js';
import { type Decoded, emptyTrace, hundredths, runStage, type StageOutcome } from './stage.js';

export interface JobTools {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly sessions: Sessions;
  readonly pipelines: ReadonlyMap<string, PipelineSpec>;
}

type Shared = Map<string, { readonly pipeline: string; readonly outcome: StageOutcome }>;

export async function runJob(job: EngineJob, tools: JobTools): Promise<EngineAnswer> {
  const began = performance.now();
  let decodeMs = 0;
  const pipelines: PipelineAnswer[] = [];
  try {
    const bytes = await readContent(job.content, job.header);
    const decodeBegan = performance.now();
    const decoded = await decode(bytes, job);
    decodeMs = hundredths(performance.now() - decodeBegan);
    const shared: Shared = new Map();
    for (const name of job.pipelines) pipelines.push(await runPipeline(name, decoded, decodeMs, shared, tools));
  } catch (error) {
    for (const pipeline of job.pipelines.slice(pipelines.length)) pipelines.push(failed(pipeline, error));
  }
  const answer = { pipelines, decodeMs, totalMs: hundredths(performance.now() - began) };
  return weigh(answer) < limits.answerBytesMax / 2 ? answer : withoutObservations(answer);
}

/** Throws CAPTURE_UNSUPPORTED, CAPTURE_DECODE or CAPTURE_TOO_LARGE. */
async function decode(bytes: Uint8Array, job: EngineJob): Promise<Decoded> {
  if (job.header.kind === 'image') {
    const { openImage } = await import('./image.js');
    return { image: await openImage(bytes), audio: null };
  }
  if (job.header.kind === 'audio') {
    const { openAudio } = await import('./audio.js');
    return { image: null, audio: openAudio(bytes) };
  }
  throw new ShoalError('CAPTURE_UNSUPPORTED', `the capture is ${job.header.mediaType}; images and audio can be looked at`);
}

async function runPipeline(name: string, decoded: Decoded, decodeMs: number, shared: Shared, tools: JobTools): Promise<PipelineAnswer> {
  const spec = tools.pipelines.get(name);
  if (spec === undefined) return failed(name, new ShoalError('SHOAL_INTERNAL', `this engine was not given a pipeline "${name}"`));
  const began = performance.now();
  const observations: Record<string, readonly Observation[]> = {};
  const stages: StageTrace[] = [];
  for (const [index, stage] of spec.stages.entries()) {
    const late = lateness(spec, decodeMs + performance.now() - began);
    if (late !== null) {
      const rest = spec.stages.slice(index).map((left) => emptyTrace(left, 'skipped: budget'));
      const error = { code: 'LATE', message: `${late}; stopped before stage "${stage.as}"` };
      return { pipeline: name, state: 'late', error, observations, stages: [...stages, ...rest] };
    }
    const outcome = await runShared(name, spec, stage, decoded, observations, shared, tools);
    stages.push(outcome.trace);
    if (outcome.error !== undefined) {
      const rest = spec.stages.slice(index + 1).map((left) => emptyTrace(left, 'skipped: an earlier stage failed'));
      return { pipeline: name, state: 'failed', error: flat(outcome.error), observations, stages: [...stages, ...rest] };
    }
    observations[stage.as] = outcome.observations;
  }
  const late = lateness(spec, decodeMs + performance.now() - began);
  if (late === null) return { pipeline: name, state: 'done', observations, stages };
  return { pipeline: name, state: 'late', error: { code: 'LATE', message: `${late}; every stage ran` }, observations, stages };
}

function lateness(spec: PipelineSpec, spentMs: number): string | null {
  if (spec.budgetMs === null || spentMs <= spec.budgetMs) return null;
  return `took ${Math.round(spentMs)} ms, its budget_ms is ${spec.budgetMs}`;
}

async function runShared(
  pipeline: string,
  spec: PipelineSpec,
  stage: StageSpec,
  decoded: Decoded,
  observations: Readonly<Record<string, readonly Observation[]>>,
  shared: Shared,
  tools: JobTools,
): Promise<StageOutcome> {
  const key = stageKey(spec, stage);
  const earlier = shared.get(key);
  if (earlier !== undefined) {
    const { trace } = earlier.outcome;
    const state = trace.state === 'ran' ? (`skipped: shared with ${earlier.pipeline}` as const) : trace.state;
    const spent = { preprocess_ms: 0, run_ms: 0, postprocess_ms: 0, runs: 0 };
    return { ...earlier.outcome, trace: { ...trace, ...spent, stage: stage.as, state } };
  }
  const each = stage.each === undefined ? null : (observations[stage.each] ?? []);
  const outcome = await runStage(stage, decoded, each, tools);
  shared.set(key, { pipeline, outcome });
  return outcome;
}

/** What decides a stage's outcome on one capture; names of stages do not. */
function stageKey(spec: PipelineSpec, stage: StageSpec): string {
  const source = spec.stages.find((candidate) => candidate.as === stage.each);
  return JSON.stringify([stage.task, stage.model, stage.variant, stage.options, source === undefined ? null : stageKey(spec, source)]);
}

function failed(pipeline: string, error: unknown): PipelineAnswer {
  return { pipeline, state: 'failed', error: flat(error), observations: {}, stages: [] };
}

function flat(error: unknown): { code: string; message: string } {
  const code = error instanceof ShoalError ? error.code : 'SHOAL_INTERNAL';
  return { code, message: reasonOf(error).slice(0, limits.textCharsMax) };
}

function withoutObservations(answer: EngineAnswer): EngineAnswer {
  const error = {
    code: 'INFERENCE',
    message: `what was found is larger than ${limits.answerBytesMax / 2} bytes, which no result can carry`,
  };
  const pipelines = answer.pipelines.map((each) => ({ ...each, state: 'failed' as const, error, observations: {} }));
  return { ...answer, pipelines };
}
