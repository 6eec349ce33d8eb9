/**
 * Exponential backoff with full jitter, and a budget of restarts in a sliding window.
 *
 * Pure: time comes in as an argument, chance through `random`.
 */
export interface BackoffPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
}

export class Backoff {
  #failures = 0;
  readonly #policy: BackoffPolicy;
  readonly #random: () => number;

  constructor(policy: BackoffPolicy, random: () => number = Math.random) {
    this.#policy = policy;
    this.#random = random;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds to wait after one more failure: half of the exponential step, plus a random half. */
  next(): number {
    const step = Math.min(this.#policy.maxMs, this.#policy.firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return Math.round(step / 2 + (step / 2) * this.#random());
  }

  reset(): void {
    this.#failures = 0;
  }
}

export class RestartBudget {
  readonly #max: number;
  readonly #windowMs: number;
  readonly #at: number[] = [];

  constructor(max: number, windowMs: number) {
    this.#max = max;
    this.#windowMs = windowMs;
  }

  /** Records one event at `monoMs`; false when that was one too many within the window. */
  spend(monoMs: number): boolean {
    while (this.#at[0] !== undefined && this.#at[0] <= monoMs - this.#windowMs) this.#at.shift();
    this.#at.push(monoMs);
    if (this.#at.length > this.#max + 1) this.#at.shift();
    return this.#at.length <= this.#max;
  }
}
