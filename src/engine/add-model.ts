/**
 * A one-operation ONNX model, `c = a + b` over float32[2], written byte by byte: proof that the runtime loads and
 * computes on this processor, before any real model or capture is at stake.
 *
 * Source: field numbers of ModelProto, GraphProto, NodeProto and ValueInfoProto in the ONNX specification (onnx.proto).
 */

/** A protobuf field of wire type 2 (bytes); everything here is shorter than 128 bytes, so a length is one byte. */
function field(number: number, payload: readonly number[]): number[] {
  return [(number << 3) | 2, payload.length, ...payload];
}

/** A protobuf field of wire type 0 with a value below 128. */
function small(number: number, value: number): number[] {
  return [number << 3, value];
}

const text = (value: string): number[] => [...Buffer.from(value)];

/** ValueInfoProto: name, and a tensor of float32 (element type 1) with one dimension of 2. */
function value(name: string): number[] {
  const shape = field(1, small(1, 2));
  const tensor = [...small(1, 1), ...field(2, shape)];
  return [...field(1, text(name)), ...field(2, field(1, tensor))];
}

const node = [...field(1, text('a')), ...field(1, text('b')), ...field(2, text('c')), ...field(4, text('Add'))];
const graph = [...field(1, node), ...field(2, text('add')), ...field(11, value('a')), ...field(11, value('b')), ...field(12, value('c'))];

/** IR version 8, operator set 13. */
export const addModel: Uint8Array = Uint8Array.from([...small(1, 8), ...field(8, small(2, 13)), ...field(7, graph)]);
