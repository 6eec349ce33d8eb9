/**
 * From a model as it is shipped to the variants that are worth having: builds each, has it judged, says what is kept and why.
 *
 * Guarantees: the original is judged beside every variant; a variant that cannot run, answers otherwise than it may or is not faster
 * is never kept. Knows neither a runtime nor a task. Writes nothing.
 */
import { createHash } from 'node:crypto';
import { ShoalError } from '../core/errors.js';
import type { Calibrator, Evaluation, Evaluator } from '../core/workbench.js';
import { buildVariant, compilerGeneration, type Recipe } from './recipe.js';

export interface CompileTools {
  readonly calibrator: Calibrator;
  readonly evaluator: Evaluator;
  /** `share` of the whole that is done, 0..1. */
  progress(message: string, share: number): void;
  readonly budget: {
    /** Errors per thing counted, more than the original's. */
    readonly accuracy: number;
  };
}

export interface CompiledVariant {
  /** `fused` is the float model after all passes. */
  readonly name: string;
  readonly model: Uint8Array;
  readonly recipe: Recipe;
  readonly evaluation: Evaluation;
  readonly kept: boolean;
  /** One sentence. */
  readonly reason: string;
}

export interface Compiled {
  readonly original: Evaluation;
  readonly variants: readonly CompiledVariant[];
}

/** Less than this is within what measuring the same model twice differs by. */
const leastGain = 0.02;

/** Throws MODEL_INVALID for a source that is no model, and what the evaluator throws. */
export async function compileModel(source: Uint8Array, tools: CompileTools): Promise<Compiled> {
  tools.progress('fusing operators', 0);
  const recipe: Recipe = {
    schema: 'shoal/recipe/1',
    source_sha256: createHash('sha256').update(source).digest('hex'),
    compiler: compilerGeneration,
  };
  const model = buildVariant(source, recipe);
  tools.progress('judging and measuring', 0.1);
  const [original, evaluation] = await tools.evaluator.evaluate([
    { name: 'original', model: source },
    { name: 'fused', model },
  ]);
  if (original === undefined || evaluation === undefined) throw new ShoalError('SHOAL_INTERNAL', 'the evaluator left a candidate out');
  tools.progress('done', 1);
  return { original, variants: [{ name: 'fused', model, recipe, evaluation, ...judge(original, evaluation, tools.budget.accuracy) }] };
}

function judge(original: Evaluation, variant: Evaluation, budget: number): { kept: boolean; reason: string } {
  if (variant.failure !== undefined) return { kept: false, reason: `it does not run: ${variant.failure}` };
  const loss = rate(variant) - rate(original);
  const gain = 1 - variant.cpuMs.median / original.cpuMs.median;
  const percent = (share: number) => `${(share * 100).toFixed(share < 0.1 ? 2 : 0)} %`;
  if (loss > budget)
    return { kept: false, reason: `it errs ${percent(loss)} more often than the original; allowed are ${percent(budget)}` };
  if (gain < leastGain) return { kept: false, reason: 'it is not faster here than the original' };
  return { kept: true, reason: `it takes ${percent(gain)} less CPU than the original and errs no more than allowed` };
}

function rate({ scores }: Evaluation): number {
  const [errors, total] = scores.reduce(([e, t], score) => [e + score.errors, t + score.total], [0, 0]);
  return total === 0 ? 0 : errors / total;
}
