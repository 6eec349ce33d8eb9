/**
 * Events: what a pipeline's answers on an input amount to over time. A person before a camera is one event, not five a second.
 *
 * A pure machine: state and a sighting in, state and what is to be told out. `when` true for `onAfterMs` starts an event, false for
 * `offAfterMs` ends it, and none starts within `cooldownMs` of an end. Both runs are told by captures: it takes one at each end.
 * An event whose input falls silent ends too, after `silenceMs`.
 *
 * Guarantees: events of one pipeline and input never overlap, each has one start, one end and numbered updates between, and the same
 * captures in the same order give the same events. Order is (boot, seq); a capture that was overtaken is counted and turns nothing.
 * Spans are taken from the captures' monotonic times; wall time is only handed on. Over a reboot of the board the clock cannot tell
 * how long it was away: that time counts as none.
 */
import { eventId } from './id.js';
import { limits } from './limits.js';
import type { Box } from './result.js';

/** Milliseconds. */
export interface EventRules {
  readonly onAfterMs: number;
  readonly offAfterMs: number;
  readonly cooldownMs: number;
  /** At most one update in this time; 0 for none. */
  readonly updateEveryMs: number;
}

/** Where an operator says nothing: a person who is hidden for a moment has not left. */
export const eventDefaults = { off_after_ms: 5_000, update_every_ms: 30_000 } as const;

/** Which capture, in a form that outlives it. */
export interface CaptureMark {
  readonly captureId: string;
  readonly resultId: string;
  readonly capturedAt: string;
  readonly clockSynced: boolean;
  readonly boot: number;
  readonly seq: number;
}

/** What a pipeline says of one capture, as far as events go. */
export interface Sighting extends CaptureMark {
  /** When it was captured, in ms on this kernel's monotonic clock; null where that is not known any more: then it is now. */
  readonly monoMs: number | null;
  /** The answer to `report.when`. */
  readonly holds: boolean;
  /** The highest score of its observations; null without any. */
  readonly score: number | null;
  readonly labels: readonly string[];
}

/** `kernel` changes when monotonic times no longer compare with earlier ones. */
export interface EventNow {
  readonly monoMs: number;
  readonly kernel: number;
}

/** What was counted from the first capture of an event on. Scores are those of captures that held. */
export interface Tally {
  readonly captures: number;
  readonly held: number;
  readonly worst: number | null;
  readonly best: number | null;
  readonly bestCapture: CaptureMark;
  /** In the order of their appearance, at most `limits.eventLabelsMax`. */
  readonly labels: readonly string[];
}

interface Run {
  readonly first: CaptureMark;
  readonly sinceMs: number;
  readonly tally: Tally;
}

/** How far the captures of an input were looked at; JSON, as all that is remembered. */
export interface Moment {
  readonly kernel: number;
  /** The newest capture looked at, when it was captured and when it was heard of (ms, monotonic). */
  readonly last: CaptureMark;
  readonly lastMs: number;
  readonly heardMs: number;
}

/** What is remembered of one thing that is, or may become, an event. */
export interface Course {
  /** From the first capture that held until the event that it starts ends, or until one does not hold before there is an event. */
  readonly run: Run | null;
  readonly open: { readonly id: string; readonly number: number; readonly toldMs: number } | null;
  /** The first capture that did not hold since the last that did, during an event. */
  readonly off: { readonly mark: CaptureMark; readonly ms: number } | null;
  readonly coolUntilMs: number | null;
}

/** All there is to remember of one pipeline on one input. */
export interface EventState extends Moment, Course {}

/** `over`: it no longer holds; `silence`: no capture came; `removed`: the pipeline no longer runs on the input. */
export type EndReason = 'over' | 'silence' | 'removed';

/** One message to be told of an event. */
export interface Telling {
  readonly id: string;
  readonly phase: 'start' | 'update' | 'end';
  /** 0 for the start. */
  readonly number: number;
  /** The capture that brought it about; the last one known where none did. */
  readonly mark: CaptureMark;
  readonly first: CaptureMark;
  readonly durationMs: number;
  readonly tally: Tally;
  readonly end: { readonly reason: EndReason; readonly mark: CaptureMark } | null;
  /** Where the thing was seen last; for events of things that are followed. */
  readonly box?: Box;
}

export interface Step<State = EventState> {
  readonly state: State;
  readonly tellings: readonly Telling[];
}

/** How long (ms) an input may say nothing before an event on it ends. */
export function silenceMs(rules: EventRules): number {
  return Math.max(rules.offAfterMs, limits.eventSilenceMs);
}

/** One capture more. `pipeline` and `input` go into the id of an event that starts. */
export function sight(
  before: EventState | null,
  sighting: Sighting,
  rules: EventRules,
  now: EventNow,
  names: readonly [string, string],
): Step {
  const known = before === null ? null : rebased(before, now);
  if (known !== null && !isAfter(sighting, known.last)) return { state: overtaken(known, sighting), tellings: [] };
  const moment = momentOf(known, sighting, now);
  const tellings: Telling[] = [];
  let state = known;
  if (state !== null && moment.lastMs - state.lastMs > silenceMs(rules)) {
    const hushed = ended(state, 'silence', rules.cooldownMs);
    tellings.push(...hushed.tellings);
    state = hushed.state;
  }
  const base: EventState = { ...nothingYet, ...state, ...moment };
  const idOf = (first: CaptureMark) => eventId(names[0], names[1], first.captureId);
  const step = sighting.holds ? held(base, sighting, rules, idOf) : notHeld(base, rules);
  return { state: step.state, tellings: [...tellings, ...step.tellings] };
}

/**
 * Time has passed. Ends what has been silent for too long; `sinceMs` is when listening began (the start of the daemon), since a silence
 * before it is nobody's. `rules` null: nobody asks for it any more.
 */
export function lapse(state: EventState, rules: EventRules | null, now: EventNow, sinceMs: number): Step {
  if (rules === null) return ended(rebased(state, now), 'removed', 0);
  if (state.run === null || !isSilent(state, rules, now, sinceMs)) return { state, tellings: [] };
  return ended(rebased(state, now), 'silence', rules.cooldownMs);
}

/** Whether nothing was heard of the input for too long, of which it was listened to since `sinceMs`. */
export function isSilent(moment: Moment, rules: EventRules, now: EventNow, sinceMs: number): boolean {
  const heardMs = moment.kernel === now.kernel ? Math.max(moment.heardMs, sinceMs) : sinceMs;
  return now.monoMs - heardMs > silenceMs(rules);
}

/** Of what was never seen. */
export const nothingYet: Course = { run: null, open: null, off: null, coolUntilMs: null };

/** Where a capture stands that was not overtaken: never before the one that was known. */
export function momentOf(known: Moment | null, sighting: CaptureMark & Pick<Sighting, 'monoMs'>, now: EventNow): Moment {
  const capturedMs = Math.min(sighting.monoMs ?? now.monoMs, now.monoMs);
  const lastMs = Math.max(known?.lastMs ?? capturedMs, capturedMs);
  return { kernel: now.kernel, last: markOf(sighting), lastMs, heardMs: now.monoMs };
}

/** `state.last` is a capture on which it holds; `idOf` names an event by its first capture. */
export function held(state: EventState, sighting: Sighting, rules: EventRules, idOf: (first: CaptureMark) => string): Step {
  const run: Run = { ...(state.run ?? { first: state.last, sinceMs: state.lastMs }), tally: counted(state.run?.tally ?? null, sighting) };
  const next = { ...state, run, off: null };
  if (state.open !== null) {
    if (rules.updateEveryMs === 0 || state.lastMs - state.open.toldMs < rules.updateEveryMs) return { state: next, tellings: [] };
    const open = { id: state.open.id, number: state.open.number + 1, toldMs: state.lastMs };
    return { state: { ...next, open }, tellings: [telling('update', open, run, state)] };
  }
  const cooling = state.coolUntilMs !== null && state.lastMs < state.coolUntilMs;
  if (cooling || state.lastMs - run.sinceMs < rules.onAfterMs) return { state: next, tellings: [] };
  const open = { id: idOf(run.first), number: 0, toldMs: state.lastMs };
  return { state: { ...next, open, coolUntilMs: null }, tellings: [telling('start', open, run, state)] };
}

/** `state.last` is a capture on which it does not. */
export function notHeld(state: EventState, rules: EventRules): Step {
  if (state.open === null || state.run === null) return { state: { ...state, run: null, off: null }, tellings: [] };
  const off = state.off ?? { mark: state.last, ms: state.lastMs };
  const run = { ...state.run, tally: { ...state.run.tally, captures: state.run.tally.captures + 1 } };
  const next = { ...state, run, off };
  return state.lastMs - off.ms < rules.offAfterMs ? { state: next, tellings: [] } : ended(next, 'over', rules.cooldownMs);
}

/** Forgets the run, and ends the event where there is one. */
export function ended(state: EventState, reason: EndReason, cooldownMs: number): Step {
  const { open, run, off } = state;
  const next = { ...state, run: null, open: null, off: null };
  if (open === null || run === null) return { state: next, tellings: [] };
  const last = { ...open, number: open.number + 1 };
  const end = { reason, mark: off?.mark ?? state.last };
  const told = { ...telling('end', last, run, state), durationMs: (off?.ms ?? state.lastMs) - run.sinceMs, end };
  return { state: { ...next, coolUntilMs: state.lastMs + cooldownMs }, tellings: [told] };
}

function telling(phase: Telling['phase'], { id, number }: { id: string; number: number }, run: Run, state: EventState): Telling {
  const { first, tally, sinceMs } = run;
  return { id, phase, number, mark: state.last, first, durationMs: state.lastMs - sinceMs, tally, end: null };
}

function overtaken(state: EventState, sighting: Sighting): EventState {
  const { run } = state;
  if (run === null || !isAfter(sighting, run.first)) return state;
  const tally = sighting.holds ? counted(run.tally, sighting) : { ...run.tally, captures: run.tally.captures + 1 };
  return { ...state, run: { ...run, tally } };
}

function counted(tally: Tally | null, sighting: Sighting): Tally {
  const { score } = sighting;
  const mark = markOf(sighting);
  const labels = [...new Set([...(tally?.labels ?? []), ...sighting.labels])].slice(0, limits.eventLabelsMax);
  if (tally === null) return { captures: 1, held: 1, worst: score, best: score, bestCapture: mark, labels };
  const better = score !== null && (tally.best === null || score > tally.best);
  return {
    captures: tally.captures + 1,
    held: tally.held + 1,
    worst: score === null ? tally.worst : Math.min(score, tally.worst ?? score),
    best: better ? score : tally.best,
    bestCapture: better ? mark : tally.bestCapture,
    labels,
  };
}

/** The same state, as if the board had not been away. */
function rebased(state: EventState, now: EventNow): EventState {
  if (state.kernel === now.kernel) return state;
  return { ...state, ...afterReboot(state, now), ...shifted(state, now.monoMs - state.lastMs) };
}

export function afterReboot({ last }: Moment, { kernel, monoMs }: EventNow): Moment {
  return { kernel, last, lastMs: monoMs, heardMs: monoMs };
}

/** The same course on another clock. */
export function shifted({ run, open, off, coolUntilMs }: Course, byMs: number): Course {
  return {
    run: run && { ...run, sinceMs: run.sinceMs + byMs },
    open: open && { ...open, toldMs: open.toldMs + byMs },
    off: off && { ...off, ms: off.ms + byMs },
    coolUntilMs: coolUntilMs === null ? null : coolUntilMs + byMs,
  };
}

export function isAfter(a: Pick<CaptureMark, 'boot' | 'seq'>, b: Pick<CaptureMark, 'boot' | 'seq'>): boolean {
  return a.boot > b.boot || (a.boot === b.boot && a.seq > b.seq);
}

function markOf({ captureId, resultId, capturedAt, clockSynced, boot, seq }: CaptureMark): CaptureMark {
  return { captureId, resultId, capturedAt, clockSynced, boot, seq };
}
