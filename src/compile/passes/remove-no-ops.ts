/**
 * Removes what changes nothing: Identity, and Mul or Div by one, Add or Sub of zero.
 *
 * The runtime removes them too; a quantizer comes before it, and would put numbers of eight bits around each.
 */
import type { Graph } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { eachNode, type Pass } from './pass.js';
import { withScalar } from './rank.js';

export const removeNoOps: Pass = {
  name: 'remove-no-ops',
  apply: (graph) => eachNode(graph, (node) => remove(graph, node)),
};

const neutral: Readonly<Record<string, number>> = { Mul: 1, Div: 1, Add: 0, Sub: 0 };

function remove(graph: Graph, node: OnnxNode): boolean {
  const [output = ''] = node.outputs;
  const input = passesOn(graph, node);
  // A name used inside a subgraph cannot be changed there.
  if (input === null || graph.isOutput(output) || graph.users(output).some((user) => !user.inputs.includes(output))) return false;
  graph.redirect(output, input);
  if (graph.users(output).length > 0) return true;
  graph.remove(node);
  return true;
}

/** The tensor that comes out as it went in. */
function passesOn(graph: Graph, node: OnnxNode): string | null {
  if (node.op === 'Identity' && node.domain === '') return node.inputs[0] ?? null;
  const found = withScalar(graph, node, node.op);
  return found !== null && neutral[node.op] === found.value ? found.x : null;
}
