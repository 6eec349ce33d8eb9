/**
 * A model to ONNX bytes.
 *
 * Guarantees: the same model gives the same bytes on every machine; reading them gives the same model; fields that `readModel` did
 * not understand follow those it did. Tensor data is always written as `raw_data`.
 */
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.js';
import { elementBytes } from './tensor-fields.js';
import { bytesField, concat, floatField, textField, varint, varintField } from './wire.js';

export function writeModel(model: OnnxModel): Uint8Array {
  const opsets = [...model.opsets].map(([domain, version]) =>
    bytesField(8, concat([...named(1, domain), varintField(2, BigInt(version))])),
  );
  return concat([varintField(1, BigInt(model.irVersion)), ...opsets, bytesField(7, writeGraph(model.graph)), ...model.rest]);
}

function writeGraph(graph: OnnxGraph): Uint8Array {
  return concat([
    ...graph.nodes.map((node) => bytesField(1, writeNode(node))),
    ...named(2, graph.name),
    ...graph.initializers.map((tensor) => bytesField(5, writeTensor(tensor))),
    ...graph.inputs.map((value) => bytesField(11, writeValue(value))),
    ...graph.outputs.map((value) => bytesField(12, writeValue(value))),
    ...graph.values.map((value) => bytesField(13, writeValue(value))),
    ...graph.rest,
  ]);
}

function writeNode(node: OnnxNode): Uint8Array {
  return concat([
    ...node.inputs.map((name) => textField(1, name)),
    ...node.outputs.map((name) => textField(2, name)),
    ...named(3, node.name),
    textField(4, node.op),
    ...[...node.attributes].map(([name, attribute]) => bytesField(5, writeAttribute(name, attribute))),
    ...named(7, node.domain),
    ...node.rest,
  ]);
}

function writeAttribute(name: string, attribute: OnnxAttribute): Uint8Array {
  const [type, fields] = attributeFields(attribute);
  return concat([textField(1, name), ...fields, varintField(20, BigInt(type)), ...attribute.rest]);
}

/** AttributeProto.AttributeType and the fields that hold the value. */
function attributeFields(attribute: OnnxAttribute): [number, readonly Uint8Array[]] {
  switch (attribute.kind) {
    case 'float':
      return [1, [floatField(2, attribute.value)]];
    case 'int':
      return [2, [varintField(3, attribute.value)]];
    case 'string':
      return [3, [bytesField(4, attribute.value)]];
    case 'tensor':
      return [4, [bytesField(5, writeTensor(attribute.value))]];
    case 'graph':
      return [5, [bytesField(6, writeGraph(attribute.value))]];
    case 'floats':
      return [6, attribute.value.map((value) => floatField(7, value))];
    case 'ints':
      return [7, attribute.value.map((value) => varintField(8, value))];
    case 'strings':
      return [8, attribute.value.map((value) => bytesField(9, value))];
    case 'graphs':
      return [10, attribute.value.map((graph) => bytesField(11, writeGraph(graph)))];
    case 'other':
      return [attribute.type, attribute.fields];
  }
}

function writeTensor(tensor: OnnxTensor): Uint8Array {
  const inline = !tensor.external && elementBytes[tensor.type] !== undefined;
  return concat([
    ...(tensor.dims.length === 0 ? [] : [bytesField(1, concat(tensor.dims.map((dim) => varint(BigInt(dim)))))]),
    varintField(2, BigInt(tensor.type)),
    ...named(8, tensor.name),
    ...(inline ? [bytesField(9, tensor.data)] : []),
    ...tensor.rest,
  ]);
}

function writeValue(value: OnnxValue): Uint8Array {
  return concat([textField(1, value.name), ...writeType(value), ...value.rest]);
}

function writeType({ type, shape, otherType }: OnnxValue): readonly Uint8Array[] {
  if (otherType !== null) return [otherType];
  if (type === 0 && shape === null) return [];
  const dims = (shape ?? []).map((dim) => bytesField(1, typeof dim === 'number' ? varintField(1, BigInt(dim)) : concat(named(2, dim))));
  const tensor = concat([varintField(1, BigInt(type)), ...(shape === null ? [] : [bytesField(2, concat(dims))])]);
  return [bytesField(2, bytesField(1, tensor))];
}

/** Nothing for an empty name, which is what protobuf means by nothing. */
function named(number: number, text: string): readonly Uint8Array[] {
  return text === '' ? [] : [textField(number, text)];
}
