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

/**
 * What reading a message costs besides its fields, in fields: the objects it becomes are larger. An empty node of two bytes in the file
 * is some 500 bytes here, a field 80.
 */
const cost = { graph: 10, node: 6, attribute: 3, tensor: 4, value: 3 };

/** The model's views point into `bytes`, which must not change afterwards. Throws MODEL_INVALID. */
export function readModel(bytes: Uint8Array): OnnxModel {
  if (bytes.length > limits.onnxBytesMax) throw invalid(`${bytes.length} bytes, the limit is ${limits.onnxBytesMax}`);
  const budget = new Budget();
  const fields = readFields(bytes, budget);
  const graphs = messages(fields, 7);
  const [graph] = graphs;
  if (graph === undefined) throw invalid('it has no graph');
  if (graphs.length > 1) throw invalid(`it has ${graphs.length} graphs`);
  const opsets = new Map<string, number>();
  for (const opset of messages(fields, 8)) {
    const parts = readFields(opset, budget);
    opsets.set(normalDomain(text(parts, 1)), integer(parts, 2));
  }
  return {
    irVersion: integer(fields, 1),
    opsets,
    graph: readGraph(graph, budget, 0),
    functions: messages(fields, 25).length,
    rest: rest(fields, [1, 7, 8]),
  };
}

function readGraph(bytes: Uint8Array, budget: Budget, depth: number): OnnxGraph {
  if (depth > limits.onnxDepthMax) throw invalid(`graphs within graphs more than ${limits.onnxDepthMax} deep`);
  budget.spend(cost.graph);
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
  budget.spend(cost.node);
  const fields = readFields(bytes, budget);
  const attributes = new Map<string, OnnxAttribute>();
  for (const attribute of messages(fields, 5)) {
    budget.spend(cost.attribute);
    const parts = readFields(attribute, budget);
    const name = text(parts, 1);
    if (attributes.has(name)) throw invalid('a node with two attributes of one name');
    attributes.set(name, readAttribute(parts, budget, depth));
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

/** Fields that hold the values of attributes. */
const valueFields = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 21, 22, 23];

/** The field of an AttributeType's value, for those that are understood. */
const fieldOfType: Readonly<Record<number, number>> = { 1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8, 8: 9, 10: 11 };

function readAttribute(fields: readonly Field[], budget: Budget, depth: number): OnnxAttribute {
  const type = integer(fields, 20) || guessType(fields);
  const field = fieldOfType[type];
  return { ...readValueOf(fields, type, budget, depth), rest: rest(fields, [1, 20, ...(field === undefined ? valueFields : [field])]) };
}

function readValueOf(fields: readonly Field[], type: number, budget: Budget, depth: number): AttributeValue {
  const bytes = (number: number): Uint8Array => last(fields, number)?.bytes ?? new Uint8Array(0);
  switch (type) {
    case 1:
      return { kind: 'float', value: readFloats(fields, 2, budget).at(-1) ?? 0 };
    case 2:
      return { kind: 'int', value: BigInt.asIntN(64, last(fields, 3)?.value ?? 0n) };
    case 3:
      return { kind: 'string', value: bytes(4) };
    case 4:
      return { kind: 'tensor', value: readTensor(bytes(5), budget) };
    case 5:
      return { kind: 'graph', value: readGraph(bytes(6), budget, depth + 1) };
    case 6:
      return { kind: 'floats', value: readFloats(fields, 7, budget) };
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
  const [type] = Object.entries(fieldOfType).find(([, field]) => fields.some(({ number }) => number === field)) ?? ['0'];
  return Number(type);
}

function readFloats(fields: readonly Field[], number: number, budget: Budget): number[] {
  const bytes = readFixed(fields, number);
  // Packed as numbers, without an object each.
  budget.spend(Math.ceil(bytes.length / 16));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getFloat32(i * 4, true));
}

function readTensor(bytes: Uint8Array, budget: Budget): OnnxTensor {
  budget.spend(cost.tensor);
  const fields = readFields(bytes, budget);
  const dims = readVarints(fields, 1, budget).map(Number);
  if (dims.length > limits.onnxRankMax || dims.some((dim) => !Number.isSafeInteger(dim) || dim < 0)) {
    throw invalid(`a tensor of shape [${dims.slice(0, 20).join(', ')}]`);
  }
  return { name: text(fields, 8), dims, ...readTensorData(fields, integer(fields, 2), dims) };
}

function readValue(bytes: Uint8Array, budget: Budget): OnnxValue {
  budget.spend(cost.value);
  const fields = readFields(bytes, budget);
  const [stated] = messages(fields, 2).slice(-1);
  const value = { name: text(fields, 1), type: 0, shape: null, otherType: null, rest: rest(fields, [1, 2]) };
  if (stated === undefined) return value;
  const found = readTensorType(stated, budget);
  const otherType = bytesField(2, stated);
  if (found === null) return { ...value, otherType };
  return { ...value, type: found.type, shape: found.shape, otherType: found.more ? otherType : null };
}

/** Null for the type of something else; `more` when it holds what a `type` and a `shape` cannot say. */
function readTensorType(bytes: Uint8Array, budget: Budget): (Pick<OnnxValue, 'type' | 'shape'> & { more: boolean }) | null {
  const kinds = readFields(bytes, budget);
  const [tensor] = messages(kinds, 1).slice(-1);
  if (tensor === undefined) return null;
  const parts = readFields(tensor, budget);
  const [shape] = messages(parts, 2).slice(-1);
  const sizes = shape === undefined ? null : readFields(shape, budget);
  const dims = sizes === null ? null : messages(sizes, 1).map((dim) => readFields(dim, budget));
  const strangers = [rest(kinds, [1]), rest(parts, [1, 2]), rest(sizes ?? [], [1]), ...(dims ?? []).map((dim) => rest(dim, [1, 2]))];
  return {
    type: integer(parts, 1),
    shape: dims?.map((dim) => (last(dim, 1) === undefined ? text(dim, 2) : integer(dim, 1))) ?? null,
    more: strangers.some(({ length }) => length > 0),
  };
}

/** The payloads of a repeated message, or of text. */
function messages(fields: readonly Field[], number: number): Uint8Array[] {
  const own = fields.filter((field) => field.number === number);
  if (own.some(({ wire }) => wire !== 2)) throw invalid(`field ${number} of a message is a number where it has text or a message`);
  return own.map(({ bytes }) => bytes);
}

function text(fields: readonly Field[], number: number): string {
  return textOf(messages(fields, number).at(-1) ?? new Uint8Array(0));
}

/** A signed number that a double holds; 0 when absent. */
function integer(fields: readonly Field[], number: number): number {
  const value = Number(BigInt.asIntN(64, last(fields, number)?.value ?? 0n));
  if (!Number.isSafeInteger(value)) throw invalid(`the number ${value}`);
  return value;
}

function rest(fields: readonly Field[], known: readonly number[]): Uint8Array[] {
  return fields.filter(({ number }) => !known.includes(number)).map(({ raw }) => raw);
}
