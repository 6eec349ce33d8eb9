/**
 * Static quantization: activations as unsigned bytes with a range of their own, weights as signed bytes with a scale a channel.
 *
 * Guarantees: pure and deterministic; the inputs and outputs of the model stay what they are; a node it does not know, or whose ranges
 * are missing, stays float. Deliberately does not decide which nodes to leave float, nor how good the result is.
 */
import { Graph } from '../graph.js';
import type { OnnxModel } from '../onnx/model.js';
import { Int8Writer } from './int8-writer.js';
import { writeInt8 } from './operators.js';
import type { QuantizeOptions } from './quantize-options.js';

/** Rewrites a simplified model of operator set 13 or later in place; answers how many nodes work on bytes now. */
export function quantizeModel(model: OnnxModel, options: QuantizeOptions): number {
  const writer = new Int8Writer(new Graph(model), options);
  let count = 0;
  for (const node of model.graph.nodes) {
    if (!options.floatNodes.has(node.outputs[0] ?? '') && writeInt8(writer, node)) count++;
    else writer.keep(node);
  }
  writer.finish();
  new Graph(model).prune();
  return count;
}
