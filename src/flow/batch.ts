/**
 * Which captures go to an engine together.
 *
 * Guarantees: only small series and texts share a batch, at most `limits.batchJobsMax` of them, whose usual costs add up to `limits.batchMs` at most;
 * an input whose cost is not known yet goes alone. So a batch costs what is more urgent no more than a short look at a picture does. A window of a
 * live input that blocks waits up to `limits.batchLingerMs` for company, since its way to an engine costs more than the look.
 */
import { formOf } from '../core/form.js';
import { limits } from '../core/limits.js';
import type { Waiting } from './arrivals.js';

/** What a capture of an input costs an engine lately (ms). */
export class BatchCosts {
  readonly #usual = new Map<string, number>();

  learn(input: string, ms: number): void {
    const known = this.#usual.get(input) ?? ms;
    this.#usual.set(input, known + (ms - known) / 8);
  }

  /** How long one may still wait for company (ms); `beside` of its input wait, itself included. */
  lingerMs(waiting: Waiting, beside: number, nowMs: number): number {
    // Where what waits may be dropped for what comes, nothing waits longer than it must.
    if (waiting.ages || waiting.capture.claim !== undefined || beside >= limits.batchJobsMax / 2 || !isSmall(waiting)) return 0;
    if (this.usualMs(waiting.input) > limits.batchMs) return 0;
    return Math.max(0, waiting.since + limits.batchLingerMs - nowMs);
  }

  /** Infinite while nobody knows. */
  usualMs(input: string): number {
    return this.#usual.get(input) ?? Number.POSITIVE_INFINITY;
  }
}

export class Batch {
  readonly all: Waiting[] = [];
  readonly #costs: BatchCosts;
  #ms = 0;

  constructor(costs: BatchCosts) {
    this.#costs = costs;
  }

  get size(): number {
    return this.all.length;
  }

  /** False where it must not go with the others. */
  add(waiting: Waiting): boolean {
    const ms = this.#costs.usualMs(waiting.input);
    if (!isSmall(waiting) || this.size >= limits.batchJobsMax || this.#ms + ms > limits.batchMs) return false;
    this.#ms += ms;
    this.all.push(waiting);
    return true;
  }
}

function isSmall({ capture: { header }, solo }: Waiting): boolean {
  const form = formOf(header.mediaType);
  return !solo && (form === 'series' || form === 'text') && header.bytes <= limits.batchCaptureBytesMax;
}
