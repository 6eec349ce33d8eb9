/**
 * Health: what the parts say of themselves, and what follows from it.
 *
 * Guarantees: readiness is computed anew from the parts' last words, with a reason for every no; a vital part that has never spoken is not
 * ready; liveness is about progress only. Deliberately knows no part: `plan` says which are vital and which pipeline hangs on what.
 *
 * | what | state | the daemon | a pipeline that hangs on it |
 * |---|---|---|---|
 * | vital part (config, store, engines) | ok, degraded | ready | ready |
 * | | starting, down, never heard of | not ready | not ready |
 * | part of a pipeline (its model, its own switch) | ok, degraded | ready | ready |
 * | | starting, down, never heard of | not ready | not ready |
 * | inputs of a pipeline | one of them ok or degraded | ready | ready |
 * | | all starting, down or never heard of | not ready | not ready |
 * | any other (sinks, connections, http) | anything | ready, the reason is shown | ready |
 *
 * So a broker that is away never makes the daemon unready: results wait for it in the store.
 */
import type { Clock, Health, PartState } from '../core/contracts.js';

/** What hangs on what; all names are part names as given to `Health.set`. */
export interface HealthPlan {
  readonly vital: readonly string[];
  readonly pipelines: Readonly<Record<string, { readonly inputs: readonly string[]; readonly parts: readonly string[] }>>;
  /** Parts that feed the watchdog, with the longest silence that still counts as alive. */
  readonly progress: Readonly<Record<string, { readonly silentMs: number }>>;
}

export interface PartReport {
  readonly part: string;
  readonly state: PartState;
  readonly reason?: string;
  /** Seconds since it came into this state. */
  readonly for_s: number;
}

export interface PipelineReport {
  readonly pipeline: string;
  readonly ready: boolean;
  readonly reason?: string;
}

export interface HealthReport {
  readonly live: boolean;
  readonly ready: boolean;
  /** `ok`, or `degraded` when ready with something amiss, or `not ready`. */
  readonly status: 'ok' | 'degraded' | 'not ready';
  /** Why not live, why not ready, what is degraded; empty when all is well. */
  readonly reasons: readonly string[];
  readonly parts: readonly PartReport[];
  readonly pipelines: readonly PipelineReport[];
}

interface Part {
  readonly state: PartState;
  readonly reason: string | undefined;
  readonly sinceMs: number;
}

const emptyPlan: HealthPlan = { vital: [], pipelines: {}, progress: {} };

export class HealthBoard implements Health {
  readonly #clock: Clock;
  readonly #parts = new Map<string, Part>();
  readonly #progressMs = new Map<string, number>();
  readonly #watchers = new Set<() => void>();
  #plan: HealthPlan = emptyPlan;
  #plannedMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sets what is asked of the parts; the silence of the parts that feed the watchdog counts from here. */
  plan(plan: HealthPlan): void {
    this.#plan = plan;
    this.#plannedMs = this.#clock.monoMs();
    this.#tell();
  }

  set(part: string, state: PartState, reason?: string): void {
    const before = this.#parts.get(part);
    if (before?.state === state && before.reason === reason) return;
    const sinceMs = before?.state === state ? before.sinceMs : this.#clock.monoMs();
    this.#parts.set(part, { state, reason, sinceMs });
    this.#tell();
  }

  progress(part: string): void {
    this.#progressMs.set(part, this.#clock.monoMs());
  }

  /** For a part that the configuration no longer has. */
  forget(part: string): void {
    if (this.#parts.delete(part)) this.#tell();
  }

  /** Calls back on each change of a part; the answer unsubscribes. */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  /** Parts that owe the watchdog a sign of life, each with how long it has been silent. Empty: alive. */
  stalled(): readonly string[] {
    const now = this.#clock.monoMs();
    return Object.entries(this.#plan.progress).flatMap(([part, { silentMs }]) => {
      const silent = now - Math.max(this.#plannedMs, this.#progressMs.get(part) ?? 0);
      return silent > silentMs ? [`${part} made no progress for ${Math.round(silent / 1000)} s`] : [];
    });
  }

  ready(): boolean {
    return this.report().ready;
  }

  report(): HealthReport {
    const stalled = this.stalled();
    const missing = this.#plan.vital.flatMap((part) => this.#trouble(part));
    const pipelines = Object.keys(this.#plan.pipelines).map((pipeline) => this.#pipeline(pipeline, missing));
    const unready = pipelines.flatMap(({ pipeline, reason }) => (reason === undefined ? [] : [`pipeline ${pipeline}: ${reason}`]));
    const ready = missing.length === 0 && unready.length === 0;
    const blocking = [...stalled, ...missing, ...(missing.length === 0 ? unready : [])];
    const amiss = [...this.#parts].flatMap(([name, part]) => (part.state === 'ok' ? [] : [describe(name, part)]));
    const reasons = [...new Set([...blocking, ...amiss])];
    const status = !ready || stalled.length > 0 ? 'not ready' : reasons.length > 0 ? 'degraded' : 'ok';
    return { live: stalled.length === 0, ready, status, reasons, parts: this.#partReports(), pipelines };
  }

  /** Why a part keeps others from being ready; empty when it does not. */
  #trouble(name: string): string[] {
    const part = this.#parts.get(name);
    if (part === undefined) return [`${name} has not started`];
    return answers(part) ? [] : [describe(name, part)];
  }

  #pipeline(pipeline: string, missing: readonly string[]): PipelineReport {
    const needs = this.#plan.pipelines[pipeline] ?? { inputs: [], parts: [] };
    const own = needs.parts.flatMap((part) => this.#trouble(part));
    const inputs = needs.inputs.flatMap((part) => this.#trouble(part));
    const starved = needs.inputs.length > 0 && inputs.length === needs.inputs.length ? inputs : [];
    const reasons = [...missing, ...own, ...starved];
    return reasons.length === 0 ? { pipeline, ready: true } : { pipeline, ready: false, reason: reasons.join('; ') };
  }

  #partReports(): PartReport[] {
    const now = this.#clock.monoMs();
    return [...this.#parts].map(([part, { state, reason, sinceMs }]) => ({
      part,
      state,
      ...(reason === undefined ? {} : { reason }),
      for_s: Math.round((now - sinceMs) / 1000),
    }));
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

function answers(part: Part): boolean {
  return part.state === 'ok' || part.state === 'degraded';
}

function describe(name: string, part: Part): string {
  return part.reason === undefined ? `${name} is ${part.state}` : `${name} is ${part.state}: ${part.reason}`;
}
