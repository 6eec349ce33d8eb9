/**
 * A tensor that a graph makes from bytes already: its bytes are there, and need no range.
 */
import { dataType, type OnnxNode } from '../onnx/model.js';
import type { Int8Writer } from './int8-writer.js';

/** DequantizeLinear of changing bytes under one scale and one zero. */
export function givenBytes(writer: Int8Writer, node: OnnxNode): boolean {
  const [tensor = '', scaleName, zeroName] = node.inputs;
  const [output = ''] = node.outputs;
  const scale = writer.graph.scalar(scaleName);
  const zero = writer.graph.constant(zeroName);
  const byte = zero?.type === dataType.uint8 && zero.data.length === 1 ? zero.data[0] : undefined;
  if (scale === undefined || !(scale > 0) || byte === undefined || writer.graph.constant(tensor) !== undefined) return false;
  writer.setView(output, { tensor, scale, zero: byte, offset: 0 });
  return true;
}
