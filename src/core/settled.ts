/**
 * What one capture leaves behind, as the corridor hands it to the store.
 */
import type { Outcome } from './result.js';
import type { Watched } from './watch.js';

export interface ResultRecord {
  readonly id: string;
  readonly captureId: string;
  readonly captureName: string;
  readonly pipeline: string;
  readonly input: string;
  readonly outcome: Outcome;
  readonly reason: string | null;
  /** UTF-8 JSON of schema `shoal/result/1`. */
  readonly payload: Uint8Array;
  /** JSON of the full trace. */
  readonly trace: string;
}

export interface QuarantineRecord {
  readonly captureId: string;
  readonly input: string;
  readonly name: string;
  readonly reason: string;
}

export interface SettledResult {
  readonly record: ResultRecord;
  readonly sinks: readonly string[];
  /** Turns the state of events in the same transaction, once: not when the result is known already. */
  readonly watched?: Watched;
}

/** Everything one capture leaves behind: committed in one transaction. */
export interface Settled {
  readonly captureId: string;
  readonly input: string;
  /** Whether the input will close the claim later; only then is the id remembered beyond its results. */
  readonly replayable: boolean;
  readonly results: readonly SettledResult[];
  readonly quarantine?: QuarantineRecord;
}
