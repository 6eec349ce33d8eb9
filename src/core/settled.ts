/**
 * What one capture leaves behind, as the corridor hands it to the store.
 */
import type { Outcome } from './result.js';
import type { Said, Watched } from './watch.js';

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
  /** Decides in the same transaction whether the result is told, and to whom (its watch's sinks); the record is changed accordingly. */
  readonly said?: Said;
}

/**
 * The record as the store keeps it, once it knows whether it is told: a silent one that is told is published, one that is not told is
 * silent. `added` is what there is to say of that beside the reason it has; `sameAs` names the result that said the same.
 */
export function decided(record: ResultRecord, isTold: boolean, added: string | null, sameAs: string | null): ResultRecord {
  const outcome = !isTold ? 'silent' : record.outcome === 'silent' ? 'published' : record.outcome;
  const reason = added === null ? record.reason : record.reason === null ? added : `${added} (${record.reason})`;
  if (outcome === record.outcome && reason === record.reason) return record;
  const body: Record<string, unknown> = JSON.parse(Buffer.from(record.payload).toString());
  const changed = { outcome, ...(reason === null ? {} : { reason }), ...(sameAs === null ? {} : { same_as: sameAs }) };
  // In the place where the outcome stood: what is read by eye has one order.
  const keys = Object.entries(body).flatMap(([key, value]) =>
    key === 'outcome' ? Object.entries(changed) : key === 'reason' ? [] : [[key, value]],
  );
  return { ...record, outcome, reason, payload: Buffer.from(JSON.stringify(Object.fromEntries(keys))) };
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
