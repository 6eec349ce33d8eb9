/** What the compiler is given, and what it gives back. */
import type { TensorSpec } from '../core/tensor.js';
import type { Calibrator, Evaluation, Evaluator, PixelNormalisation } from '../core/workbench.js';
import type { Verdict } from './choose.js';
import type { Recipe } from './recipe.js';

export interface CompileTools {
  readonly calibrator: Calibrator;
  /** Compares attempts, on the samples that calibrate. */
  readonly chooser: Evaluator;
  /** Judges what was chosen, on samples that chose nothing. */
  readonly evaluator: Evaluator;
  /** Errors a thing that the 95 % bound of a variant's loss may reach. */
  readonly budget: number;
  /** How the task normalises pixels for this model, where it would as well feed them as they are. */
  readonly pixels?: PixelNormalisation | null;
  /** Whether to search a second time with equalized channels, which takes as long again. */
  readonly thorough?: boolean;
  /** What is being done, and about which share of the whole is done. */
  progress(message: string, share: number): void;
}

export interface CompiledVariant {
  readonly name: 'fp32' | 'int8' | 'int8-dynamic';
  readonly model: Uint8Array;
  readonly recipe: Recipe;
  /** Where they are not the original's. */
  readonly inputs?: readonly TensorSpec[];
  readonly evaluation: Evaluation;
  readonly verdict: Verdict;
}

export interface Compiled {
  readonly original: Evaluation;
  readonly variants: readonly CompiledVariant[];
}

/** What every attempt at one model is made from and held against. */
export interface Trial {
  readonly source: Uint8Array;
  /** Makes the fused float. */
  readonly head: Recipe;
  readonly fused: Uint8Array;
  readonly tools: CompileTools;
}
