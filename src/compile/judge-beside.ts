/** Asks an evaluator about models beside the two that all are held against. */
import { ShoalError } from '../core/errors.js';
import type { Candidate, Evaluation, Evaluator } from '../core/workbench.js';
import { judge, type Verdict } from './choose.js';
import type { Trial } from './compiled.js';

/** Throws what the evaluator throws, and SHOAL_INTERNAL when it answers less than it was asked. `judged` has the order of the candidates. */
export async function judgeBeside<One extends Candidate>(
  { source, fused: float, tools }: Trial,
  evaluator: Evaluator,
  candidates: readonly One[],
): Promise<{ original: Evaluation; fused: Evaluation; judged: (One & { evaluation: Evaluation; verdict: Verdict })[] }> {
  const asked = [{ name: 'original', model: source }, { name: 'fp32', model: float }, ...candidates];
  const [original, fused, ...others] = await evaluator.evaluate(asked);
  const judged = candidates.flatMap((candidate, i) => {
    const evaluation = others[i];
    if (original === undefined || fused === undefined || evaluation === undefined) return [];
    return [{ ...candidate, evaluation, verdict: judge(evaluation, fused, original, tools.budget) }];
  });
  if (original === undefined || fused === undefined || judged.length < candidates.length)
    throw new ShoalError('SHOAL_INTERNAL', 'an evaluator answered less than it was asked');
  return { original, fused, judged };
}
