/**
 * Says a thing once, then at most every `limits.logFoldMs` with the number of times it was left out.
 */
import type { Clock, Log, LogFields } from '../core/contracts.js';
import { limits } from '../core/limits.js';

/** Different things remembered; beyond it, memory is worth more than a folded line. */
const keysMax = 64;

export class FoldedLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #said = new Map<string, { atMs: number; folded: number }>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  say(level: 'info' | 'warn' | 'error', fields: LogFields, message: string): void {
    const nowMs = this.#clock.monoMs();
    const key = `${level} ${message}`;
    const before = this.#said.get(key);
    if (before !== undefined && nowMs - before.atMs < limits.logFoldMs) {
      before.folded++;
      return;
    }
    if (this.#said.size >= keysMax) this.#said.clear();
    this.#said.set(key, { atMs: nowMs, folded: 0 });
    this.#log[level](before !== undefined && before.folded > 0 ? { ...fields, repeated: before.folded } : fields, message);
  }
}
