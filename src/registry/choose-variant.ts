/**
 * Which variant of a model runs on this board, and why, in one sentence.
 *
 * Guarantees: the same board, cards, tuning and configuration give the same answer at every start; under `pinned` nothing measured here
 * changes it, so that a fleet does not drift apart. A person's pin on this board goes before both; a stage that names its variant is not asked.
 */
import { type BoardClass, pinnedFor } from '../core/board-class.js';
import type { Model, ModelVariant } from '../core/model.js';
import type { BoardFingerprint } from './fingerprint.js';
import { noPins, type Pins, pinOf, readPins } from './pins.js';
import { readTuning, type Tuning, tuneFileIn, tuningOf } from './tuning.js';

/** `pinned`: what the release measured for this class of board. `auto`: what was measured on this very board. */
export const variantModes = ['pinned', 'auto'] as const;

export type VariantMode = (typeof variantModes)[number];

export interface VariantPolicy {
  readonly mode: VariantMode;
  readonly board: BoardClass;
  readonly tuning: Tuning;
  /** What a person decided on this board. */
  readonly pins?: Pins;
}

export interface VariantChoice {
  readonly variant: ModelVariant;
  /** `operator`: pinned on this board by a person; `pinned`: by the release. */
  readonly by: 'pinned' | 'auto' | 'stage' | 'operator';
  /** For a person. */
  readonly reason: string;
}

/** Null for a model without variants, which no card can state. */
export function chooseVariant(model: Model, { mode, board, tuning, pins = noPins }: VariantPolicy): VariantChoice | null {
  const pin = pinOf(pins, model.name);
  const byHand =
    pin?.version === undefined || pin.version === model.version ? model.variants.find(({ name }) => name === pin?.variant) : undefined;
  if (byHand !== undefined) return { variant: byHand, by: 'operator', reason: 'it is pinned on this board ("shoal models pin")' };
  const pinned = pinnedVariant(model, board);
  if (pinned === null || mode === 'pinned') return pinned;
  const found = tuningOf(model, tuning);
  if (typeof found === 'string') return { ...pinned, reason: `${pinned.reason}, since ${found}` };
  const variant = model.variants.find(({ name }) => name === found.winner);
  const where = found.measured_on === undefined ? '' : ' (as imported from another board of the class)';
  return variant === undefined ? pinned : { variant, by: 'auto', reason: `${found.reason}${where}` };
}

/** What the release chose for a class of board; null for a model without variants. */
export function pinnedVariant(model: Model, board: BoardClass): VariantChoice | null {
  const named = pinnedFor(model.pinned ?? {}, board);
  const pinned = model.variants.find(({ name }) => name === named);
  if (pinned !== undefined) return { variant: pinned, by: 'pinned', reason: `its card pins it for ${board}` };
  const first = model.variants[0];
  return first === undefined ? null : { variant: first, by: 'pinned', reason: 'it is the first of its card' };
}

/** The policy of this board with what `shoal models tune` and `pin` left in the state folder. Never throws. */
export async function openVariantPolicy(mode: VariantMode, stateDir: string, board: BoardFingerprint): Promise<VariantPolicy> {
  return { mode, board: board.class, tuning: await readTuning(tuneFileIn(stateDir), board), pins: await readPins(stateDir) };
}
