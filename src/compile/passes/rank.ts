/**
 * How many dimensions a tensor has, as far as the graph says so without running it.
 *
 * Guarantees: the right number or null, never a guess. Only what the passes ask about: operators with a rank of their own and those that keep
 * that of their input.
 */
import type { Graph } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { intsOf } from '../onnx/values.js';

/** How far to look back: convolutions know their rank, and are never far away in the models this is for. */
const depthMax = 64;

const keepsRank = new Set(
  'Relu LeakyRelu PRelu Clip HardSigmoid HardSwish Sigmoid Tanh Softmax Exp Sqrt Identity Cast Dropout BatchNormalization InstanceNormalization MaxPool AveragePool GlobalAveragePool GlobalMaxPool Resize Upsample Pad Concat Slice Split Transpose'.split(
    ' ',
  ),
);
const broadcasts = new Set(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'MatMul']);

export function rankOf(graph: Graph, name: string): number | null {
  return new Ranks(graph).of(name, 0);
}

class Ranks {
  readonly #graph: Graph;
  readonly #known = new Map<string, number | null>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  of(name: string, depth: number): number | null {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const node = this.#graph.producer(name);
    const rank = this.#stated(name) ?? (node === undefined || depth > depthMax ? null : this.#made(node, depth + 1));
    this.#known.set(name, rank);
    return rank;
  }

  #stated(name: string): number | null {
    return this.#graph.constant(name)?.dims.length ?? this.#graph.statedShape(name)?.length ?? null;
  }

  #made(node: OnnxNode, depth: number): number | null {
    const [first = '', second = ''] = node.inputs;
    if (node.domain !== '') return null;
    if (node.op === 'Conv' || node.op === 'ConvTranspose') return this.#graph.constant(second)?.dims.length ?? this.of(first, depth);
    if (node.op === 'Flatten' || node.op === 'Gemm') return 2;
    if (node.op === 'Transpose') return intsOf(node, 'perm')?.length ?? this.of(first, depth);
    if (node.op === 'Reshape') return this.#graph.constant(second)?.dims[0] ?? null;
    if (keepsRank.has(node.op)) return this.of(first, depth);
    if (!broadcasts.has(node.op)) return null;
    const ranks = node.inputs.map((input) => this.of(input, depth));
    // A vector takes part in a product as a matrix and leaves without the dimension it was lent.
    if (node.op === 'MatMul' && ranks.some((rank) => rank === null || rank < 2)) return null;
    return ranks.reduce((most, rank) => (most === null || rank === null ? null : Math.max(most, rank)), 0);
  }
}

/**
 * The value of a float32 constant of one element, where combining it with `partner` gives a tensor of the partner's shape: a constant of more
 * dimensions than its partner would add some.
 */
export function scalarBeside(graph: Graph, name: string | undefined, partner: string): number | undefined {
  const dims = graph.constant(name)?.dims;
  if (dims === undefined) return undefined;
  return dims.length === 0 || dims.length <= (rankOf(graph, partner) ?? 0) ? graph.scalar(name) : undefined;
}

/** A node of two inputs as tensor and scalar; for Sub and Div only with the scalar last. */
export function withScalar(graph: Graph, node: OnnxNode | undefined, op: string): { readonly x: string; readonly value: number } | null {
  if (node?.op !== op || node.domain !== '' || node.inputs.length !== 2) return null;
  const [a = '', b = ''] = node.inputs;
  const last = scalarBeside(graph, b, a);
  if (last !== undefined) return { x: a, value: last };
  const first = op === 'Add' || op === 'Mul' ? scalarBeside(graph, a, b) : undefined;
  return first === undefined ? null : { x: b, value: first };
}
