/**
 * What changed in each operator between operator sets 7 and 13.
 *
 * Answers an edit, null where the node may stay as it is, or a reason why it cannot be carried over. An operator that is in neither list is
 * refused rather than hoped for.
 */
import type { Graph } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { attributeOf, floatOf, intOf, intsOf, nodeOf, stringOf } from '../onnx/values.js';
import { rankOf } from './rank.js';

export type Edit = () => void;
type Change = (graph: Graph, node: OnnxNode, from: number) => Edit | string | null;

/** Same meaning in all of them, for what is valid in the older one. */
const unchanged = new Set(
  `Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BitShift Cast Ceil Concat ConcatFromSequence Constant ConstantOfShape Conv
  ConvInteger ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Det Div DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten
  Floor GRU Gather GatherElements GatherND Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual HardSigmoid Identity
  InstanceNormalization IsInf IsNaN LRN LSTM LeakyRelu Less LessOrEqual Log LpNormalization LpPool MatMul MatMulInteger Max MaxPool MaxRoiPool
  MaxUnpool Mean Min Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or PRelu Pow QLinearConv QLinearMatMul QuantizeLinear RNN RandomNormal
  RandomUniform Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare Relu
  Reshape ReverseSequence RoiAlign Round ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Softplus Softsign SpaceToDepth
  Sqrt Sub Sum Tan Tanh ThresholdedRelu Tile Transpose Unique Where Xor`.split(/\s+/),
);

const changes: Readonly<Record<string, Change>> = {
  Clip: (graph, node, from) =>
    from >= 11 ? null : () => toInputs(graph, node, [floatInput(graph, node, 'min'), floatInput(graph, node, 'max')]),
  Pad: (graph, node, from) =>
    from >= 11 ? null : () => toInputs(graph, node, [listInput(graph, node, 'pads'), floatInput(graph, node, 'value')]),
  Slice: (graph, node, from) =>
    from >= 10
      ? null
      : () =>
          toInputs(
            graph,
            node,
            ['starts', 'ends', 'axes'].map((name) => listInput(graph, node, name)),
          ),
  TopK: (graph, node, from) => (from >= 10 ? null : () => toInputs(graph, node, [topInput(graph, node)])),
  Squeeze: listToInput('axes'),
  Unsqueeze: listToInput('axes'),
  ReduceSum: listToInput('axes'),
  Split: listToInput('split'),
  Softmax: lastAxis,
  LogSoftmax: lastAxis,
  Dropout: dropout,
  BatchNormalization: batchNormalization,
  Upsample: resize,
  Resize: (graph, node, from) => (from >= 11 ? null : resize(graph, node, from)),
  Scatter: (_, node) => () => {
    node.op = 'ScatterElements';
  },
};

export function upgradeOf(graph: Graph, node: OnnxNode, from: number): Edit | string | null {
  if (unchanged.has(node.op)) return null;
  return changes[node.op]?.(graph, node, from) ?? (node.op in changes ? null : 'the compiler does not know what changed in this operator');
}

/** The first input, then these, without the names that are missing at the end. */
function toInputs(graph: Graph, node: OnnxNode, inputs: readonly string[]): void {
  const all = [node.inputs[0] ?? '', ...inputs];
  while (all.at(-1) === '') all.pop();
  graph.setInputs(node, all);
}

function listInput(graph: Graph, node: OnnxNode, name: string): string {
  const attribute = node.attributes.get(name);
  node.attributes.delete(name);
  if (attribute?.kind !== 'ints') return '';
  // As they are: the end of a slice is often 2^63 - 1, which no double holds.
  return graph.addConstant(`${node.outputs[0]}_${name}`, BigInt64Array.from(attribute.value), [attribute.value.length]);
}

function floatInput(graph: Graph, node: OnnxNode, name: string): string {
  const value = node.attributes.has(name) ? floatOf(node, name, 0) : null;
  node.attributes.delete(name);
  return value === null ? '' : graph.addConstant(`${node.outputs[0]}_${name}`, Float32Array.of(value), []);
}

function topInput(graph: Graph, node: OnnxNode): string {
  const k = intOf(node, 'k', 1);
  node.attributes.delete('k');
  return graph.addConstant(`${node.outputs[0]}_k`, BigInt64Array.of(BigInt(k)), [1]);
}

function listToInput(name: string): Change {
  return (graph, node) => (intsOf(node, name) === null ? null : () => toInputs(graph, node, [listInput(graph, node, name)]));
}

/**
 * Before 13 all axes from the stated one on were taken together. That is the same where it is the last; elsewhere the tensor is made
 * flat before, and given its shape again after.
 */
function lastAxis(graph: Graph, node: OnnxNode): Edit | null {
  const axis = intOf(node, 'axis', 1);
  const [x = ''] = node.inputs;
  const [output = ''] = node.outputs;
  if (axis === -1 || rankOf(graph, x) === axis + 1) return () => void node.attributes.set('axis', attributeOf(-1));
  return () => {
    const [flat, shape, flatOutput] = [graph.freshName(`${x}_flat`), graph.freshName(`${x}_shape`), graph.freshName(`${output}_flat`)];
    graph.insertBefore(node, nodeOf('Flatten', [x], [flat], { axis }), nodeOf('Shape', [x], [shape]));
    graph.setInputs(node, [flat]);
    graph.setOutputs(node, [flatOutput]);
    node.attributes.set('axis', attributeOf(-1));
    graph.insertAfter(node, { ...nodeOf('Reshape', [flatOutput, shape], [output]), name: graph.freshName(output) });
  };
}

/** At inference it does nothing, and its ratio with it. */
function dropout(_: Graph, node: OnnxNode, from: number): Edit | string | null {
  if (from < 10 && (node.outputs[1] ?? '') !== '') return 'its mask is used, and was of another type';
  return from >= 12 ? null : () => void node.attributes.delete('ratio');
}

function batchNormalization(_: Graph, node: OnnxNode): Edit | string | null {
  if (node.outputs.slice(1).some((name) => name !== '')) return 'it has outputs of training';
  if (intOf(node, 'spatial', 1) !== 1) return 'it normalises each place by itself (spatial 0)';
  return node.attributes.has('spatial') ? () => void node.attributes.delete('spatial') : null;
}

/** Older resizing took the pixel below and left, which is "asymmetric" and "floor" now; when shrinking it was less clear. */
function resize(graph: Graph, node: OnnxNode, from: number): Edit | string {
  const mode = stringOf(node, 'mode', 'nearest');
  const attribute = node.attributes.get('scales');
  const scales = attribute?.kind === 'floats' ? Float32Array.from(attribute.value) : graph.floats(node.inputs[1]);
  if (mode !== 'nearest' && mode !== 'linear') return `mode ${mode}`;
  if (scales === null) return `its scales are computed, and operator set ${from} left open how to shrink`;
  if (scales.some((scale) => !(scale >= 1))) return `it shrinks, and operator set ${from} left open how`;
  return () => {
    node.op = 'Resize';
    node.attributes.delete('scales');
    node.attributes.set('coordinate_transformation_mode', attributeOf('asymmetric'));
    if (mode === 'nearest') node.attributes.set('nearest_mode', attributeOf('floor'));
    toInputs(graph, node, ['', graph.addConstant(`${node.outputs[0]}_scales`, scales, [scales.length])]);
  };
}
