/**
 * Writes `x + x * h` as `x * (h + 1)` where h is a gate (squeeze and excite): the addition then runs over h, which has one number a channel,
 * and the large tensor is read once instead of three times.
 *
 * Only for a gate that a Sigmoid or HardSigmoid gives: within 0..1 the sum cannot lose digits.
 */
import type { Graph } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { nodeOf } from '../onnx/values.js';
import { eachNode, type Pass } from './pass.js';

export const factorResidual: Pass = {
  name: 'factor-residual',
  apply: (graph) => eachNode(graph, (node) => factor(graph, node)),
};

function factor(graph: Graph, add: OnnxNode): boolean {
  if (add.op !== 'Add' || add.domain !== '') return false;
  const [a = '', b = ''] = add.inputs;
  return factorOf(graph, add, a, b) || factorOf(graph, add, b, a);
}

function factorOf(graph: Graph, add: OnnxNode, x: string, product: string): boolean {
  const mul = graph.producer(product);
  if (x === product || mul?.op !== 'Mul' || mul.domain !== '' || graph.onlyUser(product) !== add || !mul.inputs.includes(x)) return false;
  const gate = mul.inputs[0] === x ? mul.inputs[1] : mul.inputs[0];
  const source = graph.producer(gate ?? '');
  const isGate = source?.domain === '' && (source.op === 'Sigmoid' || source.op === 'HardSigmoid') && graph.onlyUser(gate) === mul;
  if (gate === undefined || !isGate) return false;
  const raised = graph.freshName('gate');
  const [output = ''] = add.outputs;
  graph.insertBefore(mul, nodeOf('Add', [gate, graph.addConstant('one', Float32Array.of(1), [])], [raised]));
  graph.remove(add);
  graph.setInputs(mul, [x, raised]);
  graph.setOutputs(mul, [output]);
  return true;
}
