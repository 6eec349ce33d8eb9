/**
 * ONNX bytes to a model.
 *
 * Guarantees: whatever the bytes are, an answer or MODEL_INVALID in time proportional to their number; no file but the one handed
 * over is ever read, so external data stays where it is. Deliberately does not judge the graph: operators may be unknown, names
 * may dangle; that is inspect's to say and the runtime's to refuse.
 */
import { limits } from '../../core/limits.js';
import type { AttributeValue, OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.js';
import { readTensorData } from './tensor-fields.js';
import { Budget, bytesField, type Field, invalid, last, readFields, readFixed, readVarints, textOf } from './wire.js';

/** The model's views point into `bytes`, which must not change afterwards. Throws MODEL_INVALID. */
export function readModel(bytes: Uint8Array): OnnxModel {
  if (bytes.length > limits.onnxBytesMax) throw invalid(`${bytes.length} bytes, the limit is ${limits.onnxBytesMax}`);
  const budget = new Budget();
  const fields = readFields(bytes, budget);
  const graph = last(fields, 7);
  if (graph?.wire !== 2) throw invalid('it has no graph');
  const opsets = new Map<string, number>();
  for (const opset of messages(fields, 8)) {
    const parts = readFields(opset, budget);
    opsets.set(text(parts, 1), Number(last(parts, 2)?.value ?? 0n));
  }
  return {
    irVersion: Number(last(fields, 1)?.value ?? 0n),
    opsets,
    graph: readGraph(graph.bytes, budget, 0),
    functions: messages(fields, 25).length,
    rest: rest(fields, [1, 7, 8]),
  };
}

function readGraph(bytes: Uint8Array, budget: Budget, depth: number): OnnxGraph {
  if (depth > limits.onnxDepthMax) throw invalid(`graphs within graphs more than ${limits.onnxDepthMax} deep`);
  const fields = readFields(bytes, budget);
  return {
    name: text(fields, 2),
    nodes: messages(fields, 1).map((node) => readNode(node, budget, depth)),
    initializers: messages(fields, 5).map((tensor) => readTensor(tensor, budget)),
    inputs: messages(fields, 11).map((value) => readValue(value, budget)),
    outputs: messages(fields, 12).map((value) => readValue(value, budget)),
    values: messages(fields, 13).map((value) => readValue(value, budget)),
    rest: rest(fields, [1, 2, 5, 11, 12, 13]),
  };
}

function readNode(bytes: Uint8Array, budget: Budget, depth: number): OnnxNode {
  const fields = readFields(bytes, budget);
  const attributes = new Map<string, OnnxAttribute>();
  for (const attribute of messages(fields, 5)) {
    const parts = readFields(attribute, budget);
    attributes.set(text(parts, 1), readAttribute(parts, budget, depth));
  }
  return {
    inputs: messages(fields, 1).map(textOf),
    outputs: messages(fields, 2).map(textOf),
    name: text(fields, 3),
    op: text(fields, 4),
    domain: normalDomain(text(fields, 7)),
    attributes,
    rest: rest(fields, [1, 2, 3, 4, 5, 7]),
  };
}

function normalDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/** Fields that hold an attribute's value, by its kind. */
const valueFields = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 21, 22, 23];

function readAttribute(fields: readonly Field[], budget: Budget, depth: number): OnnxAttribute {
  return { ...readValueOf(fields, budget, depth), rest: rest(fields, [1, 20, ...valueFields]) };
}

function readValueOf(fields: readonly Field[], budget: Budget, depth: number): AttributeValue {
  const type = Number(last(fields, 20)?.value ?? 0n) || guessType(fields);
  const bytes = (number: number): Uint8Array => last(fields, number)?.bytes ?? new Uint8Array(0);
  switch (type) {
    case 1:
      return { kind: 'float', value: readFloats(fields, 2)[0] ?? 0 };
    case 2:
      return { kind: 'int', value: BigInt.asIntN(64, last(fields, 3)?.value ?? 0n) };
    case 3:
      return { kind: 'string', value: bytes(4) };
    case 4:
      return { kind: 'tensor', value: readTensor(bytes(5), budget) };
    case 5:
      return { kind: 'graph', value: readGraph(bytes(6), budget, depth + 1) };
    case 6:
      return { kind: 'floats', value: readFloats(fields, 7) };
    case 7:
      return { kind: 'ints', value: readVarints(fields, 8, budget) };
    case 8:
      return { kind: 'strings', value: messages(fields, 9) };
    case 10:
      return { kind: 'graphs', value: messages(fields, 11).map((graph) => readGraph(graph, budget, depth + 1)) };
    default:
      return { kind: 'other', type, fields: fields.filter(({ number }) => valueFields.includes(number)).map(({ raw }) => raw) };
  }
}

/** Models of IR version 1 and 2 do not state the type. */
function guessType(fields: readonly Field[]): number {
  const types: Readonly<Record<number, number>> = { 2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6, 8: 7, 9: 8, 11: 10 };
  return types[fields.find(({ number }) => types[number] !== undefined)?.number ?? 0] ?? 0;
}

function readFloats(fields: readonly Field[], number: number): number[] {
  const bytes = readFixed(fields, number);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getFloat32(i * 4, true));
}

function readTensor(bytes: Uint8Array, budget: Budget): OnnxTensor {
  const fields = readFields(bytes, budget);
  const type = Number(last(fields, 2)?.value ?? 0n);
  const dims = readVarints(fields, 1, budget).map(Number);
  if (dims.length > limits.onnxRankMax || dims.some((dim) => !Number.isSafeInteger(dim) || dim < 0)) {
    throw invalid(`a tensor of shape [${dims.slice(0, 20).join(', ')}]`);
  }
  return { name: text(fields, 8), dims, ...readTensorData(fields, type, dims, budget) };
}

function readValue(bytes: Uint8Array, budget: Budget): OnnxValue {
  const fields = readFields(bytes, budget);
  const type = last(fields, 2);
  const value = { name: text(fields, 1), type: 0, shape: null, otherType: null, rest: rest(fields, [1, 2]) };
  if (type === undefined) return value;
  const kinds = readFields(type.bytes, budget);
  const tensor = last(kinds, 1);
  if (tensor === undefined || kinds.length > 1) return { ...value, otherType: bytesField(2, type.bytes) };
  const parts = readFields(tensor.bytes, budget);
  const shape = last(parts, 2);
  return {
    ...value,
    type: Number(last(parts, 1)?.value ?? 0n),
    shape: shape === undefined ? null : messages(readFields(shape.bytes, budget), 1).map((dim) => readDimension(dim, budget)),
  };
}

function readDimension(bytes: Uint8Array, budget: Budget): number | string {
  const fields = readFields(bytes, budget);
  const size = last(fields, 1);
  return size === undefined ? text(fields, 2) : Number(size.value);
}

function messages(fields: readonly Field[], number: number): Uint8Array[] {
  return fields.filter((field) => field.number === number).map(({ bytes }) => bytes);
}

function text(fields: readonly Field[], number: number): string {
  const field = last(fields, number);
  return field === undefined ? '' : textOf(field.bytes);
}

function rest(fields: readonly Field[], known: readonly number[]): Uint8Array[] {
  return fields.filter(({ number }) => !known.includes(number)).map(({ raw }) => raw);
}
