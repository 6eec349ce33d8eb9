/**
 * From a model as shipped to its variants: the fused float, the best int8 that was found, and the best of dynamic int8, each with what was
 * measured of it.
 *
 * Guarantees: every variant comes from its recipe alone, so that it can be rebuilt bit for bit; what is chosen is chosen by one evaluator
 * and judged by another, on other samples; nothing is written.
 */
import { createHash } from 'node:crypto';
import { ShoalError } from '../core/errors.js';
import type { Evaluation } from '../core/workbench.js';
import { judge, percent, type Verdict } from './choose.js';
import type { Compiled, CompiledVariant, CompileTools, Trial } from './compiled.js';
import { judgeBeside } from './judge-beside.js';
import { buildVariant, compilerGeneration, type Recipe } from './recipe.js';
import { searchInt8 } from './search-int8.js';
import { tryDynamic } from './try-dynamic.js';
import { tryPixels } from './try-pixels.js';

/** Throws MODEL_INVALID for a model that cannot be read or run, and what the tools throw. */
export async function compileModel(source: Uint8Array, tools: CompileTools): Promise<Compiled> {
  const source_sha256 = createHash('sha256').update(source).digest('hex');
  const head: Recipe = { schema: 'shoal/recipe/1', source_sha256, compiler: compilerGeneration };
  const trial: Trial = { source, head, fused: buildVariant(source, head), tools };
  tools.progress('trying the fused float', 0);
  const { original, fused } = await judgeBeside(trial, tools.evaluator, []);
  if (original.failure !== undefined) throw new ShoalError('MODEL_INVALID', `the model cannot be run: ${original.failure}`);
  const verdict = judgeFloat(fused, original);
  const float: CompiledVariant = { name: 'fp32', model: trial.fused, recipe: head, evaluation: fused, verdict };
  const int8 = await searchInt8(trial, [0, 0.97]);
  const dynamic = await tryDynamic(trial, 0.98);
  const variants = [float, int8, dynamic].filter((variant) => variant !== null);
  return { original, variants: await tryPixels(trial, variants, 0.99) };
}

/** The fused float is the same function: it stays, unless it cannot run or is worse than rounding explains. */
function judgeFloat(fused: Evaluation, original: Evaluation): Verdict {
  const verdict = judge(fused, fused, original, 0.001);
  const ratio = fused.cpuMs.median / original.cpuMs.median;
  if (fused.failure !== undefined || !(verdict.bound <= 0.001)) return { ...verdict, cpuRatio: ratio };
  return {
    ...verdict,
    cpuRatio: ratio,
    kept: true,
    reason: `kept: the same function, for ${percent(ratio)} of the CPU of the original`,
  };
}
