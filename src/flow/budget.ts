/**
 * In which way a pipeline runs just now: as configured, or in one of the cheaper ways that its `degrade` declares.
 *
 * Guarantees: ways are taken in the declared order, and left again. Worse at once, when what is left of `budget_ms` is less than the way costs
 * here or when the board is under pressure; better only after a hold, and only when the better way is expected to fit with room to spare, or when
 * nobody has measured it lately; a try that fails doubles the hold, so that it does not flap. Pure: times, costs and pressure are handed in.
 * Costs are wall time in the engine, smoothed as RFC 6298 smooths round trips: what the board does to them (heat, load, a slow card) is in them.
 */
import { limits } from '../core/limits.js';
import type { PipelineSpec } from '../core/pipeline.js';
import type { Pressure } from '../core/pressure.js';

export interface Way {
  /** 0 as configured, n in the n-th cheaper way. */
  readonly level: number;
  /** For a person; empty for level 0. */
  readonly why: string;
}

export class Budget {
  readonly #spec: PipelineSpec;
  readonly #costs: Cost[];
  #way: Way = { level: 0, why: '' };
  #sinceMs = Number.NEGATIVE_INFINITY;
  #holdMs: number = limits.degradeHoldFirstMs;
  /** Whether the way it runs in was reached by going back to a better one. */
  #onTrial = false;

  constructor(spec: PipelineSpec) {
    this.#spec = spec;
    this.#costs = [0, ...(spec.cheaper ?? [])].map(() => new Cost());
  }

  get way(): Way {
    return this.#way;
  }

  /** For a capture of whose budget so much is spent (ms) before an engine has it. */
  choose(spentMs: number, pressure: Pressure, nowMs: number): Way {
    const worst = this.#costs.length - 1;
    if (worst === 0) return this.#way;
    const leftMs = this.#spec.budgetMs === null ? Number.POSITIVE_INFINITY : this.#spec.budgetMs - spentMs;
    const floor = Math.min(pressure.steps, worst);
    let way = this.#way.level >= floor ? this.#way : { level: floor, why: pressure.reason ?? 'the board is under pressure' };
    for (; way.level < worst && !this.#fits(way.level, leftMs); way = { level: way.level + 1, why: this.#tooDear(way.level, leftMs) });
    if (way.level > this.#way.level) this.#worsen(way, nowMs);
    else if (way.level > floor && this.#mayTry(way.level - 1, leftMs, nowMs)) this.#improve(nowMs);
    const { level } = this.#way;
    // The reason is that of now: what it was entered for may be over.
    if (level > 0 && level <= floor) this.#way = { level, why: pressure.reason ?? this.#way.why };
    else if (level > 0 && !this.#fits(level - 1, leftMs)) this.#way = { level, why: this.#tooDear(level - 1, leftMs) };
    return this.#way;
  }

  /** What a capture cost in a way (ms): its decoding and the pipeline's own stages; of one that was late at least so much. */
  measured(level: number, ms: number, nowMs: number, late = false): void {
    const cost = this.#costs[level];
    if (late && ms <= (cost?.expectedMs ?? 0)) return;
    cost?.add(ms, nowMs);
    if (level === this.#way.level && this.#fits(level, this.#spec.budgetMs ?? Number.POSITIVE_INFINITY)) this.#onTrial = false;
  }

  /** What nobody has measured is taken to fit: then it is measured. */
  #fits(level: number, leftMs: number): boolean {
    return (this.#costs[level]?.expectedMs ?? 0) <= leftMs;
  }

  #mayTry(level: number, leftMs: number, nowMs: number): boolean {
    if (nowMs - this.#sinceMs < this.#holdMs) return false;
    const roomMs = leftMs * limits.degradeHeadroom;
    if (this.#fits(level, roomMs)) return true;
    // Where the waiting is the trouble, a look at the cost would only make it longer.
    const waitingIsFine = leftMs >= (this.#spec.budgetMs ?? 0) * limits.degradeHeadroom;
    return waitingIsFine && nowMs - (this.#costs[level]?.atMs ?? 0) > limits.degradeStaleMs;
  }

  #worsen(way: Way, nowMs: number): void {
    this.#holdMs = this.#onTrial ? Math.min(2 * this.#holdMs, limits.degradeHoldMaxMs) : limits.degradeHoldFirstMs;
    this.#onTrial = false;
    this.#sinceMs = nowMs;
    this.#way = way;
  }

  #improve(nowMs: number): void {
    const level = this.#way.level - 1;
    this.#onTrial = true;
    this.#sinceMs = nowMs;
    this.#way = { level, why: level === 0 ? '' : this.#way.why };
  }

  #tooDear(level: number, leftMs: number): string {
    const ms = Math.round(this.#costs[level]?.expectedMs ?? 0);
    const { budgetMs } = this.#spec;
    const waited = leftMs === budgetMs ? '' : `, of which ${Math.max(0, Math.round(leftMs))} ms were left`;
    const how = level === 0 ? 'as configured it takes' : `with ${level} ${level === 1 ? 'step' : 'steps'} it takes`;
    return `${how} up to ${ms} ms here, and budget_ms is ${budgetMs}${waited}`;
  }
}

/** Mean and mean deviation of what a way costs (ms). */
class Cost {
  #mean: number | null = null;
  #deviation = 0;
  #atMs = Number.NEGATIVE_INFINITY;

  /** When it was last measured, on the monotonic clock. */
  get atMs(): number {
    return this.#atMs;
  }

  /** What nearly every capture costs at most; null where nothing was measured. */
  get expectedMs(): number | null {
    return this.#mean === null ? null : this.#mean + 2 * this.#deviation;
  }

  add(ms: number, nowMs: number): void {
    const stale = nowMs - this.#atMs > limits.degradeStaleMs;
    this.#atMs = nowMs;
    if (this.#mean === null || stale) {
      this.#mean = ms;
      this.#deviation = ms / 8;
      return;
    }
    this.#deviation += (Math.abs(ms - this.#mean) - this.#deviation) / 4;
    this.#mean += (ms - this.#mean) / 8;
  }
}
