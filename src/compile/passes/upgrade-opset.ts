/**
 * Brings a model of operator set 7 to 12 up to 13, the first with the per-channel DequantizeLinear that a quantizer writes.
 *
 * Guarantees: all or nothing. Where one node cannot be carried over, the model stays at its operator set and `opsetObstacle` says why. Newer
 * models stay as they are.
 *
 * Source: the change logs of the operators in onnx/docs/Changelog.md.
 */
import type { Graph } from '../graph.js';
import { subgraphsOf } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { type Edit, upgradeOf } from './opset-changes.js';
import type { Pass } from './pass.js';

export const opsetWanted = 13;
/** The first with broadcasting as it is now. */
export const opsetMin = 7;
/** The version of the format that came with operator set 13. */
const irVersion = 7;

export const upgradeOpset: Pass = {
  name: 'upgrade-opset',
  apply(graph) {
    const found = plan(graph);
    if (typeof found === 'string') return 0;
    for (const edit of found) edit();
    if ((graph.model.opsets.get('') ?? 0) < opsetWanted) {
      graph.model.opsets.set('', opsetWanted);
      graph.model.irVersion = Math.max(graph.model.irVersion, irVersion);
    }
    return found.length;
  },
};

/** Why a model cannot be brought to operator set 13, naming the node; null when it can, or is there. */
export function opsetObstacle(graph: Graph): string | null {
  const found = plan(graph);
  return typeof found === 'string' ? found : null;
}

function plan(graph: Graph): readonly Edit[] | string {
  const version = graph.model.opsets.get('') ?? 0;
  if (version >= opsetWanted) return [];
  const from = `from operator set ${version} to ${opsetWanted}`;
  if (version < opsetMin) return `no way ${from}: those below ${opsetMin} broadcast in another way`;
  if (graph.model.functions > 0) return `no way ${from}: the model brings functions of its own`;
  const edits: Edit[] = [];
  for (const node of graph.nodes) {
    if (node.domain !== '') continue;
    const change = subgraphsOf(node).length > 0 ? 'it holds a graph' : upgradeOf(graph, node, version);
    if (typeof change === 'string') return `no way ${from}: node ${nameOf(node)} (${node.op}): ${change}`;
    if (change !== null) edits.push(change);
  }
  return edits;
}

function nameOf({ name, outputs }: OnnxNode): string {
  return `"${name === '' ? (outputs[0] ?? '') : name}"`;
}
