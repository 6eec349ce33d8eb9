/**
 * A GraphModel: TensorFlow's graph, node by node, from the outputs backwards to what they need.
 *
 * Guarantees: each node is converted once; a deep graph costs no stack; control flow and cycles are refused by name.
 */
import { z } from 'zod';
import { limits } from '../../../core/limits.js';
import type { OnnxModel } from '../../onnx/model.js';
import { Builder } from './builder.js';
import { GraphNode, nodeSchema } from './graph-node.js';
import { elementType, operatorOf } from './operators.js';
import { invalid, named, Unsuited } from './unsuited.js';
import type { Value } from './value.js';

const endpoint = z.object({ name: z.string().min(1).max(1024) });
const endpoints = z.record(z.string().min(1).max(1024), endpoint);

export const signatureSchema = z.object({ inputs: endpoints.optional(), outputs: endpoints.optional() });

export const graphSchema = z.object({ node: z.array(nodeSchema).min(1).max(limits.importNodesMax) });

type Graph = z.infer<typeof graphSchema>;
type Signature = z.infer<typeof signatureSchema>;

export interface TfjsOptions {
  /** Where a GraphModel begins instead, and with which shapes (NHWC): a node, or a placeholder whose dimensions are free. Other inputs stay. */
  readonly inputs?: Readonly<Record<string, readonly number[]>> | undefined;
  /** Where a GraphModel ends instead: an output of its signature, a `node`, or `node:1` for its second output. */
  readonly outputs?: readonly string[] | undefined;
}

/** A tensor by node and place among its outputs. */
interface Reference {
  readonly node: string;
  readonly output: number;
}

function referenceOf(text: string): Reference {
  const found = /^(.*):(\d{1,4})$/.exec(text);
  return found === null ? { node: text, output: 0 } : { node: found[1] ?? '', output: Number(found[2]) };
}

/** Throws MODEL_INVALID that names the node that cannot be imported, or the name that is not there. */
export function importGraph(graph: Graph, signature: Signature, weights: ReadonlyMap<string, Value>, options: TfjsOptions): OnnxModel {
  return new GraphImport(graph, signature, weights, options).run();
}

class GraphImport {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #weights: ReadonlyMap<string, Value>;
  readonly #builder = new Builder();
  readonly #done = new Map<string, readonly Value[]>();
  /** What is asked for, by the name it gets. */
  readonly #outputs: ReadonlyMap<string, Reference>;
  /** Where the graph begins: node to name. */
  readonly #inputNames = new Map<string, string>();
  readonly #shapes = new Map<string, readonly number[]>();

  constructor(graph: Graph, signature: Signature, weights: ReadonlyMap<string, Value>, options: TfjsOptions) {
    this.#weights = weights;
    for (const raw of graph.node) {
      if (this.#nodes.has(raw.name)) throw invalid(`two nodes are called "${raw.name}"`);
      this.#nodes.set(raw.name, new GraphNode(raw));
    }
    for (const [name, { name: tensor }] of Object.entries(signature.inputs ?? {})) this.#inputNames.set(referenceOf(tensor).node, name);
    for (const [name, shape] of Object.entries(options.inputs ?? {})) {
      const { node } = referenceOf(
        signature.inputs !== undefined && Object.hasOwn(signature.inputs, name) ? (signature.inputs[name]?.name ?? name) : name,
      );
      this.#require(node, 'input');
      this.#inputNames.set(node, name);
      this.#shapes.set(node, shape);
    }
    this.#outputs = this.#wanted(signature, options);
    const placeholders = [...this.#nodes.values()].filter(({ op }) => op === 'Placeholder');
    this.#builder.reserve([...placeholders.map(({ name }) => name), ...this.#inputNames.values(), ...this.#outputs.keys()]);
  }

  run(): OnnxModel {
    for (const [name, { node, output }] of this.#outputs) {
      this.#visit(node);
      const value = this.#done.get(node)?.[output];
      if (value === undefined) throw invalid(`node "${node}" has no output ${output}`);
      this.#builder.startNode(name);
      this.#builder.output(value, name);
    }
    const model = this.#builder.finish();
    // In the order of the file or the options, whatever needed them first; one that nothing needs is not there.
    const order = [...this.#inputNames.values()];
    model.graph.inputs.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
    return model;
  }

  #wanted(signature: Signature, options: TfjsOptions): ReadonlyMap<string, Reference> {
    const stated = new Map(Object.entries(signature.outputs ?? {}).map(([name, { name: tensor }]) => [name, referenceOf(tensor)]));
    const used = new Set([...this.#nodes.values()].flatMap(({ inputs }) => inputs.map((input) => referenceOf(input).node)));
    // Without a signature TensorFlow.js gives out what no other node uses.
    const last = (): (readonly [string, Reference])[] =>
      [...this.#nodes.keys()].filter((name) => !used.has(name)).map((name) => [name, referenceOf(name)]);
    const found =
      options.outputs?.map((name) => [name, stated.get(name) ?? referenceOf(name)] as const) ?? (stated.size > 0 ? [...stated] : last());
    if (found.length === 0) throw invalid('it names no outputs');
    for (const [, { node }] of found) this.#require(node, 'output');
    return new Map(found);
  }

  #require(node: string, what: string): void {
    if (!this.#nodes.has(node)) throw invalid(`there is no node "${node}" to be an ${what}`);
  }

  /** Converts a node and all it needs, without recursion. */
  #visit(last: string): void {
    const path: string[] = [last];
    const open = new Set<string>();
    for (let name = path.at(-1); name !== undefined; name = path.at(-1)) {
      if (this.#done.has(name)) {
        path.pop();
        open.delete(name);
        continue;
      }
      const node = this.#nodes.get(name);
      if (node === undefined) throw invalid(`node "${path.at(-2) ?? ''}" uses "${name}", which is not there`);
      // Where the graph is cut, nothing before matters.
      const inputs = this.#shapes.has(name) ? [] : node.inputs;
      const needed = inputs.map((input) => referenceOf(input).node).filter((input) => !this.#done.has(input));
      if (needed.length === 0) {
        this.#done.set(
          name,
          named(name, node.op, () => this.#convert(node)),
        );
        continue;
      }
      if (open.has(name)) throw invalid(`node "${name}" (${node.op}) is part of a loop; give outputs before it, or inputs after it`);
      open.add(name);
      path.push(...needed);
      if (path.length > limits.importNodesMax * 16) throw invalid('its nodes use each other more often than they can be followed');
    }
  }

  #convert(node: GraphNode): readonly Value[] {
    this.#builder.startNode(node.name);
    if (node.op === 'Placeholder' || this.#shapes.has(node.name)) return [this.#input(node)];
    if (node.op === 'Const') {
      const weight = this.#weights.get(node.name);
      if (weight === undefined) throw new Unsuited('the weights have no value for this constant');
      return [weight];
    }
    const inputs = node.inputs.map((input) => {
      const { node: from, output } = referenceOf(input);
      const value = this.#done.get(from)?.[output];
      if (value === undefined) throw new Unsuited(`it uses output ${output} of "${from}", which is not imported`);
      return value;
    });
    const outputs = operatorOf(node.op)(this.#builder, node, inputs);
    return isMany(outputs) ? outputs : [outputs];
  }

  #input(node: GraphNode): Value {
    const name = this.#inputNames.get(node.name) ?? node.name;
    const given = this.#shapes.get(node.name);
    const stated = given ?? node.shape('shape');
    if (stated === null) throw new Unsuited('its shape is not stated: give one with the option inputs');
    // The batch is one; other free dimensions are the caller's to say.
    const shape = stated.map((dim, i) => (dim === -1 && i === 0 ? 1 : dim));
    if (shape.some((dim) => dim < 1))
      throw new Unsuited(`its shape is [${stated.join(', ')}]: give one without free dimensions with the option inputs`);
    this.#builder.startNode(name);
    const type = node.op === 'Placeholder' ? elementType(node.dataType('dtype')) : 'float32';
    return this.#builder.input(name, shape, type);
  }
}

function isMany(outputs: Value | readonly Value[]): outputs is readonly Value[] {
  return Array.isArray(outputs);
}
