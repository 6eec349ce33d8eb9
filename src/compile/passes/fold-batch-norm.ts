/**
 * Folds a BatchNormalization into the Conv or ConvTranspose before, as it is at inference: a factor and an offset a channel.
 *
 * The runtime does so after a Conv; a quantizer needs it done before, and after a ConvTranspose nobody else does.
 */
import type { Graph } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { floatOf, intOf } from '../onnx/values.js';
import { convolutionOf, putBack, scaleOutputs, takeOver } from './convolution.js';
import { eachNode, type Pass } from './pass.js';

export const foldBatchNorm: Pass = {
  name: 'fold-batch-norm',
  apply: (graph) => eachNode(graph, (node) => fold(graph, node)),
};

function fold(graph: Graph, node: OnnxNode): boolean {
  if (node.op !== 'BatchNormalization' || node.domain !== '') return false;
  const before = graph.producer(node.inputs[0] ?? '');
  if (before === undefined || graph.onlyUser(before.outputs[0]) !== node) return false;
  const training =
    intOf(node, 'training_mode', 0) !== 0 || intOf(node, 'spatial', 1) !== 1 || node.outputs.slice(1).some((name) => name !== '');
  const convolution = training ? null : convolutionOf(graph, before);
  if (convolution === null) return false;
  const [scale, shift, mean, variance] = [1, 2, 3, 4].map((i) => graph.floats(node.inputs[i]));
  const channels = convolution.bias.length;
  if (scale?.length !== channels || shift?.length !== channels || mean?.length !== channels || variance?.length !== channels) return false;
  const epsilon = floatOf(node, 'epsilon', 1e-5);
  const factors = Float64Array.from(scale, (value, c) => value / Math.sqrt((variance[c] ?? 0) + epsilon));
  const offsets = Float64Array.from(shift, (value, c) => value - (mean[c] ?? 0) * (factors[c] ?? 0));
  scaleOutputs(convolution, factors, offsets);
  if (!putBack(graph, convolution)) return false;
  takeOver(graph, convolution, node);
  return true;
}
