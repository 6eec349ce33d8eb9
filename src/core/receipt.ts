/**
 * The receipt: how an input learns that its capture is settled.
 *
 * Guarantees: settles exactly once (law 3); a second settlement is a defect of ours and throws.
 * The corridor settles it only when every outcome is on disk, or when the capture never entered the store.
 */
import { ShoalError } from './errors.js';
import type { Outcome } from './result.js';

export type Settlement =
  /** Every outcome is committed. `outcomes` holds one entry per pipeline. */
  | { readonly kind: 'stored'; readonly outcomes: readonly SettledOutcome[] }
  /** Refused before the store knew it: the input keeps it, to offer it again later (shutdown, store away). */
  | { readonly kind: 'returned'; readonly reason: string };

export interface SettledOutcome {
  readonly pipeline: string;
  readonly outcome: Outcome;
  /** Why, for a person; present for failed, dropped and late. */
  readonly reason?: string;
  /** Present for dropped: why, for a counter. */
  readonly cause?: DropCause;
}

/**
 * `unrouted`: no pipeline reads it. The others are what the operator asked for: `overtaken` by a newer one of its input, `queue_full`, beyond the
 * pipeline's `max_rate`, `degraded` to another pipeline.
 */
export type DropCause = 'unrouted' | 'overtaken' | 'queue_full' | 'max_rate' | 'degraded';

/** Stands where a pipeline would, in the outcome of a capture that none reads. */
export const noPipeline = '-';

export class Receipt {
  #settled = false;
  readonly #onSettle: (settlement: Settlement) => void;

  constructor(onSettle: (settlement: Settlement) => void) {
    this.#onSettle = onSettle;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Throws SHOAL_INTERNAL when called twice. */
  settle(settlement: Settlement): void {
    if (this.#settled) throw new ShoalError('SHOAL_INTERNAL', 'a receipt was settled twice');
    this.#settled = true;
    this.#onSettle(settlement);
  }
}
