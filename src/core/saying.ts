/**
 * What a pipeline says about an input from capture to capture, and whether it is worth saying: `report.mode: on_change`.
 *
 * Two results say the same when `report.when` is false for both, or both abstain, or both found the same labels and texts, each as often
 * and in the same stages; scores and places are not looked at. A result is told when it says something else than the one told last.
 * Before anything was told, one for which `report.when` is false says nothing new.
 *
 * A pure machine: what was told last and a saying in, what to do and what is to be remembered out. Order is (boot, seq); a capture that was
 * overtaken is not told, since what it says is old. Over a reboot of the board the time until a repetition stands still.
 */
import { createHash } from 'node:crypto';
import { type CaptureMark, type EventNow, isAfter } from './event.js';
import type { Observation } from './result.js';

export interface ChangeRules {
  /** Milliseconds after which the same is told again; 0 for never. */
  readonly updateEveryMs: number;
}

export interface Saying extends Pick<CaptureMark, 'resultId' | 'boot' | 'seq'> {
  /** When it was captured, in ms on this kernel's monotonic clock; null where that is not known any more: then it is now. */
  readonly monoMs: number | null;
  /** `nothingSaid`, `notSure`, or what `wordsOf` made of the observations. */
  readonly what: string;
}

export const nothingSaid = 'nothing';
export const notSure = 'not sure';

/** All there is to remember of a pipeline on an input; JSON. */
export interface SaidState {
  readonly kernel: number;
  /** The newest capture that was heard. */
  readonly boot: number;
  readonly seq: number;
  readonly lastMs: number;
  /** The result told last. */
  readonly told: { readonly resultId: string; readonly what: string; readonly ms: number } | null;
}

export interface Judged {
  readonly state: SaidState;
  readonly isTold: boolean;
  /** The result told last, where this one says the same. */
  readonly sameAs: string | null;
  /** Beside what the result itself gives as its reason; null where there is nothing to add. */
  readonly reason: string | null;
}

/** What observations say, by stage: 22 characters, equal where they say the same. */
export function wordsOf(observations: readonly (readonly [stage: string, readonly Observation[]])[]): string {
  const words = observations.flatMap(([stage, list]) => list.map(({ label = null, text = null }) => JSON.stringify([stage, label, text])));
  return createHash('sha256').update(words.sort().join('\n')).digest('base64url').slice(0, 22);
}

/** One capture more. */
export function judgeSaying(before: SaidState | null, saying: Saying, rules: ChangeRules, now: EventNow): Judged {
  const known = before === null ? null : rebased(before, now);
  if (known !== null && !isAfter(saying, known)) {
    return { state: known, isTold: false, sameAs: null, reason: 'a later capture of its input was heard before it' };
  }
  const capturedMs = Math.min(saying.monoMs ?? now.monoMs, now.monoMs);
  const lastMs = Math.max(known?.lastMs ?? capturedMs, capturedMs);
  const { boot, seq, resultId, what } = saying;
  const told = known?.told ?? null;
  const isSame = what === (told?.what ?? nothingSaid);
  const isDue = rules.updateEveryMs > 0 && (told === null || lastMs - told.ms >= rules.updateEveryMs);
  const state = { kernel: now.kernel, boot, seq, lastMs, told };
  const sameAs = isSame ? (told?.resultId ?? null) : null;
  if (isSame && !isDue) return { state, isTold: false, sameAs, reason: sameAs === null ? null : `it says the same as ${sameAs}` };
  return { state: { ...state, told: { resultId, what, ms: lastMs } }, isTold: true, sameAs, reason: whyTold(told, what, sameAs) };
}

function whyTold(told: SaidState['told'], what: string, sameAs: string | null): string | null {
  if (sameAs !== null) return `it says the same as ${sameAs}, and is told again (report.update_every_ms)`;
  return told !== null && what === nothingSaid ? `it is no longer as ${told.resultId} said` : null;
}

function rebased(state: SaidState, { kernel, monoMs }: EventNow): SaidState {
  if (state.kernel === kernel) return state;
  const { told } = state;
  return { ...state, kernel, lastMs: monoMs, told: told && { ...told, ms: told.ms + monoMs - state.lastMs } };
}
