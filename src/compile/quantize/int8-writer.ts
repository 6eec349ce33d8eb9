/**
 * Writes a graph anew, tensor by tensor in bytes or in float: the shared part of the quantizer, which knows no operator.
 *
 * Guarantees: a tensor of the old graph exists under its own name in float, or as a view of bytes, or both; conversions are written
 * where they are needed and once. Nodes are written in the order of the old graph, so the result stays sorted.
 */
import { type Graph, subgraphsOf } from '../graph.js';
import { dataType, type OnnxNode } from '../onnx/model.js';
import { nodeOf, type PlainValue } from '../onnx/values.js';
import { type Affine, affineOf, byteOf, rangeOf } from './affine.js';
import { AffinePlan } from './affine-plan.js';
import type { QuantizeOptions } from './quantize-options.js';

/** A tensor as bytes: `value = scale * (byte - zero) + offset`. Several views may look at the same bytes. */
export interface View extends Affine {
  /** Name of the uint8 tensor. */
  readonly tensor: string;
  /** At most half a step, and 0 but for tensors that only convolutions read, whose bias takes it. */
  readonly offset: number;
}

export class Int8Writer {
  readonly graph: Graph;
  readonly options: QuantizeOptions;
  readonly plan: AffinePlan;
  readonly #nodes: OnnxNode[] = [];
  readonly #views = new Map<string, View>();
  readonly #floats = new Set<string>();
  readonly #float32: ReadonlySet<string>;

  /** `graph` is read while the new one is written, and changed by `finish`. */
  constructor(graph: Graph, options: QuantizeOptions) {
    this.graph = graph;
    this.options = options;
    this.plan = new AffinePlan(graph, options);
    this.#float32 = new Set(graph.model.graph.inputs.filter(({ type }) => type === dataType.float32).map(({ name }) => name));
  }

  /** The bytes of a tensor, if it has them already. */
  view(name: string | undefined): View | undefined {
    return name === undefined ? undefined : this.#views.get(name);
  }

  setView(name: string, view: View): void {
    this.#views.set(name, view);
  }

  /** The bytes of a tensor, made from its float if need be; undefined when its range is not known. */
  quantized(name: string): View | undefined {
    const known = this.#views.get(name);
    if (known !== undefined) return known;
    if (this.graph.constant(name) !== undefined) return this.#quantizedConstant(name);
    const producer = this.graph.producer(name);
    if (producer === undefined && !this.#float32.has(name)) return undefined;
    const affine = this.plan.affine(name);
    return affine === undefined ? undefined : this.quantize(name, name, affine);
  }

  #quantizedConstant(name: string): View | undefined {
    const values = this.graph.floats(name);
    if (values === null || values.length === 0) return undefined;
    const affine = affineOf(rangeOf(values));
    const bytes = Uint8Array.from(values, (value) => byteOf(value, affine));
    const tensor = this.graph.addConstant(`${name}_bytes`, bytes, this.graph.constant(name)?.dims ?? []);
    const view = { tensor, ...affine, offset: 0 };
    this.#views.set(name, view);
    return view;
  }

  /** Writes the step from the float tensor `from` to the bytes of `name`. */
  quantize(from: string, name: string, affine: Affine): View {
    const tensor = this.graph.freshName(`${name}_bytes`);
    this.#push(nodeOf('QuantizeLinear', [from, ...this.#parameters(affine)], [tensor]));
    const view = { tensor, ...affine, offset: 0 };
    this.#views.set(name, view);
    return view;
  }

  /** Writes the step from bytes to a float tensor of a new name, which the runtime fuses into the operator that reads it. */
  dequantize(view: View): string {
    const output = this.graph.freshName(`${view.tensor}_float`);
    this.#push(nodeOf('DequantizeLinear', [view.tensor, ...this.#parameters(view)], [output]));
    return output;
  }

  #parameters({ scale, zero }: Affine): [string, string] {
    return [this.graph.addConstant('scale', Float32Array.of(scale), []), this.graph.addConstant('zero', Uint8Array.of(zero), [])];
  }

  /** Makes sure that a tensor exists in float under its own name. */
  ensureFloat(name: string): void {
    const view = this.#views.get(name);
    if (view === undefined || this.#floats.has(name) || this.graph.constant(name) !== undefined) return;
    this.#floats.add(name);
    this.#push(nodeOf('DequantizeLinear', [view.tensor, ...this.#parameters(view)], [name]));
  }

  /** Writes an operator over float tensors whose output becomes the bytes of `name`; answers whether its range is known. */
  emitQuantized(node: OnnxNode, inputs: readonly string[], name: string): boolean {
    const affine = this.plan.affine(name);
    if (affine === undefined) return false;
    const output = this.graph.freshName(`${name}_float`);
    this.#push({ ...node, inputs: [...inputs], outputs: [output] });
    this.quantize(output, name, affine);
    return true;
  }

  /** Writes an operator that works on bytes as they are; the output gets the name it has in the old graph. */
  emitBytes(op: string, inputs: readonly string[], stem: string, attributes: OnnxNode['attributes'] = new Map()): string {
    const output = this.graph.freshName(`${stem}_bytes`);
    this.#push({ ...nodeOf(op, inputs, [output]), attributes });
    return output;
  }

  emit(op: string, inputs: readonly string[], stem: string, attributes: Readonly<Record<string, PlainValue>> = {}): string {
    const output = this.graph.freshName(stem);
    this.#push(nodeOf(op, inputs, [output], attributes));
    return output;
  }

  /** Writes a node with other inputs and its own outputs, in float. */
  emitFloat(node: OnnxNode, inputs: readonly string[]): void {
    this.#push({ ...node, inputs: [...inputs] });
    for (const output of node.outputs) this.#floats.add(output);
  }

  /** Leaves a node as it is, after giving it its inputs in float. */
  keep(node: OnnxNode): void {
    for (const input of node.inputs) this.ensureFloat(input);
    if (subgraphsOf(node).length > 0) {
      for (const name of [...this.#views.keys()]) if (this.graph.users(name).includes(node)) this.ensureFloat(name);
    }
    this.emitFloat(node, node.inputs);
  }

  /** Named as its first output, which no other node has: the runtime refuses two nodes of one name. */
  #push(node: OnnxNode): void {
    this.#nodes.push({ ...node, name: node.outputs[0] ?? node.name });
  }

  /** Puts the new nodes in the place of the old ones. The graph is to be opened anew afterwards. */
  finish(): void {
    const { graph } = this.graph.model;
    for (const { name } of graph.outputs) this.ensureFloat(name);
    graph.nodes = this.#nodes;
    graph.values = [];
  }
}
