/** What the benchmark of the variants asks its child processes, and what they answer. */
import type { BoardClass } from '../../src/core/board-class.js';
import type { Observation } from '../../src/core/result.js';

export type Work =
  | { readonly kind: 'list'; readonly model: string; readonly board: BoardClass }
  | { readonly kind: 'cost'; readonly model: string; readonly rounds: number }
  | { readonly kind: 'answers'; readonly model: string; readonly from: number; readonly to: number; readonly names: readonly string[] };

/** Of `list`. */
export interface Listed {
  /** The model as shipped first. */
  readonly candidates: readonly { readonly name: string; readonly unchanged: boolean; readonly bytes: number }[];
  readonly samples: number;
  /** The variant its card pins for the board. */
  readonly pinned: string;
}

/** Of `cost`: CPU milliseconds a model run, by candidate, one a round. */
export type Costs = readonly (readonly number[])[];

/** Of `answers`, in the order of the samples. */
export interface Answers {
  /** Null where there is none. */
  readonly truths: readonly (readonly Observation[] | null)[];
  /** By candidate asked for, in the order of the list. */
  readonly found: readonly (readonly (readonly Observation[])[])[];
}
