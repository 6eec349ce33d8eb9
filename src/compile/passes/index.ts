/**
 * The graph surgery that every model gets: the same function with fewer and cheaper operators.
 *
 * Guarantees: the same bytes in give the same model out on every machine; inputs, outputs and their names stay (weights that were inputs as well
 * become constants); what a pass does not understand stays as it is. Deliberately leaves subgraphs alone, and what the runtime does by itself
 * when it loads a model.
 */
import { limits } from '../../core/limits.js';
import { Graph } from '../graph.js';
import type { OnnxModel } from '../onnx/model.js';
import { factorResidual } from './factor-residual.js';
import { foldBatchNorm } from './fold-batch-norm.js';
import { foldConstants } from './fold-constants.js';
import { foldScale } from './fold-scale.js';
import { freezeWeights } from './freeze-weights.js';
import { fuseHardSigmoid, fuseHardSwish } from './fuse-hard-sigmoid.js';
import type { Pass } from './pass.js';
import { pushAffine } from './push-affine.js';
import { removeNoOps } from './remove-no-ops.js';
import { opsetMin, upgradeOpset } from './upgrade-opset.js';

const removeDeadCode: Pass = { name: 'remove-dead-code', apply: (graph) => graph.prune() };

/** In the order they are applied; each makes room for the next. */
export const passes: readonly Pass[] = [
  freezeWeights,
  foldConstants,
  upgradeOpset,
  removeNoOps,
  foldScale,
  foldBatchNorm,
  fuseHardSwish,
  fuseHardSigmoid,
  factorResidual,
  pushAffine,
  removeDeadCode,
];

/** The newest operator set whose operators mean what the passes take them for. */
const opsetMax = 24;

/**
 * Runs the passes over `model`, in place, until none finds anything more. Answers how many places each changed; a pass that found nothing is
 * not named. A model of an operator set it does not know stays untouched.
 */
export function simplify(model: OnnxModel): Readonly<Record<string, number>> {
  const version = model.opsets.get('') ?? 0;
  if (version < opsetMin || version > opsetMax) return {};
  const graph = new Graph(model);
  const changes: Record<string, number> = {};
  for (let round = 0; round < limits.compilePassRoundsMax; round++) {
    let changed = 0;
    for (const { name, apply } of passes) {
      const count = apply(graph);
      changed += count;
      if (count > 0) changes[name] = (changes[name] ?? 0) + count;
    }
    if (changed === 0) break;
  }
  return changes;
}
