/**
 * One job in the engine: read once, decoded once, all its pipelines in order, one answer.
 *
 * Guarantees: every pipeline of the job is in the answer, in the job's order, whatever happened to the others; a capture
 * that cannot be read fails all of them with the same reason, one that cannot be decoded those that need it decoded.
 */
import { ShoalError } from '../core/errors.js';
import type { EngineAnswer, EngineJob, PipelineAnswer } from '../core/job.js';
import { limits } from '../core/limits.js';
import { atLevel, type PipelineSpec } from '../core/pipeline.js';
import { type OpenContent, openContent } from './content.js';
import { weigh } from './protocol.js';
import { flatError, type PipelineTools, runPipeline, type Shared } from './run-pipeline.js';
import { type Decoded, hundredths } from './stage.js';

export interface JobTools extends PipelineTools {
  readonly pipelines: ReadonlyMap<string, PipelineSpec>;
}

/** A capture read and, where a pipeline of the job needs it, decoded. */
export interface PreparedJob {
  readonly content: OpenContent;
  /** For pipelines that take the capture as it is, and for the others. */
  readonly raw: Decoded;
  readonly decoded: Decoded | { readonly error: unknown };
  readonly decodeMs: number;
}

/** Rejects with what opening the capture fails with; who asks for it has it closed. */
export async function prepareJob(job: EngineJob, tools: JobTools): Promise<PreparedJob> {
  const content = await openContent(job.content, job.header);
  const raw: Decoded = { image: null, audio: null, file: content };
  const whole = job.pipelines.some((name) => needsDecoding(name, tools)) ? await readWhole(content, job) : { decoded: raw, decodeMs: 0 };
  return { content, raw, ...whole };
}

/** `ahead` is its preparation, where that began while another job ran: then decoding counts as long as the job had to wait for it. */
export async function runJob(job: EngineJob, tools: JobTools, ahead?: Promise<PreparedJob>): Promise<EngineAnswer> {
  const began = performance.now();
  let decodeMs = 0;
  const pipelines: PipelineAnswer[] = [];
  let content: OpenContent | null = null;
  try {
    const prepared = await (ahead ?? prepareJob(job, tools));
    content = prepared.content;
    decodeMs = ahead === undefined ? prepared.decodeMs : hundredths(performance.now() - began);
    const shared: Shared = new Map();
    for (const name of job.pipelines) {
      const needed = needsDecoding(name, tools);
      const given = needed ? prepared.decoded : prepared.raw;
      const spec = tools.pipelines.get(name);
      if ('error' in given) pipelines.push(failed(name, given.error));
      else if (spec === undefined)
        pipelines.push(failed(name, new ShoalError('SHOAL_INTERNAL', `this engine was not given a pipeline "${name}"`)));
      else {
        const spent = (job.spentMs ?? 0) + (needed ? decodeMs : 0);
        pipelines.push(await runPipeline(atLevel(spec, job.levels?.[name] ?? 0), given, spent, shared, tools));
      }
    }
  } catch (error) {
    for (const pipeline of job.pipelines.slice(pipelines.length)) pipelines.push(failed(pipeline, error));
  } finally {
    await content?.close();
  }
  const answer = { pipelines, decodeMs, totalMs: hundredths(performance.now() - began) };
  return weigh(answer) < limits.answerBytesMax / 2 ? answer : withoutObservations(answer);
}

function needsDecoding(pipeline: string, tools: JobTools): boolean {
  return tools.pipelines.get(pipeline)?.reads.some((kind) => kind !== 'file') === true;
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

function failed(pipeline: string, error: unknown): PipelineAnswer {
  return { pipeline, state: 'failed', error: flatError(error), observations: {}, stages: [] };
}

function withoutObservations(answer: EngineAnswer): EngineAnswer {
  const error = {
    code: 'INFERENCE',
    message: `what was found is larger than ${limits.answerBytesMax / 2} bytes, which no result can carry`,
  };
  const pipelines = answer.pipelines.map((each) => ({ ...each, state: 'failed' as const, error, observations: {} }));
  return { ...answer, pipelines };
}
