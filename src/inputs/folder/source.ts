/** Where a taker's files come from: which entries of its folder are finished, and by what name each is claimed. */
import type { ClaimName } from './claim-name.js';
import type { Refusal } from './look.js';

export interface Turn {
  /** Finished files, in the order in which they are to be taken. */
  readonly ready: readonly Buffer[];
  readonly refused: readonly { readonly name: Buffer; readonly refusal: Refusal }[];
  /** Entries that are not finished, and how long until the first may be. */
  readonly unfinished: number;
  readonly waitMs: number;
  /** The oldest modification of a file of this turn, wall ms. */
  readonly oldestMs: number;
}

/** A claim in the making. */
export interface Minted {
  readonly claim: ClaimName;
  /** When it was captured; null where that was before this life. */
  readonly monoMs: number | null;
}

export interface Source {
  /** One reading of the whole folder, in turns of bounded size. */
  turns(): AsyncGenerator<Turn>;
  /** The same entries once more. */
  look(names: readonly Buffer[]): Promise<Turn>;
  /** The claim by which a finished entry is taken, in state `b`. */
  mint(name: Buffer): Minted;
}
