/**
 * What is worth telling: turns an engine's answer, or the lack of one, into an outcome and a record per pipeline.
 *
 * Guarantees: one record for each pipeline asked, whatever came back. Pure but for the conditions compiled at start.
 * Every outcome is kept; subscribers are told of published, abstained, late and failed, not of silent and dropped.
 */
import type { CaptureHeader } from '../core/capture.js';
import type { Settled } from '../core/contracts.js';
import { resultId } from '../core/id.js';
import type { EngineAnswer, PipelineAnswer } from '../core/job.js';
import type { PipelineSpec } from '../core/pipeline.js';
import type { SettledOutcome } from '../core/receipt.js';
import type { Observation, Outcome, Trace } from '../core/result.js';
import { encodePayload } from './payload.js';

/** Evaluates a pipeline's `report.when`; true where there is none. */
export type WorthTelling = (pipeline: PipelineSpec, observations: Readonly<Record<string, readonly Observation[]>>) => boolean;

export interface ReportContext {
  readonly device: string;
  readonly configHash: string;
  readonly worthTelling: WorthTelling;
}

export interface Reported {
  readonly results: Settled['results'];
  readonly outcomes: readonly SettledOutcome[];
}

interface Verdict {
  readonly outcome: Outcome;
  readonly reason: string | null;
}

const told: ReadonlySet<Outcome> = new Set(['published', 'abstained', 'late', 'failed']);

export class Reporter {
  readonly #context: ReportContext;

  constructor(context: ReportContext) {
    this.#context = context;
  }

  answered(header: CaptureHeader, pipelines: readonly PipelineSpec[], answer: EngineAnswer, queueMs: number, attempt: number): Reported {
    return this.#report(header, pipelines, (pipeline) => {
      const found = answer.pipelines.find((candidate) => candidate.pipeline === pipeline.name);
      const abstain = found?.abstain === undefined ? {} : { abstain: found.abstain };
      const trace = { queue_ms: queueMs, decode_ms: answer.decodeMs, stages: [...(found?.stages ?? [])], attempt, ...abstain };
      if (found === undefined)
        return { verdict: { outcome: 'failed', reason: 'the engine did not answer for this pipeline' }, observations: {}, trace };
      return { verdict: this.#judge(pipeline, found), observations: found.observations, trace };
    });
  }

  failed(header: CaptureHeader, pipelines: readonly PipelineSpec[], reason: string, queueMs: number, attempt: number): Reported {
    const trace = { queue_ms: queueMs, decode_ms: 0, stages: [], attempt };
    return this.#report(header, pipelines, () => ({ verdict: { outcome: 'failed', reason }, observations: {}, trace }));
  }

  #judge(pipeline: PipelineSpec, answer: PipelineAnswer): Verdict {
    if (answer.state === 'failed') return { outcome: 'failed', reason: answer.error?.message ?? 'the engine gave no reason' };
    if (answer.state === 'late') return { outcome: 'late', reason: answer.error?.message ?? `over its budget of ${pipeline.budgetMs} ms` };
    if (answer.state === 'abstained') return { outcome: 'abstained', reason: `abstain is true: ${pipeline.abstain}` };
    if (this.#context.worthTelling(pipeline, answer.observations)) return { outcome: 'published', reason: null };
    return { outcome: 'silent', reason: `report.when is false: ${pipeline.report.when}` };
  }

  #report(
    header: CaptureHeader,
    pipelines: readonly PipelineSpec[],
    look: (pipeline: PipelineSpec) => { verdict: Verdict; observations: PipelineAnswer['observations']; trace: Trace },
  ): Reported {
    const outcomes: SettledOutcome[] = [];
    const results = pipelines.map((pipeline) => {
      const { verdict, observations, trace } = look(pipeline);
      const id = resultId(header.id, pipeline.name);
      outcomes.push({ pipeline: pipeline.name, outcome: verdict.outcome, ...(verdict.reason === null ? {} : { reason: verdict.reason }) });
      const payload = encodePayload({ id, header, pipeline, observations, trace, ...this.#context, ...verdict });
      const record = {
        id,
        captureId: header.id,
        captureName: header.name,
        pipeline: pipeline.name,
        input: header.input,
        payload,
        trace: JSON.stringify(trace),
        ...verdict,
      };
      return { record, sinks: told.has(verdict.outcome) ? pipeline.sinks : [] };
    });
    return { results, outcomes };
  }
}
