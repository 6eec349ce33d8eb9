/**
 * Drift of every pipeline: whether its input and what it says of it are distributed as they were at first (core/drift.ts).
 *
 * Guarantees: signals are bounded: of the capture its bytes and its level, of each stage how much it found and its best score, and the
 * outcomes; at most one capture in `limits.driftEveryMs` counts, and none that was looked at in a cheaper way. What is remembered
 * is written durably at times and at the stop, and begins anew when the pipeline's stages, models or conditions change, or a person says so.
 * Large drift is one line in the log when its whole interval is above the mark. Deliberately judges nothing: drift is no error.
 */
import { createHash } from 'node:crypto';
import type { CaptureHeader } from '../core/capture.js';
import type { Surroundings } from '../core/contracts.js';
import { type Drift, type DriftState, driftOf, largeDrift, newDrift, withValue } from '../core/drift.js';
import { reasonOf } from '../core/errors.js';
import type { EngineAnswer } from '../core/job.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec } from '../core/pipeline.js';
import { outcomes } from '../core/result.js';
import { noDriftMemory, readDriftMemory } from './drift-memory.js';
import type { AskedPipeline, Reported } from './report.js';

export interface DriftParts extends Surroundings {
  readonly pipelines: readonly PipelineSpec[];
  /** `<state_dir>/drift.json` */
  readonly file: string;
  readonly write: (path: string, text: string) => Promise<void>;
}

/** One signal of a pipeline, for a person. */
export interface DriftRow {
  readonly pipeline: string;
  readonly signal: string;
  /** Null while it learns, or has seen too little since. */
  readonly drift: Drift | null;
  /** Values of the reference so far, of `limits.driftReferenceValues`. */
  readonly reference: number;
}

interface Watched {
  readonly hash: string;
  readonly signals: Map<string, DriftState>;
  /** Signals whose large drift was told. */
  readonly told: Set<string>;
  takenMs: number;
}

/** Between two outcomes: their numbers are the values. */
const outcomeEdges = outcomes.slice(1).map((_, i) => i + 0.5);
const outcomeSignal = 'outcome';

export class DriftWatch {
  readonly #parts: DriftParts;
  readonly #watched = new Map<string, Watched>();
  readonly #gauges;
  #timer: NodeJS.Timeout | undefined;
  #changed = false;
  #saving: Promise<void> = Promise.resolve();

  constructor(parts: DriftParts) {
    this.#parts = parts;
    const { metrics } = parts;
    const labels = ['pipeline', 'signal'];
    this.#gauges = {
      psi: metrics.gauge({ name: 'shoal_pipeline_drift_psi', help: 'Population stability index against the reference.', labels }),
      low: metrics.gauge({ name: 'shoal_pipeline_drift_psi_low', help: 'Lower end of its 95 % interval.', labels }),
      high: metrics.gauge({ name: 'shoal_pipeline_drift_psi_high', help: 'Upper end of its 95 % interval.', labels }),
    };
  }

  /** Resolves when it remembers. */
  async start(): Promise<void> {
    const { memory, problem } = await readDriftMemory(this.#parts.file);
    if (problem !== undefined) this.#parts.log.warn({}, problem);
    for (const spec of this.#parts.pipelines) {
      const hash = hashOf(spec);
      const known = memory.pipelines[spec.name];
      const signals = new Map(known?.hash === hash ? Object.entries(known.signals).slice(0, limits.driftSignalsMax) : []);
      this.#watched.set(spec.name, { hash, signals, told: new Set(), takenMs: Number.NEGATIVE_INFINITY });
      for (const signal of signals.keys()) this.#show(spec.name, signal);
    }
    this.#timer = setInterval(() => void this.#save(), limits.driftSaveMs).unref();
  }

  /** Writes what it remembers. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#save();
  }

  saw(header: Pick<CaptureHeader, 'bytes'>, asked: readonly AskedPipeline[], answer: EngineAnswer, reported: Reported): void {
    const nowMs = this.#parts.clock.monoMs();
    for (const { spec, degraded } of asked) {
      const watched = this.#watched.get(spec.name);
      if (watched === undefined || degraded !== undefined || nowMs - watched.takenMs < limits.driftEveryMs) continue;
      watched.takenMs = nowMs;
      this.#changed = true;
      this.#take(spec.name, watched, 'input.bytes', header.bytes);
      if (answer.level !== undefined) this.#take(spec.name, watched, 'input.level', answer.level);
      this.#take(spec.name, watched, outcomeSignal, outcomeOf(spec.name, reported));
      const found = answer.pipelines.find(({ pipeline }) => pipeline === spec.name)?.observations ?? {};
      for (const [stage, observations] of Object.entries(found)) {
        this.#take(spec.name, watched, `${stage}.found`, observations.length);
        const best = observations.reduce((most, { score }) => Math.max(most, score), Number.NEGATIVE_INFINITY);
        this.#take(spec.name, watched, `${stage}.score`, best);
      }
    }
  }

  list(): readonly DriftRow[] {
    return [...this.#watched].flatMap(([pipeline, { signals }]) =>
      [...signals].map(([signal, state]) => {
        const learned = state.edges === null ? state.learned.length : limits.driftReferenceValues;
        return { pipeline, signal, drift: driftOf(state), reference: learned };
      }),
    );
  }

  /** Learns a pipeline's reference anew, durably; false where there is no such pipeline. */
  async reset(pipeline: string): Promise<boolean> {
    const watched = this.#watched.get(pipeline);
    if (watched === undefined) return false;
    for (const signal of watched.signals.keys()) this.#set(pipeline, signal, { psi: 0, low: 0, high: 0 });
    watched.signals.clear();
    watched.told.clear();
    this.#changed = true;
    this.#parts.log.info({ pipeline }, 'what is usual for this pipeline is learnt anew, as asked for');
    await this.#save();
    return true;
  }

  /** What is no number is none: of a stage that found nothing there is no best score. */
  #take(pipeline: string, { signals, told }: Watched, signal: string, value: number): void {
    const before = signals.get(signal);
    if (before === undefined && signals.size >= limits.driftSignalsMax) return;
    signals.set(signal, withValue(before ?? newDrift(), value, signal === outcomeSignal ? outcomeEdges : undefined));
    const drift = this.#show(pipeline, signal);
    if (drift === null) return;
    if (drift.low > largeDrift && !told.has(signal)) {
      told.add(signal);
      const [psi, low, high] = [drift.psi, drift.low, drift.high].map((each) => each.toFixed(2));
      const advice = `look at what changed, and when it is as it should be, learn anew with "shoal drift reset ${pipeline}"`;
      this.#parts.log.warn(
        { pipeline, signal },
        `${signal} is distributed differently from its reference (PSI ${psi}, ${low} .. ${high}): ${advice}`,
      );
    } else if (drift.high < largeDrift) told.delete(signal);
  }

  #show(pipeline: string, signal: string): Drift | null {
    const state = this.#watched.get(pipeline)?.signals.get(signal);
    const drift = state === undefined ? null : driftOf(state);
    if (drift !== null) this.#set(pipeline, signal, drift);
    return drift;
  }

  #set(pipeline: string, signal: string, { psi, low, high }: Drift): void {
    this.#gauges.psi.set(psi, { pipeline, signal });
    this.#gauges.low.set(low, { pipeline, signal });
    this.#gauges.high.set(high, { pipeline, signal });
  }

  /** One after the other; what cannot be written is said and tried again later. */
  #save(): Promise<void> {
    if (!this.#changed) return this.#saving;
    this.#changed = false;
    const pipelines = Object.fromEntries(
      [...this.#watched].map(([name, { hash, signals }]) => [name, { hash, signals: Object.fromEntries(signals) }]),
    );
    const text = JSON.stringify({ ...noDriftMemory, pipelines });
    this.#saving = this.#saving
      .then(() => this.#parts.write(this.#parts.file, text))
      .catch((error: unknown) => {
        this.#changed = true;
        this.#parts.log.warn({ file: this.#parts.file, err: reasonOf(error) }, 'what is remembered of drift could not be written');
      });
    return this.#saving;
  }
}

/** Everything by which what a pipeline says may differ. */
function hashOf({ stages, report, abstain }: PipelineSpec): string {
  const text = JSON.stringify([stages, report.when ?? null, abstain ?? null]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** The number of an outcome; where results make events, one that holds counts as published. */
function outcomeOf(pipeline: string, { results, outcomes: told }: Reported): number {
  const holds = results.some(({ record, watched }) => record.pipeline === pipeline && watched?.sighting.holds === true);
  const outcome = told.find((each) => each.pipeline === pipeline)?.outcome;
  return holds ? outcomes.indexOf('published') : outcome === undefined ? Number.NaN : outcomes.indexOf(outcome);
}
