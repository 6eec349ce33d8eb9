/**
 * Writes `clip(x + 3, 0, 6) / 6` as HardSigmoid and `x * clip(x + 3, 0, 6) / 6` as `x * HardSigmoid(x)`: fewer passes over memory, which in
 * small convolutional models cost as much as the convolutions. The runtime does not see these patterns by itself, and computes what comes
 * out in one go.
 *
 * Source: the operators HardSigmoid, Clip and HardSwish of the ONNX specification.
 */
import type { Graph } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { floatOf, nodeOf } from '../onnx/values.js';
import { eachNode, type Pass } from './pass.js';
import { withScalar } from './rank.js';

export const fuseHardSigmoid: Pass = {
  name: 'fuse-hard-sigmoid',
  apply: (graph) => eachNode(graph, (node) => fuseSigmoid(graph, node)),
};

export const fuseHardSwish: Pass = {
  name: 'fuse-hard-swish',
  apply: (graph) => eachNode(graph, (node) => fuseSwish(graph, node)),
};

function fuseSigmoid(graph: Graph, add: OnnxNode): boolean {
  const gate = gateOf(graph, add);
  const sixth = gate === null ? undefined : graph.onlyUser(gate.clip.outputs[0]);
  if (gate === null || sixth === undefined || !isSixth(graph, sixth)) return false;
  const [output = ''] = sixth.outputs;
  graph.insertBefore(add, hardSigmoid(gate.x, graph.freshName('hard_sigmoid')));
  const made = graph.nodes[graph.nodes.indexOf(add) - 1];
  graph.remove(add, gate.clip, sixth);
  if (made !== undefined) graph.setOutputs(made, [output]);
  return true;
}

function fuseSwish(graph: Graph, add: OnnxNode): boolean {
  const gate = gateOf(graph, add);
  const product = gate === null ? undefined : graph.onlyUser(gate.clip.outputs[0]);
  const sixth = graph.onlyUser(product?.outputs[0]);
  if (gate === null || product?.op !== 'Mul' || product.domain !== '' || sixth === undefined) return false;
  if (!product.inputs.includes(gate.x) || !isSixth(graph, sixth)) return false;
  const [output = ''] = sixth.outputs;
  const sigmoid = graph.freshName('hard_sigmoid');
  graph.insertBefore(product, hardSigmoid(gate.x, sigmoid));
  graph.remove(add, gate.clip, sixth);
  graph.setInputs(product, [gate.x, sigmoid]);
  graph.setOutputs(product, [output]);
  return true;
}

/** `clip(x + 3, 0, 6)` where nothing else sees the sum. */
function gateOf(graph: Graph, add: OnnxNode): { readonly x: string; readonly clip: OnnxNode } | null {
  const sum = withScalar(graph, add, 'Add');
  const clip = graph.onlyUser(add.outputs[0]);
  if (sum?.value !== 3 || clip?.op !== 'Clip' || clip.domain !== '') return null;
  // Bounds are inputs since operator set 11 and attributes before.
  const bound = (name: string, input: number): number | undefined => graph.scalar(clip.inputs[input]) ?? floatOf(clip, name, Number.NaN);
  return bound('min', 1) === 0 && bound('max', 2) === 6 ? { x: sum.x, clip } : null;
}

function isSixth(graph: Graph, node: OnnxNode): boolean {
  return withScalar(graph, node, 'Div')?.value === 6 || withScalar(graph, node, 'Mul')?.value === Math.fround(1 / 6);
}

function hardSigmoid(x: string, output: string): OnnxNode {
  return nodeOf('HardSigmoid', [x], [output], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
}
