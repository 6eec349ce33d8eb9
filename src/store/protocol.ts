/**
 * What the client and the store's thread say to each other. One request, one answer, by id; events come unasked.
 *
 * Times travel in the requests, because the clock lives on the client's side.
 */
import type { Delivery, Explanation, Lane, StoredResult } from '../core/contracts.js';
import type { ErrorCode } from '../core/errors.js';
import type { PurgeRequest, StorePurge } from '../core/keep.js';
import type { SettledOutcome } from '../core/receipt.js';
import type { Outcome } from '../core/result.js';
import type { QuarantineRecord, Settled } from '../core/settled.js';
import type { Watch, WatchChange } from '../core/watch.js';
import type { StoreOptions } from './options.js';

export interface Now {
  readonly monoMs: number;
  readonly wallMs: number;
  readonly synced: boolean;
}

export interface ThreadData {
  readonly path: string;
  readonly options: StoreOptions;
}

export interface ResultFilter {
  readonly pipeline: string | null;
  readonly input: string | null;
  readonly outcome: Outcome | null;
  /** Its id. */
  readonly capture: string | null;
  /** Only rows with a smaller sequence; null starts at the newest. */
  readonly beforeSeq: number | null;
  readonly limit: number;
}

export interface ResultPage {
  readonly rows: readonly StoredResult[];
  /** Where the scan goes on; null when it has seen the oldest row. */
  readonly nextBefore: number | null;
}

export type Quarantined = QuarantineRecord & { readonly at: string };
export type Backlog = Record<string, { owed: number; dead: number }>;

/** What one turn of a purge took, and where the next begins; null when it was the last. */
export interface PurgeTurn {
  readonly count: StorePurge;
  readonly nextAfter: number | null;
}

export interface StartReport {
  readonly boot: number;
  /** Where a damaged file was moved; null when the file was sound. */
  readonly movedAside: string | null;
  readonly damage: string | null;
  /** Deliveries buried because their sink is not configured any more, by sink. */
  readonly buried: Readonly<Record<string, number>>;
  /** As read back from SQLite after everything was set. */
  readonly pragmas: Readonly<Record<string, unknown>>;
}

/** Calls that change the file: gathered into group commits. */
export interface WriteCalls {
  /** The outcomes that were decided here. */
  commit: { args: { readonly settled: Settled; readonly now: Now }; answer: readonly SettledOutcome[] };
  acknowledge: { args: { readonly sink: string; readonly seqs: readonly number[] }; answer: null };
  bury: { args: { readonly sink: string; readonly seq: number; readonly reason: string }; answer: null };
  close: { args: { readonly captureIds: readonly string[] }; answer: null };
  /** `sinks`: those of the configuration. */
  lapse: {
    args: { readonly watches: readonly Watch[]; readonly sinks: readonly string[]; readonly sinceMs: number; readonly now: Now };
    answer: null;
  };
}

/** Calls that are answered at once, from what is committed. */
export interface DirectCalls {
  start: { args: { readonly sinks: readonly string[]; readonly now: Now }; answer: StartReport };
  stop: { args: null; answer: null };
  tend: { args: { readonly now: Now }; answer: null };
  settled: { args: { readonly captureIds: readonly string[] }; answer: readonly (readonly [string, readonly SettledOutcome[]])[] };
  owed: {
    args: { readonly sink: string; readonly afterSeq: number; readonly limit: number; readonly lane: Lane | null; readonly now: Now };
    answer: readonly Delivery[];
  };
  results: { args: ResultFilter; answer: ResultPage };
  explain: { args: { readonly resultId: string }; answer: Explanation | null };
  quarantined: { args: null; answer: readonly Quarantined[] };
  backlog: { args: null; answer: Backlog };
  watchStates: { args: null; answer: readonly WatchChange[] };
  purge: { args: { readonly request: PurgeRequest; readonly afterSeq: number }; answer: PurgeTurn };
}

export type Calls = WriteCalls & DirectCalls;
type RequestOf<Table extends Record<string, { args: unknown }>> = {
  [K in keyof Table]: { readonly id: number; readonly call: K; readonly args: Table[K]['args'] };
}[keyof Table];
export type WriteRequest = RequestOf<{ [K in keyof WriteCalls]: WriteCalls[K] }>;
export type DirectRequest = RequestOf<{ [K in keyof DirectCalls]: DirectCalls[K] }>;
export type Request = WriteRequest | DirectRequest;

export interface FlatError {
  readonly code: ErrorCode;
  readonly message: string;
}

export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: FlatError };

/** Why rows left before their time: `quota` and `dead_quota` made room, `age` is the ordinary end, `claims` and `quarantine` are their tables' bounds, `purge` was asked for by a person. */
export type DropReason = 'purge' | 'quota' | 'dead_quota' | 'dead_age' | 'claims' | 'quarantine';

export type StoreEvent =
  | { readonly event: 'committed'; readonly writes: number; readonly seconds: number; readonly deliveries: boolean; readonly bytes: number }
  | { readonly event: 'watches'; readonly changes: readonly WatchChange[] }
  /** Deliveries given up by retention (`sink` is empty for claims and quarantine rows). */
  | { readonly event: 'dropped'; readonly reason: DropReason; readonly sink: string; readonly count: number }
  /** Results that ended their stay. */
  | { readonly event: 'expired'; readonly reason: 'age' | 'quota' | 'purge'; readonly count: number }
  /** The file cannot be trusted or written any more: the process must end. */
  | { readonly event: 'lost'; readonly error: FlatError };

export type Reply = { readonly answers: readonly Answer[] } | StoreEvent;
