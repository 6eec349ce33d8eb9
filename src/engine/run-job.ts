/**
 * One job in the engine: read once, decoded once, all its pipelines in order, one answer.
 *
 * Guarantees: every pipeline of the job is in the answer, in the job's order, whatever happened to the others; a capture
 * that cannot be read fails all of them with the same reason, one that cannot be decoded those that need it decoded. A stage
 * that two pipelines share (same task, model, variant, options and source) runs once.
 * A pipeline's budget counts the decoding and its own stages, not the pipelines before it, and is looked at between
 * stages and at the end.
 */
import type { Task } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import type { EngineAnswer, EngineJob, PipelineAnswer } from '../core/job.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec, StageSpec } from '../core/pipeline.js';
import type { Observation, StageTrace } from '../core/result.js';
import { type OpenContent, openContent } from './content.js';
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
  let content: OpenContent | null = null;
  try {
    content = await openContent(job.content, job.header);
    const needsDecoding = (name: string) => tools.pipelines.get(name)?.reads.some((kind) => kind !== 'file') === true;
    const raw: Decoded = { image: null, audio: null, file: content };
    const whole = job.pipelines.some(needsDecoding) ? await readWhole(content, job) : { decoded: raw, decodeMs: 0 };
    decodeMs = whole.decodeMs;
    const shared: Shared = new Map();
    for (const name of job.pipelines) {
      const needed = needsDecoding(name);
      const given = needed ? whole.decoded : raw;
      pipelines.push('error' in given ? failed(name, given.error) : await runPipeline(name, given, needed ? decodeMs : 0, shared, tools));
    }
  } catch (error) {
    for (const pipeline of job.pipelines.slice(pipelines.length)) pipelines.push(failed(pipeline, error));
  } finally {
    await content?.close();
  }
  const answer = { pipelines, decodeMs, totalMs: hundredths(performance.now() - began) };
  return weigh(answer) < limits.answerBytesMax / 2 ? answer : withoutObservations(answer);
}

/** What reading or decoding fails with is an answer: it is not everybody's trouble. Reading is not counted as decoding. */
async function readWhole(content: OpenContent, job: EngineJob): Promise<{ decoded: Decoded | { error: unknown }; decodeMs: number }> {
  let began: number | null = null;
  const spent = () => (began === null ? 0 : hundredths(performance.now() - began));
  try {
    const bytes = await content.whole();
    began = performance.now();
    const decoded = { ...(await decode(bytes, job)), file: content };
    return { decoded, decodeMs: spent() };
  } catch (error) {
    return { decoded: { error }, decodeMs: spent() };
  }
}

/** Throws CAPTURE_UNSUPPORTED, CAPTURE_DECODE or CAPTURE_TOO_LARGE. */
async function decode(bytes: Uint8Array, job: EngineJob): Promise<Omit<Decoded, 'file'>> {
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
  const state: PipelineState = { name, decoded, observations, keys: new Map(), heard: null };
  for (const [index, stage] of spec.stages.entries()) {
    const late = lateness(spec, decodeMs + performance.now() - began);
    if (late !== null) {
      const rest = spec.stages.slice(index).map((left) => emptyTrace(left, 'skipped: budget'));
      const error = { code: 'LATE', message: `${late}; stopped before stage "${stage.as}"` };
      return { pipeline: name, state: 'late', error, observations, stages: [...stages, ...rest] };
    }
    const outcome = await runShared(state, stage, shared, tools);
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

/** What a pipeline has so far. */
interface PipelineState {
  readonly name: string;
  /** What the next stage gets: a stage may have given it another recording. */
  decoded: Decoded;
  readonly observations: Readonly<Record<string, readonly Observation[]>>;
  /** Keys of the stages that ran, by their names. */
  readonly keys: Map<string, string>;
  /** Key of the stage that gave the recording; null while it is the capture's. */
  heard: string | null;
}

async function runShared(state: PipelineState, stage: StageSpec, shared: Shared, tools: JobTools): Promise<StageOutcome> {
  const key = stageKey(state, stage);
  const earlier = shared.get(key);
  const outcome = earlier === undefined ? await runAlone(state, stage, tools) : repeated(earlier, stage);
  if (earlier === undefined) shared.set(key, { pipeline: state.name, outcome });
  state.keys.set(stage.as, key);
  if (outcome.audio !== undefined) {
    state.decoded = { ...state.decoded, audio: outcome.audio };
    state.heard = key;
  }
  return outcome;
}

function runAlone(state: PipelineState, stage: StageSpec, tools: JobTools): Promise<StageOutcome> {
  const each = stage.each === undefined ? null : (state.observations[stage.each] ?? []);
  return runStage(stage, state.decoded, each, tools);
}

function repeated({ pipeline, outcome }: { readonly pipeline: string; readonly outcome: StageOutcome }, stage: StageSpec): StageOutcome {
  const { trace } = outcome;
  const state = trace.state === 'ran' ? (`skipped: shared with ${pipeline}` as const) : trace.state;
  const spent = { preprocess_ms: 0, run_ms: 0, postprocess_ms: 0, runs: 0 };
  return { ...outcome, trace: { ...trace, ...spent, stage: stage.as, state } };
}

/** What decides a stage's outcome on one capture; names of stages do not. */
function stageKey({ keys, heard }: PipelineState, { task, model, variant, options, each }: StageSpec): string {
  return JSON.stringify([task, model, variant, options, each === undefined ? null : keys.get(each), heard]);
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
