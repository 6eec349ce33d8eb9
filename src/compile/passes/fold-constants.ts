/**
 * Computes what does not depend on any input: shapes, indices and single numbers, and makes Constant nodes initializers.
 *
 * Guarantees: a fold makes no tensor larger than those it comes from, or than `limits.foldElementsMax`; nothing is computed whose result could
 * differ between machines. Deliberately knows few operators: the runtime folds the rest when it loads a model, this is for the passes
 * that come after.
 */
import { limits } from '../../core/limits.js';
import type { Graph } from '../graph.js';
import { dataType, type OnnxNode, type OnnxTensor } from '../onnx/model.js';
import { tensorOf } from '../onnx/values.js';
import { operators } from './constant-operators.js';
import { eachNode, type Pass } from './pass.js';

export const foldConstants: Pass = {
  name: 'fold-constants',
  apply: (graph) => eachNode(graph, (node) => foldNode(graph, node)),
};

function foldNode(graph: Graph, node: OnnxNode): boolean {
  const [output = ''] = node.outputs;
  if (node.domain !== '' || node.outputs.length !== 1 || graph.isOutput(output)) return false;
  const value = node.op === 'Constant' ? constantOf(node) : node.op === 'Shape' ? shapeOf(graph, node) : evaluate(graph, node);
  if (value === null) return false;
  graph.becomeConstant(node, value);
  return true;
}

function constantOf(node: OnnxNode): OnnxTensor | null {
  const [entry] = node.attributes;
  const attribute = entry?.[1];
  if (node.attributes.size !== 1 || attribute === undefined) return null;
  switch (attribute.kind) {
    case 'tensor':
      return attribute.value;
    case 'float':
      return tensorOf('', Float32Array.of(attribute.value), []);
    case 'floats':
      return tensorOf('', Float32Array.from(attribute.value), [attribute.value.length]);
    case 'int':
      return tensorOf('', BigInt64Array.of(attribute.value), []);
    case 'ints':
      return tensorOf('', BigInt64Array.from(attribute.value), [attribute.value.length]);
    default:
      return null;
  }
}

/** Of a tensor whose shape is known to the last number; parts of a shape (operator set 15) are left to the runtime. */
function shapeOf(graph: Graph, node: OnnxNode): OnnxTensor | null {
  const [name = ''] = node.inputs;
  const shape = graph.constant(name)?.dims ?? graph.statedShape(name);
  if (shape === null || node.attributes.size > 0 || !shape.every((dim) => typeof dim === 'number')) return null;
  return tensorOf('', BigInt64Array.from(shape, BigInt), [shape.length]);
}

function evaluate(graph: Graph, node: OnnxNode): OnnxTensor | null {
  const operator = operators[node.op];
  const inputs = node.inputs.map((name) => graph.constant(name));
  if (operator === undefined || inputs.length === 0 || !inputs.every((input) => input !== undefined && !input.external)) return null;
  const known = inputs.filter((input) => input !== undefined);
  const result = operator(known, node);
  if (result === null || result.type === dataType.string) return null;
  const largest = Math.max(limits.foldElementsMax, ...known.map(({ dims }) => count(dims)));
  return count(result.dims) <= largest ? result : null;
}

function count(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
