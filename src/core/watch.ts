/**
 * A watch: a pipeline on an input that is told as events; and the bytes of its messages, schemas `shoal/event/1` and `shoal/state/1`
 * (docs/schema/event-1.json, docs/schema/state-1.json), additive only.
 *
 * Guarantees: an event's bytes depend on its captures and the watch alone, so that the same event is never told in other bytes. A
 * state says when it was said: it is the latest truth, not a record.
 */
import type { EventRules, EventState, Sighting, Tally, Telling } from './event.js';

export interface Watch {
  readonly pipeline: string;
  readonly input: string;
  readonly rules: EventRules;
  /** Names of the sinks that are told. */
  readonly sinks: readonly string[];
  readonly device: string;
  readonly configHash: string;
}

/** A sighting on its way to the store, which holds the state it changes. */
export interface Watched {
  readonly watch: Watch;
  readonly sighting: Sighting;
}

/** What a commit did to the state of a watch. */
export interface WatchChange {
  readonly pipeline: string;
  readonly input: string;
  /** Null when nobody asks for it any more. */
  readonly state: EventState | null;
  readonly phases: readonly Telling['phase'][];
}

/** What the store does for watches, beside the commits that change them. */
export interface WatchKeeper {
  /** Ends events on inputs that fell silent (listened to since `sinceMs`, monotonic) and those of watches that are none any more. */
  lapse(watches: readonly Watch[], sinceMs: number): Promise<void>;
  /** The state of every watch that has one, without phases. */
  watchStates(): Promise<readonly WatchChange[]>;
  /** Calls back after each commit in which events began, went on or ended, or a watch saw its first capture; the answer unsubscribes. */
  onWatchChange(onChange: (changes: readonly WatchChange[]) => void): () => void;
}

/** A retained message: the latest truth of a pipeline on an input. No bytes: there is none any more, and what a broker keeps is to go. */
export interface StateMessage {
  readonly pipeline: string;
  readonly input: string;
  /** Null for all. */
  readonly sinks: readonly string[] | null;
  readonly payload: Uint8Array;
}

/** The latest states, for a sink that can keep one. */
export interface StateFeed {
  all(): readonly StateMessage[];
  /** Calls back with what is to be said anew; the answer unsubscribes. */
  watch(onChange: (messages: readonly StateMessage[]) => void): () => void;
}

/** UTF-8 JSON of schema `shoal/event/1`. */
export function encodeEvent(telling: Telling, watch: Omit<Watch, 'rules'>): Uint8Array {
  const { mark, first, end } = telling;
  const body = {
    schema: 'shoal/event/1',
    id: telling.id,
    phase: telling.phase,
    number: telling.number,
    captured_at: mark.capturedAt,
    clock_synced: mark.clockSynced,
    boot: mark.boot,
    seq: mark.seq,
    device: watch.device,
    input: watch.input,
    pipeline: watch.pipeline,
    config_hash: watch.configHash,
    started_at: first.capturedAt,
    ...(end === null ? {} : { ended_at: end.mark.capturedAt, end_reason: end.reason }),
    duration_ms: Math.round(telling.durationMs),
    ...tallyBody(telling.tally),
  };
  return Buffer.from(JSON.stringify(body));
}

/** UTF-8 JSON of schema `shoal/state/1`; without a state nothing has been seen yet. `saidAt` is RFC 3339. */
export function encodeState(state: EventState | null, watch: Watch, saidAt: string, clockSynced: boolean): Uint8Array {
  const { run = null, open = null, last } = state ?? {};
  const body = {
    schema: 'shoal/state/1',
    state: state === null ? 'unknown' : open === null ? 'off' : 'on',
    said_at: saidAt,
    clock_synced: clockSynced,
    device: watch.device,
    input: watch.input,
    pipeline: watch.pipeline,
    config_hash: watch.configHash,
    ...(last === undefined ? {} : { captured_at: last.capturedAt, boot: last.boot, seq: last.seq }),
    ...(open === null || run === null ? {} : { event: { id: open.id, started_at: run.first.capturedAt, ...tallyBody(run.tally) } }),
  };
  return Buffer.from(JSON.stringify(body));
}

function tallyBody({ captures, held, worst, best, bestCapture, labels }: Tally): Record<string, unknown> {
  return {
    captures: { seen: captures, held },
    ...(worst === null || best === null ? {} : { score: { worst: rounded(worst), best: rounded(best) } }),
    best: { capture: bestCapture.captureId, result: bestCapture.resultId, captured_at: bestCapture.capturedAt },
    ...(labels.length === 0 ? {} : { labels }),
  };
}

function rounded(score: number): number {
  return Number(score.toFixed(4));
}
