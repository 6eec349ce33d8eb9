/**
 * Remembers what was sent in vain, and tells a delivery that kills its connection from a connection that dies by itself.
 *
 * After a lost connection everything that was in flight is accused, and goes alone until it is acknowledged. One that lost
 * the connection `limits.deliveryTriesAloneMax` times alone is under suspicion: others are tried in between. Guarantees:
 * a delivery is condemned only when the sink acknowledged another and the suspect then lost the connection again. So a sick
 * broker condemns nothing, and a poisonous delivery holds the others up for a few tries only. Pure: knows sequences, not sinks.
 */
import { limits } from '../core/limits.js';

interface Attempt {
  accused: boolean;
  /** Connections lost while alone in flight. */
  losses: number;
  /** The sink acknowledged another since the last loss. */
  proven: boolean;
}

export class Attempts {
  readonly #failed = new Map<number, Attempt>();
  #forgottenUpTo = 0;
  #acksInARow = 0;
  #tryOther = false;

  /** Whether a delivery may have been sent before in this start. */
  tried(seq: number): boolean {
    return seq <= this.#forgottenUpTo || this.#failed.has(seq);
  }

  /** Whether only one delivery may be in flight. */
  get alone(): boolean {
    for (const attempt of this.#failed.values()) if (attempt.accused) return true;
    return false;
  }

  /** The suspect to be tried now, before anything else: the sink works, so this loss would be its own. */
  get nextSuspect(): number | null {
    for (const [seq, attempt] of this.#failed) if (attempt.proven && isSuspect(attempt)) return seq;
    return null;
  }

  /** Whether to pass over this delivery this time, to see if the sink takes another. */
  passOver(seq: number): boolean {
    const attempt = this.#failed.get(seq);
    return this.#tryOther && attempt !== undefined && isSuspect(attempt);
  }

  /** There is nothing but suspects: they are tried in their order again. */
  noOther(): void {
    this.#tryOther = false;
  }

  /** A delivery came back. `lost`: its connection did not survive it; `alone`: nothing else was in flight. True when it is condemned. */
  failed(seq: number, lost: boolean, alone: boolean): boolean {
    this.#acksInARow = 0;
    const attempt = this.#failed.get(seq) ?? { accused: false, losses: 0, proven: false };
    this.#remember(seq, attempt);
    attempt.accused = true;
    if (!lost || !alone) return false;
    const suspect = isSuspect(attempt);
    if (suspect && attempt.proven) {
      this.#failed.delete(seq);
      return true;
    }
    attempt.losses++;
    this.#tryOther = isSuspect(attempt) || !this.#tryOther;
    return false;
  }

  acknowledged(seq: number): void {
    this.#failed.delete(seq);
    this.#tryOther = false;
    for (const attempt of this.#failed.values()) attempt.proven = isSuspect(attempt);
    // An accused one may have left the store meanwhile; a sink that took this many in a row needs no more care.
    if (++this.#acksInARow < limits.relayBatch) return;
    for (const attempt of this.#failed.values()) attempt.accused = isSuspect(attempt);
  }

  /** A delivery is owed no more for another reason. */
  forget(seq: number): void {
    this.#failed.delete(seq);
  }

  #remember(seq: number, attempt: Attempt): void {
    this.#failed.set(seq, attempt);
    if (this.#failed.size <= limits.relayTriedMax) return;
    this.#forgottenUpTo = Math.max(this.#forgottenUpTo, ...this.#failed.keys());
    this.#failed.clear();
  }
}

function isSuspect(attempt: Attempt): boolean {
  return attempt.losses >= limits.deliveryTriesAloneMax;
}
