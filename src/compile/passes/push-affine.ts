/**
 * Pushes Mul and Add by one constant number forward into the convolutions that follow.
 *
 * A factor goes into any Conv. An offset only where the Conv is not padded: padding is zero after the offset, so it would have to
 * be another number before. Before a padded Conv `s * x + b` becomes `s * (x + b / s)`, so that at least the factor can go.
 */
import type { Graph } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { intsOf, stringOf } from '../onnx/values.js';
import { type Convolution, convolutionOf, putBack } from './convolution.js';
import { eachNode, type Pass } from './pass.js';
import { withScalar } from './rank.js';

/** Below this a factor is as good as zero, and dividing by it would blow the offset up. */
const factorMin = 1e-6;

export const pushAffine: Pass = {
  name: 'push-affine',
  apply: (graph) => eachNode(graph, (node) => pushFactor(graph, node) || pushOffset(graph, node) || swap(graph, node)),
};

function pushFactor(graph: Graph, mul: OnnxNode): boolean {
  const scaled = withScalar(graph, mul, 'Mul');
  const users = scaled === null ? null : convolutionsAfter(graph, mul);
  if (scaled === null || users === null) return false;
  for (const { weights } of users) {
    for (const [i, weight] of weights.entries()) weights[i] = weight * scaled.value;
  }
  return pushInto(graph, mul, scaled.x, users);
}

function pushOffset(graph: Graph, add: OnnxNode): boolean {
  const shifted = withScalar(graph, add, 'Add');
  const users = shifted === null ? null : convolutionsAfter(graph, add);
  if (shifted === null || users === null || !users.every(isUnpadded)) return false;
  for (const { weights, bias, outputOf } of users) {
    for (const [i, weight] of weights.entries()) bias[outputOf(i)] = (bias[outputOf(i)] ?? 0) + weight * shifted.value;
  }
  return pushInto(graph, add, shifted.x, users);
}

/** `s * x + b` to `s * (x + b / s)`, where the factor can then go on. */
function swap(graph: Graph, mul: OnnxNode): boolean {
  const scaled = withScalar(graph, mul, 'Mul');
  const add = scaled === null ? undefined : graph.onlyUser(mul.outputs[0]);
  const shifted = add === undefined ? null : withScalar(graph, add, 'Add');
  if (scaled === null || add === undefined || shifted === null || Math.abs(scaled.value) < factorMin) return false;
  const users = convolutionsAfter(graph, add);
  if (users === null || users.every(isUnpadded)) return false;
  const constant = mul.inputs.find((name) => name !== scaled.x) ?? '';
  const [middle = ''] = mul.outputs;
  const [output = ''] = add.outputs;
  const offset = graph.addConstant('offset', Float32Array.of(shifted.value / scaled.value), []);
  graph.remove(add);
  graph.setOutputs(mul, []);
  const sum = graph.freshName(middle);
  add.inputs = [scaled.x, offset];
  add.outputs = [sum];
  graph.insertBefore(mul, add);
  graph.setInputs(mul, [sum, constant]);
  graph.setOutputs(mul, [output]);
  return true;
}

/** The convolutions that alone use what a node gives, each as its data; null where there is any other user. */
function convolutionsAfter(graph: Graph, node: OnnxNode): Convolution[] | null {
  const [name = ''] = node.outputs;
  const users = graph.users(name);
  if (graph.isOutput(name) || users.length === 0) return null;
  const convolutions = users.map((user) =>
    user.op === 'Conv' && user.inputs.indexOf(name) === 0 && user.inputs.lastIndexOf(name) === 0 ? convolutionOf(graph, user) : null,
  );
  return convolutions.every((convolution) => convolution !== null) ? convolutions : null;
}

function isUnpadded({ node }: Convolution): boolean {
  const auto = stringOf(node, 'auto_pad', 'NOTSET');
  return auto === 'VALID' || (auto === 'NOTSET' && (intsOf(node, 'pads') ?? []).every((pad) => pad === 0));
}

function pushInto(graph: Graph, node: OnnxNode, x: string, users: readonly Convolution[]): boolean {
  const finite = users.every(({ weights, bias }) =>
    [weights, bias].every((values) => values.every((value) => Number.isFinite(Math.fround(value)))),
  );
  if (!finite) return false;
  for (const user of users) {
    putBack(graph, user);
    graph.setInputs(user.node, [x, ...user.node.inputs.slice(1)]);
  }
  graph.remove(node);
  return true;
}
