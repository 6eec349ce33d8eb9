/**
 * A linear model of classes as ONNX: appended to the graph of an embedding, by itself on features, or on the buckets of a text.
 *
 * Guarantees: the output `scores` float32[1, classes] are the softmax of the linear scores. Behind an embedding its numbers are first divided
 * by their length, as embed-audio and embed-image do; then what was learned from their answers holds for the graph.
 */
import { Graph } from '../../compile/graph.js';
import { dataType, type OnnxModel, type OnnxTensor, type OnnxValue } from '../../compile/onnx/model.js';
import { readModel } from '../../compile/onnx/read.js';
import { nodeOf, tensorOf } from '../../compile/onnx/values.js';
import { writeModel } from '../../compile/onnx/write.js';
import type { TensorSpec } from '../../core/tensor.js';
import type { Linear } from './logistic.js';

export interface ClassModel {
  readonly onnx: Uint8Array;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** Softmax with its axis is as now since 13; every runtime Shoal uses knows it. */
const opset = 13;
const output = 'scores';

/** `embedding`: bytes of a model whose output `from` is float32[1, n]; `inputs` as its card has them. Throws what reading a model throws. */
export function classesOnEmbedding(embedding: Uint8Array, from: string, inputs: readonly TensorSpec[], linear: Linear): ClassModel {
  const model = readModel(embedding);
  const columns = linear.weights.length / linear.classes;
  const graph = new Graph(model);
  const name = (stem: string) => graph.freshName(stem);
  const [squares, sum, length, unit] = [name('class_squares'), name('class_sum'), name('class_length'), name('class_unit')];
  const ones = graph.addConstant('class_ones', new Float32Array(columns).fill(1), [columns, 1]);
  const weights = graph.addConstant('class_weights', Float32Array.from(linear.weights), [columns, linear.classes]);
  const biases = graph.addConstant('class_biases', Float32Array.from(linear.biases), [linear.classes]);
  const [product, scores] = [name('class_product'), name('class_scores')];
  // The operators are those whose form no opset changed: a sum of squares as a product with ones, Softmax over the last of two axes.
  model.graph.nodes.push(
    nodeOf('Mul', [from, from], [squares]),
    nodeOf('MatMul', [squares, ones], [sum]),
    nodeOf('Sqrt', [sum], [length]),
    nodeOf('Div', [from, length], [unit]),
    nodeOf('MatMul', [unit, weights], [product]),
    nodeOf('Add', [product, biases], [scores]),
    nodeOf('Softmax', [scores], [output], { axis: 1 }),
  );
  model.graph.outputs = [floats(output, [1, linear.classes])];
  return { onnx: writeModel(model), inputs, outputs: outputs(linear) };
}

/** Input `features` float32[1, columns]. */
export function classesOnFeatures(linear: Linear): ClassModel {
  const columns = linear.weights.length / linear.classes;
  const model = newModel(
    [floats('features', [1, columns])],
    [weightsOf(linear, columns), biasesOf(linear)],
    [nodeOf('MatMul', ['features', 'weights'], ['product']), nodeOf('Add', ['product', 'biases'], ['sums'])],
    linear,
  );
  return { onnx: writeModel(model), inputs: [{ name: 'features', dtype: 'float32', shape: [1, columns] }], outputs: outputs(linear) };
}

/** Inputs `buckets` int32[n] and `weights` float32[1, n]: the rows of the table that are met, each times its weight. */
export function classesOnBuckets(linear: Linear): ClassModel {
  const columns = linear.weights.length / linear.classes;
  const buckets: OnnxValue = { name: 'buckets', type: dataType.int32, shape: ['n'], otherType: null, rest: [] };
  const model = newModel(
    [buckets, floats('weights', [1, 'n'])],
    [{ ...weightsOf(linear, columns), name: 'table' }, biasesOf(linear)],
    [
      nodeOf('Gather', ['table', 'buckets'], ['rows'], { axis: 0 }),
      nodeOf('MatMul', ['weights', 'rows'], ['product']),
      nodeOf('Add', ['product', 'biases'], ['sums']),
    ],
    linear,
  );
  const inputs: TensorSpec[] = [
    { name: 'buckets', dtype: 'int32', shape: ['n'] },
    { name: 'weights', dtype: 'float32', shape: [1, 'n'] },
  ];
  return { onnx: writeModel(model), inputs, outputs: outputs(linear) };
}

function newModel(inputs: OnnxValue[], initializers: OnnxTensor[], nodes: OnnxModel['graph']['nodes'], { classes }: Linear): OnnxModel {
  const ends = [...nodes, nodeOf('Softmax', ['sums'], [output], { axis: 1 })];
  const graph = { name: 'classes', nodes: ends, initializers, inputs, outputs: [floats(output, [1, classes])], values: [], rest: [] };
  return { irVersion: 8, opsets: new Map([['', opset]]), graph, functions: 0, rest: [] };
}

function weightsOf({ weights, classes }: Linear, columns: number): OnnxTensor {
  return tensorOf('weights', Float32Array.from(weights), [columns, classes]);
}

function biasesOf({ biases, classes }: Linear): OnnxTensor {
  return tensorOf('biases', Float32Array.from(biases), [classes]);
}

function floats(name: string, shape: (number | string)[]): OnnxValue {
  return { name, type: dataType.float32, shape, otherType: null, rest: [] };
}

function outputs({ classes }: Linear): TensorSpec[] {
  return [{ name: output, dtype: 'float32', shape: [1, classes] }];
}
