/**
 * One job in the engine: read once, decoded at most once, all its pipelines in order, one answer.
 *
 * Guarantees: every pipeline of the job is in the answer, in the job's order, whatever happened to the others; a capture
 * that cannot be opened fails all of them with the same reason, one that cannot be decoded those with a stage that needed it decoded.
 */
import { ShoalError } from '../core/errors.js';
import type { EngineAnswer, EngineJob, PipelineAnswer } from '../core/job.js';
import { limits } from '../core/limits.js';
import { atLevel, type PipelineSpec } from '../core/pipeline.js';
import { type OpenContent, openContent } from './content.js';
import { copyCapture } from './copy.js';
import { Decoding } from './decoding.js';
import { levelOf } from './level.js';
import { type EngineConfig, weigh } from './protocol.js';
import { flatError, type PipelineTools, runPipeline, type Shared } from './run-pipeline.js';
import { hundredths } from './stage.js';

export interface JobTools extends PipelineTools {
  readonly pipelines: ReadonlyMap<string, PipelineSpec>;
  /** By input, what is hidden in its pictures. */
  readonly masks?: EngineConfig['masks'];
}

/** A capture that is open, and decoded when a stage needs it. */
export interface PreparedJob {
  readonly content: OpenContent;
  readonly decoding: Decoding;
}

/** Opens a capture and begins to decode it where some pipeline surely needs that. Rejects with what opening fails with; who asks for it has it closed. */
export async function prepareJob(job: EngineJob, tools: JobTools): Promise<PreparedJob> {
  const prepared = await openJob(job, tools);
  if (job.pipelines.some((name) => tools.pipelines.get(name)?.reads.includes('file') === false)) prepared.decoding.begin();
  return prepared;
}

/** `ahead` is its preparation, where that began while another job ran: then decoding counts as long as the job had to wait for it. */
export async function runJob(
  job: EngineJob,
  tools: JobTools,
  { ahead, waitedMs = 0 }: { readonly ahead?: Promise<PreparedJob>; readonly waitedMs?: number } = {},
): Promise<EngineAnswer> {
  const began = performance.now();
  const pipelines: PipelineAnswer[] = [];
  let content: OpenContent | null = null;
  let decodeMs = 0;
  let wasAhead = false;
  let more: Pick<EngineAnswer, 'copy' | 'notCopied' | 'level'> = {};
  try {
    const prepared = await (ahead ?? openJob(job, tools));
    content = prepared.content;
    const { decoding } = prepared;
    const shared: Shared = new Map();
    for (const name of job.pipelines) {
      const spec = tools.pipelines.get(name);
      if (spec === undefined)
        pipelines.push(failed(name, new ShoalError('SHOAL_INTERNAL', `this engine was not given a pipeline "${name}"`)));
      else
        pipelines.push(
          await runPipeline(
            atLevel(spec, job.levels?.[name] ?? 0),
            decoding,
            job.spentMs === undefined ? 0 : job.spentMs + waitedMs,
            shared,
            tools,
            job.states?.[name],
          ),
        );
    }
    const level = await levelOf(await decoding.asked());
    more = { ...(level === null ? {} : { level }), ...(await copyCapture(job, decoding, tools)) };
    decodeMs = decoding.ms;
    wasAhead = decoding.wasAhead;
  } catch (error) {
    if (job.copy !== undefined) more = { notCopied: flatError(error) };
    for (const pipeline of job.pipelines.slice(pipelines.length)) pipelines.push(failed(pipeline, error));
  } finally {
    await content?.close();
  }
  const decoded = { decodeMs, ...(wasAhead ? { decodedAhead: true as const } : {}) };
  const answer = { pipelines, ...more, ...decoded, waitedMs: hundredths(waitedMs), totalMs: hundredths(performance.now() - began) };
  return weigh(answer) < limits.answerBytesMax / 2 ? answer : withoutObservations(answer);
}

async function openJob({ content: where, header }: EngineJob, { masks }: Pick<JobTools, 'masks'>): Promise<PreparedJob> {
  const content = await openContent(where, header);
  return { content, decoding: new Decoding(header, content, masks?.[header.input]) };
}

function failed(pipeline: string, error: unknown): PipelineAnswer {
  return { pipeline, state: 'failed', error: flatError(error), observations: {}, stages: [] };
}

function withoutObservations(answer: EngineAnswer): EngineAnswer {
  const error = {
    code: 'INFERENCE',
    message: `what was found is larger than ${limits.answerBytesMax / 2} bytes, which no result can carry`,
  };
  const pipelines = answer.pipelines.map(({ states: _, ...each }) => ({ ...each, state: 'failed' as const, error, observations: {} }));
  return { ...answer, pipelines };
}
