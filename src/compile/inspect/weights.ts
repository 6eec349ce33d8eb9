/** What a model carries: its constant tensors by type, the quantized share, and the numbers in them that are none. */
import { subgraphsOf } from '../graph.js';
import { dataType, type OnnxGraph, type OnnxTensor } from '../onnx/model.js';
import { elementType } from './element-type.js';
import { elements } from './facts.js';

/** A constant tensor: an initializer, or what a Constant node holds. */
export interface Constant {
  readonly tensor: OnnxTensor;
  /** Held by a node rather than listed as an initializer. */
  readonly inNode: boolean;
}

/** Of a graph and the graphs within it, in the order of the file. */
export function constantsOf(graph: OnnxGraph): readonly Constant[] {
  const found: Constant[] = [];
  collect(graph, found);
  return found;
}

function collect(graph: OnnxGraph, found: Constant[]): void {
  for (const tensor of graph.initializers) found.push({ tensor, inNode: false });
  for (const node of graph.nodes) {
    for (const attribute of node.attributes.values())
      if (attribute.kind === 'tensor') found.push({ tensor: attribute.value, inNode: true });
    for (const inner of subgraphsOf(node)) collect(inner, found);
  }
}

export interface TypeShare {
  readonly type: string;
  readonly tensors: number;
  readonly elements: number;
  readonly bytes: number;
}

export interface Weights {
  /** Elements of all constant tensors. */
  readonly parameters: number;
  readonly bytes: number;
  /** Largest first. */
  readonly byType: readonly TypeShare[];
  /** Of the elements that are weights (floats and what floats are quantized to), how many are quantized; 0..1. */
  readonly quantizedShare: number;
}

export function weigh(constants: readonly Constant[]): Weights {
  const byType = new Map<number, { tensors: number; elements: number; bytes: number }>();
  for (const { tensor } of constants) {
    const sum = byType.get(tensor.type) ?? { tensors: 0, elements: 0, bytes: 0 };
    const count = elements(tensor.dims) ?? 0;
    sum.tensors++;
    sum.elements += count;
    sum.bytes += Math.ceil((count * elementType(tensor.type).bits) / 8);
    byType.set(tensor.type, sum);
  }
  const rows = [...byType].map(([type, sum]) => ({ ...elementType(type), ...sum }));
  const total = (role: string): number => rows.filter(({ weight }) => weight === role).reduce((sum, { elements: count }) => sum + count, 0);
  const [small, float] = [total('small'), total('float')];
  return {
    parameters: rows.reduce((sum, { elements: count }) => sum + count, 0),
    bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
    byType: rows
      .map(({ name, tensors, elements: count, bytes }) => ({ type: name, tensors, elements: count, bytes }))
      .sort((a, b) => b.bytes - a.bytes || (a.type < b.type ? -1 : 1)),
    quantizedShare: small + float === 0 ? 0 : small / (small + float),
  };
}

export interface NotNumbers {
  readonly nan: number;
  readonly infinite: number;
}

interface FloatLayout {
  readonly words: (bytes: Uint8Array) => Uint32Array | Uint16Array;
  readonly exponent: number;
  readonly fraction: number;
}

const word32 = (bytes: Uint8Array): Uint32Array => new Uint32Array(aligned(bytes, 4));
const word16 = (bytes: Uint8Array): Uint16Array => new Uint16Array(aligned(bytes, 2));

const layouts: Readonly<Record<number, FloatLayout>> = {
  [dataType.float32]: { words: word32, exponent: 0x7f800000, fraction: 0x007fffff },
  [dataType.float16]: { words: word16, exponent: 0x7c00, fraction: 0x03ff },
  [dataType.bfloat16]: { words: word16, exponent: 0x7f80, fraction: 0x007f },
};

/** How many elements of a float tensor are NaN or infinite; bits are looked at, since reading a NaN as a number is slow. */
export function notNumbers({ type, data }: OnnxTensor): NotNumbers {
  if (type === dataType.float64) return notNumbers64(data);
  const layout = layouts[type];
  let [nan, infinite] = [0, 0];
  if (layout === undefined) return { nan, infinite };
  const { exponent, fraction } = layout;
  const words = layout.words(data);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? 0;
    if ((word & exponent) !== exponent) continue;
    if ((word & fraction) === 0) infinite++;
    else nan++;
  }
  return { nan, infinite };
}

function notNumbers64(data: Uint8Array): NotNumbers {
  let [nan, infinite] = [0, 0];
  for (const value of new Float64Array(aligned(data, 8))) {
    if (Number.isNaN(value)) nan++;
    else if (!Number.isFinite(value)) infinite++;
  }
  return { nan, infinite };
}

/** A copy where a typed array may begin; a last part of an element is left out. */
function aligned(bytes: Uint8Array, size: number): ArrayBuffer {
  const buffer = new ArrayBuffer(bytes.length - (bytes.length % size));
  new Uint8Array(buffer).set(bytes.subarray(0, buffer.byteLength));
  return buffer;
}
