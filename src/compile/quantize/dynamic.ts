/**
 * Dynamic quantization: matrix products with constant weights as signed bytes, and activations turned into bytes anew in every run.
 *
 * Guarantees: pure and deterministic; needs no calibration, since the range of the activations is that of the run; the inputs and outputs of
 * the model stay what they are, and a product it does not know stays float. What is written is standard ONNX (DynamicQuantizeLinear,
 * MatMulInteger, and the scales), which ONNX Runtime fuses to one kernel a product. Deliberately leaves convolutions alone: their dynamic
 * form (ConvInteger) is fused to nothing.
 *
 * Source: the ONNX operators DynamicQuantizeLinear (set 11) and MatMulInteger (set 10).
 */
import { Graph } from '../graph.js';
import { dataType, type OnnxModel, type OnnxNode } from '../onnx/model.js';
import { floatOf, intOf, nodeOf } from '../onnx/values.js';
import { eachNode } from '../passes/pass.js';
import { quantizeWeights } from './weights.js';

export interface DynamicOptions {
  /** 7 never saturates on x86 without VNNI. */
  readonly bits: 7 | 8;
  /** Nodes to leave float, by their first output. */
  readonly floatNodes: ReadonlySet<string>;
}

/** The operator set that brought DynamicQuantizeLinear. */
const opsetMin = 11;

/** Rewrites a simplified model in place; answers how many products work on bytes now. */
export function quantizeDynamically(model: OnnxModel, options: DynamicOptions): number {
  if ((model.opsets.get('') ?? 0) < opsetMin) return 0;
  const graph = new Graph(model);
  const activations = new Map<string, Activation>();
  const count = eachNode(graph, (node) => !options.floatNodes.has(node.outputs[0] ?? '') && rewrite(graph, node, options, activations));
  if (count > 0) graph.prune();
  return count;
}

/** Names of a tensor as bytes, of its scale and of its zero. */
type Activation = readonly [bytes: string, scale: string, zero: string];

interface Product {
  /** Row-major, inputs x outputs. */
  readonly weights: Float32Array;
  readonly dims: readonly [inputs: number, outputs: number];
  /** Name of what is added to the product. */
  readonly bias: string | undefined;
}

function rewrite(graph: Graph, node: OnnxNode, { bits }: DynamicOptions, activations: Map<string, Activation>): boolean {
  const product = productOf(graph, node);
  if (product === null) return false;
  const [input = '', stem = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const { values, scales } = quantizeWeights(product.weights, product.dims, 1, { bits, perChannel: true });
  const [bytes, scale, zero] = activations.get(input) ?? quantizedInput(graph, node, input);
  activations.set(input, [bytes, scale, zero]);
  const weights = graph.addConstant(`${stem}_int8`, values, product.dims);
  const weightScale = graph.addConstant(`${stem}_scale`, scales, [scales.length]);
  const [sums, floats, factor] = ['sums', 'sums_float', 'factor'].map((part) => graph.freshName(`${output}_${part}`)) as [
    string,
    string,
    string,
  ];
  const scaled = product.bias === undefined ? output : graph.freshName(`${output}_scaled`);
  const written = [
    nodeOf('MatMulInteger', [bytes, weights, zero], [sums]),
    nodeOf('Cast', [sums], [floats], { to: dataType.float32 }),
    nodeOf('Mul', [scale, weightScale], [factor]),
    nodeOf('Mul', [floats, factor], [scaled]),
    ...(product.bias === undefined ? [] : [nodeOf('Add', [scaled, product.bias], [output])]),
  ];
  graph.setOutputs(node, []);
  graph.insertBefore(node, ...written);
  graph.remove(node);
  return true;
}

/** Before `place`, which is the first product that reads `input`. */
function quantizedInput(graph: Graph, place: OnnxNode, input: string): Activation {
  const names = ['bytes', 'scale', 'zero'].map((part) => graph.freshName(`${input}_${part}`)) as [string, string, string];
  graph.insertBefore(place, nodeOf('DynamicQuantizeLinear', [input], names));
  return names;
}

/** How many products of a simplified model could be rewritten. */
export function dynamicProducts(model: OnnxModel): number {
  if ((model.opsets.get('') ?? 0) < opsetMin) return 0;
  const graph = new Graph(model);
  return graph.nodes.filter((node) => productOf(graph, node) !== null).length;
}

/** MatMul or Gemm of a changing matrix and a constant one; null for any other node. */
function productOf(graph: Graph, node: OnnxNode): Product | null {
  if (node.domain !== '' || (node.op !== 'MatMul' && node.op !== 'Gemm')) return null;
  const [input = '', weightName, biasName = ''] = node.inputs;
  const values = graph.floats(weightName);
  const [rows = 0, columns = 0, ...more] = graph.constant(weightName)?.dims ?? [];
  const plain = floatOf(node, 'alpha', 1) === 1 && floatOf(node, 'beta', 1) === 1 && intOf(node, 'transA', 0) === 0;
  if (values === null || values.length === 0 || more.length > 0 || columns === 0 || !plain) return null;
  if (graph.constant(input) !== undefined || !values.every(Number.isFinite)) return null;
  const bias = biasName === '' ? undefined : biasName;
  if (intOf(node, 'transB', 0) === 0) return { weights: values, dims: [rows, columns], bias };
  const weights = Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? 0);
  return { weights, dims: [columns, rows], bias };
}
