/**
 * How late the event loop is: one timer a second, and the longest of its delays within the last 15.
 *
 * Deliberately coarse: `monitorEventLoopDelay` would wake an idle board fifty times a second for the same answer.
 */
const everyMs = 1000;
const keep = 15;

export class LoopLag {
  readonly #delays: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #dueMs = 0;

  start(): void {
    if (this.#timer !== undefined) return;
    this.#dueMs = performance.now() + everyMs;
    this.#timer = setInterval(() => this.#tick(), everyMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Milliseconds; counts a delay that is going on. */
  longestMs(): number {
    const present = this.#timer === undefined ? 0 : performance.now() - this.#dueMs;
    return Math.max(0, present, ...this.#delays);
  }

  #tick(): void {
    const now = performance.now();
    this.#delays.push(Math.max(0, now - this.#dueMs));
    if (this.#delays.length > keep) this.#delays.shift();
    this.#dueMs = now + everyMs;
  }
}
