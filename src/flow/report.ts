/**
 * What is worth telling: turns an engine's answer, or the lack of one, into an outcome and a record per pipeline.
 *
 * Guarantees: one outcome for each pipeline asked, whatever came back, and a record of it. Pure but for the conditions compiled at start.
 * Every outcome is kept, but for silent ones of a live input beyond a rate (silent-sample.ts); with `mode: events` a result is kept silent, and what it amounts to is decided where its state is (store); with
 * `mode: on_change` it is decided there whether the result is told. Of the others subscribers are told of published, abstained, late and
 * failed, not of silent and dropped.
 */
import type { CaptureHeader } from '../core/capture.js';
import type { Sighting } from '../core/event.js';
import { resultId } from '../core/id.js';
import type { EngineAnswer, PipelineAnswer } from '../core/job.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec } from '../core/pipeline.js';
import { type DropCause, noPipeline, type SettledOutcome } from '../core/receipt.js';
import type { Decision, Degradation, Outcome, Trace } from '../core/result.js';
import { nothingSaid, notSure, wordsOf } from '../core/saying.js';
import type { Settled, SettledResult } from '../core/settled.js';
import type { ChangeWatch, Watch } from '../core/watch.js';
import { encodePayload, toldObservations } from './payload.js';
import { SilentSample } from './silent-sample.js';
import { watchOf } from './watch-of.js';
import type { WorthTelling } from './worth-telling.js';

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
  /** For the store, of a pipeline that could answer: what depends on earlier captures. */
  readonly asked?: Pick<SettledResult, 'watched' | 'said'>;
  readonly holds?: boolean;
}

type Reportable = Pick<PipelineSpec, 'name' | 'stages' | 'report' | 'sinks'>;

/** Stands where a pipeline does, for a capture that none looks at. */
const nobody: Reportable = { name: noPipeline, stages: [], report: { trace: 'summary' }, sinks: [] };

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
  /** Given for a live capture: when it was answered, ms on the monotonic clock; then not every silent result is kept. */
  readonly liveMs?: number;
}

/** `report`: what `report.when` came to, where it was asked. */
type Judgement = Pick<Look, 'verdict' | 'asked' | 'holds'> & { readonly report?: Decision };

/** Why a result is silent that holds what an event is made of. */
export const toldInEvent = 'it is told as part of an event (report.mode: events)';

const told: ReadonlySet<Outcome> = new Set(['published', 'abstained', 'late', 'failed']);

export class Reporter {
  readonly #context: ReportContext;
  readonly #silent = new SilentSample();

  constructor(context: ReportContext) {
    this.#context = context;
  }

  answered(header: CaptureHeader, asked: readonly AskedPipeline[], answer: EngineAnswer, { queueMs, attempt, liveMs }: Attempt): Reported {
    const degradations = new Map(asked.map(({ spec, degraded }) => [spec.name, degraded]));
    return this.#report(
      header,
      asked.map(({ spec }) => spec),
      (pipeline) => {
        const found = answer.pipelines.find((candidate) => candidate.pipeline === pipeline.name);
        const abstain = found?.abstain === undefined ? {} : { abstain: found.abstain };
        const degraded = degradations.get(pipeline.name);
        const ahead = answer.decodedAhead === undefined ? {} : { decoded_ahead: answer.decodedAhead };
        const more = { ...ahead, ...abstain, ...(degraded === undefined ? {} : { degraded }) };
        const trace = { queue_ms: queueMs, decode_ms: answer.decodeMs, stages: [...(found?.stages ?? [])], attempt, ...more };
        if (found === undefined)
          return { verdict: { outcome: 'failed', reason: 'the engine did not answer for this pipeline' }, observations: {}, trace };
        const { report, ...judged } = this.#judge(pipeline, found, header);
        return { observations: found.observations, trace: { ...trace, ...(report === undefined ? {} : { report }) }, ...judged };
      },
      liveMs,
    );
  }

  /** For pipelines that no engine was asked for, or whose engine gave no answer. */
  unanswered(header: CaptureHeader, pipelines: readonly Reportable[], verdict: Unanswered, { queueMs, attempt }: Attempt): Reported {
    const trace = { queue_ms: queueMs, decode_ms: 0, stages: [], attempt };
    return this.#report(header, pipelines, () => ({ verdict, observations: {}, trace }));
  }

  #judge(pipeline: PipelineSpec, answer: PipelineAnswer, header: CaptureHeader): Judgement {
    const { state, error } = answer;
    if (state === 'failed') return { verdict: { outcome: 'failed', reason: error?.message ?? 'the engine gave no reason' } };
    if (state === 'late') {
      return { verdict: { outcome: 'late', reason: error?.message ?? `over its budget of ${pipeline.budgetMs} ms` } };
    }
    const { device, configHash } = this.#context;
    const watch = watchOf(pipeline, header, device, configHash);
    if (state === 'abstained') {
      const verdict: Verdict = { outcome: 'abstained', reason: `abstain is true: ${pipeline.abstain}` };
      return watch?.kind === 'change' ? { verdict, ...saying(watch, header, notSure) } : { verdict };
    }
    return this.#judgeFound(pipeline, answer.observations, header, watch);
  }

  #judgeFound(pipeline: PipelineSpec, found: PipelineAnswer['observations'], header: CaptureHeader, watch: Watch | null): Judgement {
    const { worthTelling } = this.#context;
    const { holds, awake, reason, decision } = worthTelling.ask(pipeline, found, header);
    const report = decision === undefined ? {} : { report: decision };
    const verdict: Verdict = { outcome: reason === null ? 'published' : 'silent', reason };
    const shown = toldObservations(pipeline, found);
    switch (watch?.kind) {
      case undefined:
        return { verdict, ...report };
      case 'change':
        return awake ? { verdict, ...report, ...saying(watch, header, holds ? wordsOf(shown) : nothingSaid) } : { verdict };
      case 'event':
        return { ...report, verdict: withheld(verdict), asked: { watched: { watch, sighting: sightingOf(watch, header, holds, shown) } } };
      case 'tracks': {
        const things = worthTelling.things(pipeline, found, header);
        return {
          ...report,
          verdict: withheld(verdict),
          asked: { watched: { watch, sighting: sightingOf(watch, header, holds, shown), things } },
        };
      }
    }
  }

  /** A capture that no pipeline looks at: kept under `noPipeline`, so that it can be told why, and told to no sink. */
  unrouted(header: CaptureHeader, reason: string): Reported {
    const verdict = { outcome: 'dropped', reason, cause: 'unrouted' } as const;
    return this.unanswered(header, [nobody], verdict, { queueMs: 0, attempt: 1 });
  }

  #report<Pipeline extends Reportable>(
    header: CaptureHeader,
    pipelines: readonly Pipeline[],
    look: (pipeline: Pipeline) => Look,
    liveMs?: number,
  ): Reported {
    const outcomes: SettledOutcome[] = [];
    const results = pipelines.flatMap((pipeline) => {
      const { verdict, observations, trace, holds, asked } = look(pipeline);
      const { outcome, reason, cause } = verdict;
      outcomes.push({
        pipeline: pipeline.name,
        outcome,
        ...(reason === null ? {} : { reason }),
        ...(cause === undefined ? {} : { cause }),
      });
      // What its state needs is never left out.
      const spare = liveMs !== undefined && outcome === 'silent' && asked === undefined;
      if (spare && !this.#silent.keeps(pipeline.name, header.input, liveMs)) return [];
      const id = resultId(header.id, pipeline.name);
      const payload = encodePayload({
        id,
        header,
        pipeline,
        observations,
        trace,
        ...this.#context,
        outcome,
        reason,
        ...(holds === undefined ? {} : { holds }),
      });
      const record = {
        id,
        captureId: header.id,
        captureName: header.name,
        pipeline: pipeline.name,
        input: header.input,
        payload,
        trace: JSON.stringify({ schema: 'shoal/trace/1', ...trace }),
        outcome,
        reason,
      };
      return [{ record, sinks: told.has(outcome) ? pipeline.sinks : [], ...asked }];
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
  return verdict.outcome === 'published' ? { outcome: 'silent', reason: toldInEvent } : verdict;
}

function saying(watch: ChangeWatch, header: CaptureHeader, what: string): Pick<Look, 'asked' | 'holds'> {
  const { boot, seq, monoMs = null } = header;
  const holds = what !== nothingSaid && what !== notSure;
  return { holds, asked: { said: { watch, saying: { resultId: resultId(header.id, watch.pipeline), boot, seq, monoMs, what } } } };
}

function sightingOf(watch: Watch, header: CaptureHeader, holds: boolean, told: ReturnType<typeof toldObservations>): Sighting {
  const { id: captureId, capturedAt, clockSynced, boot, seq, monoMs = null } = header;
  const all = told.flatMap(([, list]) => list);
  const score = all.reduce<number | null>((best, observation) => Math.max(best ?? 0, observation.score), null);
  const labels = [...new Set(all.flatMap(({ label }) => (label === undefined ? [] : [label])))].slice(0, limits.eventLabelsMax);
  const mark = { captureId, resultId: resultId(captureId, watch.pipeline), capturedAt, clockSynced, boot, seq };
  return { ...mark, monoMs, holds, score, labels };
}
