/**
 * What is worth telling: turns an engine's answer, or the lack of one, into an outcome and a record per pipeline.
 *
 * Guarantees: one record for each pipeline asked, whatever came back. Pure but for the conditions compiled at start.
 * Every outcome is kept; with `mode: events` a result is kept silent, and what it amounts to is decided where its state is (store).
 * Of the others subscribers are told of published, abstained, late and failed, not of silent and dropped.
 */
import type { CaptureHeader } from '../core/capture.js';
import { ShoalError } from '../core/errors.js';
import type { Sighting } from '../core/event.js';
import { resultId } from '../core/id.js';
import type { EngineAnswer, PipelineAnswer } from '../core/job.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec } from '../core/pipeline.js';
import type { DropCause, SettledOutcome } from '../core/receipt.js';
import type { Degradation, Observation, Outcome, Trace } from '../core/result.js';
import type { Settled } from '../core/settled.js';
import type { Watched } from '../core/watch.js';
import { encodePayload, toldObservations } from './payload.js';

/** Asks a pipeline's `report.when` and `report.active`: null for what is worth telling, else why it is not. */
export type WorthTelling = (
  pipeline: PipelineSpec,
  observations: Readonly<Record<string, readonly Observation[]>>,
  header: Pick<CaptureHeader, 'input' | 'capturedAt' | 'clockSynced'>,
) => string | null;

export interface ReportContext {
  readonly device: string;
  readonly configHash: string;
  readonly worthTelling: WorthTelling;
}

export interface Reported {
  readonly results: Settled['results'];
  readonly outcomes: readonly SettledOutcome[];
}

interface Look {
  readonly verdict: Verdict;
  readonly observations: PipelineAnswer['observations'];
  readonly trace: Trace;
  /** For a pipeline told as events that could answer. */
  readonly sighting?: Seen | null;
}

interface Verdict {
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly cause?: DropCause;
}

export interface Unanswered extends Verdict {
  readonly outcome: 'failed' | 'late' | 'dropped';
  readonly reason: string;
}

/** A pipeline as it was asked of an engine, and how that differs from the configuration. */
export interface AskedPipeline {
  readonly spec: PipelineSpec;
  readonly degraded?: Degradation;
}

/** How long (ms) the capture waited for an engine, and which attempt it was. */
export interface Attempt {
  readonly queueMs: number;
  readonly attempt: number;
}

type Seen = Pick<Sighting, 'holds' | 'score' | 'labels'>;

const told: ReadonlySet<Outcome> = new Set(['published', 'abstained', 'late', 'failed']);

export class Reporter {
  readonly #context: ReportContext;

  constructor(context: ReportContext) {
    this.#context = context;
  }

  answered(header: CaptureHeader, asked: readonly AskedPipeline[], answer: EngineAnswer, { queueMs, attempt }: Attempt): Reported {
    const degradations = new Map(asked.map(({ spec, degraded }) => [spec.name, degraded]));
    return this.#report(
      header,
      asked.map(({ spec }) => spec),
      (pipeline) => {
        const found = answer.pipelines.find((candidate) => candidate.pipeline === pipeline.name);
        const abstain = found?.abstain === undefined ? {} : { abstain: found.abstain };
        const degraded = degradations.get(pipeline.name);
        const more = { ...abstain, ...(degraded === undefined ? {} : { degraded }) };
        const trace = { queue_ms: queueMs, decode_ms: answer.decodeMs, stages: [...(found?.stages ?? [])], attempt, ...more };
        if (found === undefined)
          return { verdict: { outcome: 'failed', reason: 'the engine did not answer for this pipeline' }, observations: {}, trace };
        const verdict = this.#judge(pipeline, found, header);
        if (pipeline.report.events === undefined || found.state !== 'done') return { verdict, observations: found.observations, trace };
        return { verdict: withheld(verdict), observations: found.observations, trace, sighting: seen(pipeline, found, verdict) };
      },
    );
  }

  /** For pipelines that no engine was asked for, or whose engine gave no answer. */
  unanswered(header: CaptureHeader, pipelines: readonly PipelineSpec[], verdict: Unanswered, { queueMs, attempt }: Attempt): Reported {
    const trace = { queue_ms: queueMs, decode_ms: 0, stages: [], attempt };
    return this.#report(header, pipelines, () => ({ verdict, observations: {}, trace }));
  }

  #judge(pipeline: PipelineSpec, answer: PipelineAnswer, header: CaptureHeader): Verdict {
    if (answer.state === 'failed') return { outcome: 'failed', reason: answer.error?.message ?? 'the engine gave no reason' };
    if (answer.state === 'late') return { outcome: 'late', reason: answer.error?.message ?? `over its budget of ${pipeline.budgetMs} ms` };
    if (answer.state === 'abstained') return { outcome: 'abstained', reason: `abstain is true: ${pipeline.abstain}` };
    const reason = this.#context.worthTelling(pipeline, answer.observations, header);
    return { outcome: reason === null ? 'published' : 'silent', reason };
  }

  #watched(header: CaptureHeader, pipeline: PipelineSpec, resultId: string, found: Seen): Watched {
    const { device, configHash } = this.#context;
    const { capturedAt, clockSynced, boot, seq, monoMs = null, id: captureId, input } = header;
    const rules = pipeline.report.events;
    if (rules === undefined) throw new ShoalError('SHOAL_INTERNAL', `the pipeline "${pipeline.name}" is not told as events`);
    const watch = { pipeline: pipeline.name, input, rules, sinks: pipeline.sinks, device, configHash };
    return { watch, sighting: { captureId, resultId, capturedAt, clockSynced, boot, seq, monoMs, ...found } };
  }

  #report(header: CaptureHeader, pipelines: readonly PipelineSpec[], look: (pipeline: PipelineSpec) => Look): Reported {
    const outcomes: SettledOutcome[] = [];
    const results = pipelines.map((pipeline) => {
      const { verdict, observations, trace, sighting = null } = look(pipeline);
      const { outcome, reason, cause } = verdict;
      const id = resultId(header.id, pipeline.name);
      outcomes.push({
        pipeline: pipeline.name,
        outcome,
        ...(reason === null ? {} : { reason }),
        ...(cause === undefined ? {} : { cause }),
      });
      const payload = encodePayload({ id, header, pipeline, observations, trace, ...this.#context, outcome, reason });
      const record = {
        id,
        captureId: header.id,
        captureName: header.name,
        pipeline: pipeline.name,
        input: header.input,
        payload,
        trace: JSON.stringify(trace),
        outcome,
        reason,
      };
      const watched = sighting === null ? {} : { watched: this.#watched(header, pipeline, id, sighting) };
      return { record, sinks: told.has(outcome) ? pipeline.sinks : [], ...watched };
    });
    return { results, outcomes };
  }
}

/** Several reports on one capture as one. */
export function together(reports: readonly Reported[]): Reported {
  return { results: reports.flatMap(({ results }) => results), outcomes: reports.flatMap(({ outcomes }) => outcomes) };
}

/** The result is kept, and what it amounts to is told. */
function withheld(verdict: Verdict): Verdict {
  return verdict.outcome === 'published' ? { outcome: 'silent', reason: 'it is told as part of an event (report.mode: events)' } : verdict;
}

function seen(pipeline: PipelineSpec, { observations }: PipelineAnswer, verdict: Verdict): Seen {
  const told = toldObservations(pipeline, observations).flatMap(([, list]) => list);
  const score = told.reduce<number | null>((best, observation) => Math.max(best ?? 0, observation.score), null);
  const labels = [...new Set(told.flatMap(({ label }) => (label === undefined ? [] : [label])))];
  return { holds: verdict.outcome === 'published', score, labels: labels.slice(0, limits.eventLabelsMax) };
}
