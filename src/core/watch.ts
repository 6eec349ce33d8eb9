/**
 * A watch: a pipeline on an input, or on one source of an input that hears many, of which more is remembered than the last capture, because what is told depends on it; and the bytes of
 * the messages of events, schemas `shoal/event/1` and `shoal/state/1` (docs/schema/event-1.json, docs/schema/state-1.json), additive only.
 *
 * Guarantees: an event's bytes depend on its captures and the watch alone, so that the same event is never told in other bytes. A
 * state says when it was said: it is the latest truth, not a record.
 */
import type { EventRules, EventState, Sighting, Tally, Telling } from './event.js';
import { limits } from './limits.js';
import type { ChangeRules, Saying } from './saying.js';
import type { Thing, TrackingRules, TracksState } from './track.js';

interface WatchBase {
  readonly pipeline: string;
  readonly input: string;
  /** Of an input that hears many, the one it is about: each has events and a last word of its own. As in the capture's header. */
  readonly source?: string;
  /** Names of the sinks that are told. */
  readonly sinks: readonly string[];
  readonly device: string;
  readonly configHash: string;
}

/** Told as one event at a time. */
export interface EventWatch extends WatchBase {
  readonly kind: 'event';
  readonly rules: EventRules;
}

/** Told as an event a thing. */
export interface TrackWatch extends WatchBase {
  readonly kind: 'tracks';
  readonly rules: TrackingRules;
}

/** Told result by result, where one says something new. */
export interface ChangeWatch extends WatchBase {
  readonly kind: 'change';
  readonly rules: ChangeRules;
}

export type Watch = EventWatch | TrackWatch | ChangeWatch;

/** The state of a watch that tells events. */
export type WatchState = EventState | TracksState;

/** A sighting on its way to the store, which holds the state it changes. */
export type Watched =
  | { readonly watch: EventWatch; readonly sighting: Sighting }
  | { readonly watch: TrackWatch; readonly sighting: Sighting; readonly things: readonly Thing[] };

/** What a result says, on its way to the store, which knows what was told last. */
export interface Said {
  readonly watch: ChangeWatch;
  readonly saying: Saying;
}

/** What a commit did to the state of a watch. */
export interface WatchChange {
  readonly pipeline: string;
  readonly input: string;
  readonly source?: string;
  /** Null when nobody asks for it any more. */
  readonly state: WatchState | null;
  readonly phases: readonly Telling['phase'][];
  /** Things that could not be followed, because too many were. */
  readonly untracked?: number;
}

/** The ids of the events that go on. */
export function openIn(state: WatchState): readonly string[] {
  const courses = 'tracks' in state ? state.tracks : [state];
  return courses.flatMap(({ open }) => (open === null ? [] : [open.id]));
}

/** What the store does for watches, beside the commits that change them. */
export interface WatchKeeper {
  /** Ends events on inputs that fell silent (listened to since `sinceMs`, monotonic), and forgets watches that are none any more. */
  lapse(watches: readonly Watch[], sinceMs: number): Promise<void>;
  /** The state of every watch of events that has one, without phases. */
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
export function encodeEvent(telling: Telling, watch: WatchBase): Uint8Array {
  const { mark, first, end, box } = telling;
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
    ...(watch.source === undefined ? {} : { source: watch.source }),
    pipeline: watch.pipeline,
    config_hash: watch.configHash,
    started_at: first.capturedAt,
    ...(end === null ? {} : { ended_at: end.mark.capturedAt, end_reason: end.reason }),
    duration_ms: Math.round(telling.durationMs),
    ...(box === undefined ? {} : { box }),
    ...tallyBody(telling.tally),
  };
  return Buffer.from(JSON.stringify(body));
}

/** What is known of a watch, or of one source of its input. */
export interface SourceState {
  readonly source?: string;
  readonly state: WatchState;
}

/** UTF-8 JSON of schema `shoal/state/1`; without a state nothing has been seen yet. `saidAt` is RFC 3339. */
export function encodeState(states: readonly SourceState[], watch: Watch, saidAt: string, clockSynced: boolean): Uint8Array {
  const last = newest(states);
  const on = states.filter(({ state }) => openIn(state).length > 0);
  const sources = states.some(({ source }) => source !== undefined);
  const body = {
    schema: 'shoal/state/1',
    state: last === null ? 'unknown' : on.length === 0 ? 'off' : 'on',
    said_at: saidAt,
    clock_synced: clockSynced,
    device: watch.device,
    input: watch.input,
    pipeline: watch.pipeline,
    config_hash: watch.configHash,
    ...(last === null ? {} : { captured_at: last.capturedAt, boot: last.boot, seq: last.seq }),
    ...(sources ? { sources: { seen: states.length, on: on.length } } : {}),
    ...(last === null ? {} : openBody(states, sources)),
  };
  return Buffer.from(JSON.stringify(body));
}

function newest(states: readonly SourceState[]): WatchState['last'] | null {
  return states.reduce<WatchState['last'] | null>((best, { state: { last } }) => {
    const later = best === null || last.boot > best.boot || (last.boot === best.boot && last.seq > best.seq);
    return later ? last : best;
  }, null);
}

/** The event that goes on; of things that are followed, or of many sources, all of them. */
function openBody(states: readonly SourceState[], sources: boolean): Record<string, unknown> {
  const body = ({ run, open }: Pick<EventState, 'run' | 'open'>, more: Record<string, unknown> = {}) =>
    run === null || open === null ? [] : [{ id: open.id, started_at: run.first.capturedAt, ...more, ...tallyBody(run.tally) }];
  const events = states.flatMap(({ source, state }) => {
    const from = source === undefined ? {} : { source };
    if ('tracks' in state) return state.tracks.flatMap((track) => body(track, { ...from, box: track.box }));
    return body(state, from);
  });
  if (sources || states.some(({ state }) => 'tracks' in state)) return { events: events.slice(0, limits.stateEventsMax) };
  const [event] = events;
  return event === undefined ? {} : { event };
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
