/**
 * One event a thing: the boxes of a stage are followed from capture to capture, and each thing has an event of its own (event.ts).
 *
 * A thing is followed from the first capture that accepts it. While it is seen, its box finds it again also where it is not accepted; not
 * seen for more than `maxGapMs` it is gone, and its event ends. As every span that is told by captures: time in which nobody looked counts
 * as none. Beside that an event obeys its rules as if its thing were alone before the input.
 *
 * Guarantees: a pure machine as that of event.ts, with its order, clocks and silences; one box is never two things. At most
 * `limits.tracksMax` things are followed, and what is beyond is counted. Deliberately forgets a thing whose event is over and that is
 * not accepted any more, and does not know one again that was gone.
 */
import {
  afterReboot,
  type Course,
  type EventNow,
  type EventRules,
  type EventState,
  ended,
  held,
  isAfter,
  isSilent,
  type Moment,
  momentOf,
  notHeld,
  nothingYet,
  type Sighting,
  type Step,
  shifted,
  silenceMs,
  type Telling,
} from './event.js';
import { eventId } from './id.js';
import { limits } from './limits.js';
import { type Labelled, matchBoxes } from './match-boxes.js';

export interface TrackRules {
  /** Boxes that overlap by less (intersection over union, 0..1) are not the same thing. */
  readonly minIou: number;
  /** Milliseconds. */
  readonly maxGapMs: number;
}

/** Where an operator says nothing. */
export const trackDefaults = { min_iou: 0.3, max_gap_ms: 2_000 } as const;

/** One box of the stage that is followed, as it is to be told. */
export interface Thing extends Labelled {
  /** 0..1. */
  readonly score: number;
  /** Whether it counts by itself; it does not where the whole capture does not hold. */
  readonly accepted: boolean;
}

export interface Track extends Course, Labelled {
  /** Tells two things apart that began with the same capture; counts through all things of a watch. */
  readonly number: number;
  /** When the first capture since was made that did not show it (ms, monotonic); null while it is seen. */
  readonly missedMs: number | null;
}

export interface TracksState extends Moment {
  /** How many things there were so far. */
  readonly made: number;
  /** In the order in which they came, at most `limits.tracksMax`. */
  readonly tracks: readonly Track[];
}

export interface TracksStep extends Step<TracksState> {
  /** Things that began while too many were followed already. */
  readonly untracked: number;
}

export interface TrackingRules extends EventRules {
  readonly track: TrackRules;
}

type Followed = readonly [track: Track, tellings: readonly Telling[]];

/** One capture more, with what it shows. `pipeline` and `input` go into the ids of events that start. */
export function sightThings(
  before: TracksState | null,
  sighting: Sighting,
  things: readonly Thing[],
  rules: TrackingRules,
  now: EventNow,
  [pipeline, input]: readonly [string, string],
): TracksStep {
  const known = before === null ? null : rebased(before, now);
  if (known !== null && !isAfter(sighting, known.last)) return { state: known, tellings: [], untracked: 0 };
  const moment = momentOf(known, sighting, now);
  const silent = known !== null && moment.lastMs - known.lastMs > silenceMs(rules);
  const hushed = silent ? endAll(known, 'silence').tellings : [];
  const earlier = silent ? [] : (known?.tracks ?? []);
  const [lost, kept] = parted(earlier, ({ missedMs }) => moment.lastMs - (missedMs ?? moment.lastMs) > rules.track.maxGapMs);
  const gone = lost.map((track) => told(track, notHeld({ ...moment, ...courseOf(track) }, { ...rules, offAfterMs: 0 })));
  const matches = matchBoxes(kept, things, rules.track.minIou);
  const follow = (track: Track, thing: Thing | undefined): Followed => {
    const at = thing === undefined ? { ...track, missedMs: track.missedMs ?? moment.lastMs } : { ...track, box: thing.box, missedMs: null };
    const state: EventState = { ...moment, ...courseOf(track) };
    if (thing === undefined || !sighting.holds || !thing.accepted) return told(at, notHeld(state, rules));
    const { score, label } = thing;
    const idOf = ({ captureId }: { captureId: string }) => eventId(pipeline, input, `${captureId}\n${track.number}`);
    return told(at, held(state, { ...sighting, score, labels: label === null ? [] : [label] }, rules, idOf));
  };
  const followed = kept.map((track, i) => follow(track, things[matches[i] ?? -1]));
  const lasting = followed.map(([track]) => track).filter((track) => isWorthKeeping(track, moment));
  const taken = new Set(matches);
  const fresh = things.filter((thing, j) => sighting.holds && thing.accepted && !taken.has(j));
  const room = Math.max(0, limits.tracksMax - lasting.length);
  const made = known?.made ?? 0;
  const begun = fresh.slice(0, room).map((thing, i) => {
    const { box, label } = thing;
    return follow({ ...nothingYet, number: made + i, box, label, missedMs: null }, thing);
  });
  return {
    state: { ...moment, made: made + begun.length, tracks: [...lasting, ...begun.map(([track]) => track)] },
    tellings: [...hushed, ...[...gone, ...followed, ...begun].flatMap(([, tellings]) => tellings)],
    untracked: fresh.length - begun.length,
  };
}

/** Time has passed: as `lapse` of event.ts, for every thing. */
export function lapseThings(state: TracksState, rules: EventRules | null, now: EventNow, sinceMs: number): Step<TracksState> {
  if (rules === null) return endAll(rebased(state, now), 'removed');
  if (state.tracks.length === 0 || !isSilent(state, rules, now, sinceMs)) return { state, tellings: [] };
  return endAll(rebased(state, now), 'silence');
}

/** Nothing is followed over a silence: nobody knows what came and went meanwhile. */
function endAll(state: TracksState, reason: 'silence' | 'removed'): Step<TracksState> {
  const tellings = state.tracks.flatMap((track) => told(track, ended({ ...state, ...courseOf(track) }, reason, 0))[1]);
  return { state: { ...state, tracks: [] }, tellings };
}

function told(track: Track, { state, tellings }: Step): Followed {
  return [{ ...track, ...courseOf(state) }, tellings.map((telling) => ({ ...telling, box: track.box }))];
}

function isWorthKeeping({ run, coolUntilMs }: Course, { lastMs }: Moment): boolean {
  return run !== null || (coolUntilMs !== null && lastMs < coolUntilMs);
}

function courseOf({ run, open, off, coolUntilMs }: Course): Course {
  return { run, open, off, coolUntilMs };
}

/** Those for which it is true, and the others. */
function parted<T>(all: readonly T[], test: (one: T) => boolean): readonly [T[], T[]] {
  return [all.filter(test), all.filter((one) => !test(one))];
}

/** The same state, as if the board had not been away. */
function rebased(state: TracksState, now: EventNow): TracksState {
  if (state.kernel === now.kernel) return state;
  const byMs = now.monoMs - state.lastMs;
  const tracks = state.tracks.map((track) => ({
    ...track,
    ...shifted(track, byMs),
    missedMs: track.missedMs === null ? null : track.missedMs + byMs,
  }));
  return { ...state, ...afterReboot(state, now), tracks };
}
