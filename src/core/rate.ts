/**
 * A rate that is not to be exceeded: the generic cell rate algorithm (ITU-T I.371, virtual scheduling) with room for one interval.
 *
 * Guarantees: over any time, at most the time's share at `hz` and two more. A source that keeps the rate but for jitter below an interval loses
 * nothing. Pure: time is handed in.
 */
export class Rate {
  readonly #intervalMs: number;
  /** When the next would come if all came evenly. */
  #dueMs = Number.NEGATIVE_INFINITY;

  /** `hz` above 0. */
  constructor(hz: number) {
    this.#intervalMs = 1000 / hz;
  }

  /** Milliseconds until one may go; 0 for now. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#dueMs - this.#intervalMs - nowMs);
  }

  /** One goes. */
  take(nowMs: number): void {
    this.#dueMs = Math.max(this.#dueMs, nowMs) + this.#intervalMs;
  }

  /** One that was taken does not go after all. */
  giveBack(): void {
    this.#dueMs -= this.#intervalMs;
  }
}
