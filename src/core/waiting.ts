/**
 * What becomes of a capture when as many of its input wait already as may.
 *
 * `block`: the input is told to wait; nothing is lost, since it can be asked again. `keep_latest`: the one that has waited longest is dropped, for
 * the newest says what is. `drop_newest`: the one that comes is dropped. Every drop is counted with its reason.
 */
import { limits } from './limits.js';

export const whenFullModes = ['block', 'keep_latest', 'drop_newest'] as const;

export type WhenFull = (typeof whenFullModes)[number];

export interface WaitingRules {
  readonly whenFull: WhenFull;
  /** 1 .. `limits.waitingPerInputMax`. */
  readonly maxWaiting: number;
}

/** What may wait where the configuration does not say: what is dropped when it is old should not grow old. */
const usually: Readonly<Record<WhenFull, number>> = { block: limits.waitingPerInputMax, keep_latest: 1, drop_newest: 16 };

/** As the configuration of an input has it, where it does; `usual` is what suits an input of its kind. */
export function waitingRules(
  usual: WhenFull,
  { when_full, max_waiting }: { readonly when_full?: WhenFull | undefined; readonly max_waiting?: number | undefined },
): WaitingRules {
  const whenFull = when_full ?? usual;
  return { whenFull, maxWaiting: max_waiting ?? usually[whenFull] };
}
