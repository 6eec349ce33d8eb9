/**
 * A graph under the knife: who makes a tensor, who uses it, and edits that keep both known.
 *
 * Guarantees: after any edit made through it `producer`, `users` and `constant` tell the truth; new names are free and the same on every run.
 * A tensor used inside a subgraph (If, Loop, Scan) counts as used by the node that holds it. Deliberately edits the main graph only: passes leave subgraphs alone.
 */
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './onnx/model.js';
import { floatsOf, tensorOf } from './onnx/values.js';

type Elements = Parameters<typeof tensorOf>[1];

export class Graph {
  readonly model: OnnxModel;
  readonly #producers = new Map<string, OnnxNode>();
  readonly #users = new Map<string, Set<OnnxNode>>();
  readonly #constants = new Map<string, OnnxTensor>();
  /** Names used within the subgraphs of a node. */
  readonly #inner = new Map<OnnxNode, readonly string[]>();
  readonly #outputs: ReadonlySet<string>;
  readonly #inputs: Set<string>;
  /** As the file states them. */
  readonly #shapes: ReadonlyMap<string, OnnxValue['shape']>;
  readonly #nodeNames: ReadonlySet<string>;
  #names = 0;

  /** Edits `model` in place. */
  constructor(model: OnnxModel) {
    this.model = model;
    this.#outputs = new Set(model.graph.outputs.map(({ name }) => name));
    this.#inputs = new Set(model.graph.inputs.map(({ name }) => name));
    const { inputs, outputs, values, nodes } = model.graph;
    this.#nodeNames = new Set(nodes.map(({ name }) => name));
    this.#shapes = new Map([...inputs, ...outputs, ...values].map(({ name, shape }) => [name, shape]));
    for (const tensor of model.graph.initializers) this.#constants.set(tensor.name, tensor);
    for (const node of model.graph.nodes) this.#link(node);
  }

  get nodes(): readonly OnnxNode[] {
    return this.model.graph.nodes;
  }

  isOutput(name: string): boolean {
    return this.#outputs.has(name);
  }

  producer(name: string): OnnxNode | undefined {
    return this.#producers.get(name);
  }

  /** Each user once. */
  users(name: string): readonly OnnxNode[] {
    return [...(this.#users.get(name) ?? [])];
  }

  /** The only user of a tensor that is no output of the graph, else undefined. */
  onlyUser(name: string | undefined): OnnxNode | undefined {
    if (name === undefined || this.#outputs.has(name)) return undefined;
    const users = this.#users.get(name);
    return users?.size === 1 ? [...users][0] : undefined;
  }

  /**
   * A tensor whose value never changes: an initializer, or what a Constant node holds. An initializer that is also an input of the graph
   * is none: callers may feed another.
   */
  constant(name: string | undefined): OnnxTensor | undefined {
    if (name === undefined || this.#inputs.has(name)) return undefined;
    const initializer = this.#constants.get(name);
    if (initializer !== undefined) return initializer;
    const node = this.#producers.get(name);
    const value = node?.op === 'Constant' && node.domain === '' ? node.attributes.get('value') : undefined;
    return value?.kind === 'tensor' ? value.value : undefined;
  }

  /** A copy of the elements of a float32 constant. */
  floats(name: string | undefined): Float32Array | null {
    return floatsOf(this.constant(name));
  }

  /** The value of a float32 constant of one element. */
  scalar(name: string | undefined): number | undefined {
    const values = this.floats(name);
    return values?.length === 1 ? values[0] : undefined;
  }

  /** The shape that the file states for a tensor, null where it states none. */
  statedShape(name: string): OnnxValue['shape'] {
    return this.#shapes.get(name) ?? null;
  }

  /** Takes initializers out of the inputs of the graph, so that no caller can feed others. Answers how many. */
  freeze(): number {
    const { graph } = this.model;
    const before = graph.inputs.length;
    graph.inputs = graph.inputs.filter(({ name }) => !this.#constants.has(name));
    for (const name of this.#constants.keys()) this.#inputs.delete(name);
    return before - graph.inputs.length;
  }

  /** Puts a constant in the place of a node's only output, under the same name. */
  becomeConstant(node: OnnxNode, tensor: OnnxTensor): void {
    const [name = ''] = node.outputs;
    const constant = { ...tensor, name };
    this.remove(node);
    this.model.graph.initializers.push(constant);
    this.#constants.set(name, constant);
  }

  /** A new initializer with a free name that begins with `stem`; takes the bytes over. */
  addConstant(stem: string, elements: Elements, dims: readonly number[]): string {
    const name = this.freshName(stem);
    const tensor = tensorOf(name, elements, dims);
    this.model.graph.initializers.push(tensor);
    this.#constants.set(name, tensor);
    return name;
  }

  /** A name that no tensor has and no node of the file had. */
  freshName(stem: string): string {
    for (;;) {
      const name = `${stem}_${this.#names++}`;
      const tensor = this.#producers.has(name) || this.#constants.has(name) || this.#inputs.has(name) || this.#users.has(name);
      if (!tensor && !this.#nodeNames.has(name)) return name;
    }
  }

  /** Puts `nodes` where `place` is, before it. */
  insertBefore(place: OnnxNode, ...nodes: readonly OnnxNode[]): void {
    this.model.graph.nodes.splice(this.model.graph.nodes.indexOf(place), 0, ...nodes);
    for (const node of nodes) this.#link(node);
  }

  insertAfter(place: OnnxNode, ...nodes: readonly OnnxNode[]): void {
    this.model.graph.nodes.splice(this.model.graph.nodes.indexOf(place) + 1, 0, ...nodes);
    for (const node of nodes) this.#link(node);
  }

  remove(...nodes: readonly OnnxNode[]): void {
    const gone = new Set(nodes);
    for (const node of gone) this.#unlink(node);
    this.model.graph.nodes = this.model.graph.nodes.filter((node) => !gone.has(node));
  }

  setInputs(node: OnnxNode, inputs: readonly string[]): void {
    this.#unlink(node);
    node.inputs = [...inputs];
    this.#link(node);
  }

  setOutputs(node: OnnxNode, outputs: readonly string[]): void {
    this.#unlink(node);
    node.outputs = [...outputs];
    this.#link(node);
  }

  /** Makes every user of `from` in the main graph use `to`. */
  redirect(from: string, to: string): void {
    for (const user of this.users(from)) {
      this.setInputs(
        user,
        user.inputs.map((input) => (input === from ? to : input)),
      );
    }
  }

  /** Removes nodes that nothing needs, then initializers and stated shapes that nothing names. Answers how many nodes went. */
  prune(): number {
    const dead = new Set<OnnxNode>();
    // Grows while it is gone through: what goes may leave others without a user. A file may be one chain of a hundred thousand.
    const waiting = this.nodes.filter((node) => this.#isDead(node));
    for (const node of waiting) {
      if (dead.has(node)) continue;
      dead.add(node);
      this.#unlink(node);
      for (const name of [...node.inputs, ...(this.#inner.get(node) ?? [])]) {
        const maker = this.#producers.get(name);
        if (maker !== undefined && this.#isDead(maker)) waiting.push(maker);
      }
    }
    this.model.graph.nodes = this.nodes.filter((node) => !dead.has(node));
    const { graph } = this.model;
    graph.initializers = graph.initializers.filter(
      ({ name }) => this.#users.has(name) || this.#outputs.has(name) || this.#inputs.has(name),
    );
    this.#constants.clear();
    for (const tensor of graph.initializers) this.#constants.set(tensor.name, tensor);
    graph.values = graph.values.filter(({ name }) => this.#producers.has(name));
    return dead.size;
  }

  #isDead(node: OnnxNode): boolean {
    return node.outputs.every((name) => name === '' || !(this.#outputs.has(name) || this.#users.has(name)));
  }

  #link(node: OnnxNode): void {
    for (const output of node.outputs) if (output !== '') this.#producers.set(output, node);
    if (!this.#inner.has(node)) this.#inner.set(node, innerNames(node));
    for (const name of [...node.inputs, ...(this.#inner.get(node) ?? [])]) {
      if (name === '') continue;
      const users = this.#users.get(name) ?? new Set();
      this.#users.set(name, users.add(node));
    }
  }

  #unlink(node: OnnxNode): void {
    for (const output of node.outputs) if (this.#producers.get(output) === node) this.#producers.delete(output);
    for (const name of [...node.inputs, ...(this.#inner.get(node) ?? [])]) {
      const users = this.#users.get(name);
      users?.delete(node);
      if (users?.size === 0) this.#users.delete(name);
    }
  }
}

function innerNames(node: OnnxNode): string[] {
  return subgraphsOf(node).flatMap((graph) => [
    ...graph.nodes.flatMap((inner) => [...inner.inputs, ...innerNames(inner)]),
    ...graph.outputs.map(({ name }) => name),
  ]);
}

/** The graphs in a node's attributes. */
export function subgraphsOf(node: OnnxNode): readonly OnnxGraph[] {
  return [...node.attributes.values()].flatMap((attribute) =>
    attribute.kind === 'graph' ? [attribute.value] : attribute.kind === 'graphs' ? attribute.value : [],
  );
}
