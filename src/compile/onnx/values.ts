/** Typed views of tensors and attributes, and new ones. */
import { type AttributeValue, dataType, type OnnxAttribute, type OnnxNode, type OnnxTensor } from './model.js';

/** Aligned copy, so that typed arrays can be laid over it. */
function copy(data: Uint8Array): ArrayBuffer {
  const buffer = new ArrayBuffer(data.length);
  new Uint8Array(buffer).set(data);
  return buffer;
}

/** The elements of a float32 tensor, a copy that the caller owns; null for any other. */
export function floatsOf(tensor: OnnxTensor | undefined): Float32Array | null {
  if (tensor?.type !== dataType.float32 || tensor.external) return null;
  return new Float32Array(copy(tensor.data));
}

/** The elements of an int64 or int32 tensor as numbers, a copy; null for any other. */
export function integersOf(tensor: OnnxTensor | undefined): number[] | null {
  if (tensor === undefined || tensor.external) return null;
  if (tensor.type === dataType.int64) return Array.from(new BigInt64Array(copy(tensor.data)), Number);
  if (tensor.type === dataType.int32) return Array.from(new Int32Array(copy(tensor.data)));
  return null;
}

type Elements = Float32Array | Int8Array | Uint8Array | Int32Array | BigInt64Array;

/** Takes the bytes over: do not write into `elements` afterwards. Row-major; no dims for a scalar. */
export function tensorOf(name: string, elements: Elements, dims: readonly number[]): OnnxTensor {
  const type =
    elements instanceof Float32Array
      ? dataType.float32
      : elements instanceof Int8Array
        ? dataType.int8
        : elements instanceof Uint8Array
          ? dataType.uint8
          : elements instanceof Int32Array
            ? dataType.int32
            : dataType.int64;
  const data = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  return { name, type, dims: [...dims], data, external: false, rest: [] };
}

/** A whole number becomes an int, a list of whole numbers ints; a float has to be said. */
export type PlainValue = number | readonly number[] | string | { readonly float: number } | OnnxTensor;

export function attributeOf(value: PlainValue): OnnxAttribute {
  return { ...plain(value), rest: [] };
}

function plain(value: PlainValue): AttributeValue {
  if (typeof value === 'number') return { kind: 'int', value: BigInt(value) };
  if (typeof value === 'string') return { kind: 'string', value: new TextEncoder().encode(value) };
  if (isList(value)) return { kind: 'ints', value: value.map(BigInt) };
  if ('float' in value) return { kind: 'float', value: value.float };
  return { kind: 'tensor', value };
}

function isList(value: PlainValue): value is readonly number[] {
  return Array.isArray(value);
}

export function nodeOf(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, PlainValue>> = {},
  domain = '',
): OnnxNode {
  const all = Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)] as const);
  return { name: outputs[0] ?? '', op, domain, inputs: [...inputs], outputs: [...outputs], attributes: new Map(all), rest: [] };
}

export function intOf(node: OnnxNode, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' ? Number(attribute.value) : otherwise;
}

export function floatOf(node: OnnxNode, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'float' ? attribute.value : otherwise;
}

/** Null when the node does not state it. */
export function intsOf(node: OnnxNode, name: string): number[] | null {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'ints' ? attribute.value.map(Number) : null;
}

export function stringOf(node: OnnxNode, name: string, otherwise: string): string {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'string' ? new TextDecoder().decode(attribute.value) : otherwise;
}
