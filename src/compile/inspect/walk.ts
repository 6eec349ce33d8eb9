/**
 * Goes through a model in the order of its nodes: shapes of all tensors, work of all operators.
 *
 * Guarantees: each node is looked at once, in subgraphs too, whatever the model says. Of the branches of an If the one that is taken counts, or the dearer when that is not known;
 * the body of a Loop or Scan counts once, and `repeats` says that it may run more often.
 */

import { subgraphsOf } from '../graph.js';
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxValue } from '../onnx/model.js';
import { elements, type Fact, fact, factOf, type Shape, unknown } from './facts.js';
import { ruleOf } from './shape-rules.js';
import { isQuantized, workOf } from './work.js';

/** Totals of a graph, and by operator: count of nodes, multiply-accumulates. */
export interface Tally {
  macs: number;
  quantizedMacs: number;
  others: number;
  readonly macsByOp: Map<string, number>;
}

export interface Walk {
  readonly tally: Tally;
  /** Operators whose work or shapes could not be told, with how many nodes. */
  readonly uncounted: ReadonlyMap<string, number>;
  readonly repeats: boolean;
  /** Tensors that nodes of the main graph make, constants left out. */
  readonly made: ReadonlyMap<string, Fact>;
}

export function walkModel(model: OnnxModel, sizeOf: (value: OnnxValue) => Shape | null): Walk {
  const walker = new Walker(sizeOf);
  const scope = new Scope(null);
  const tally = walker.graph(model.graph, scope);
  return { tally, uncounted: walker.uncounted, repeats: walker.repeats, made: scope.made };
}

class Scope {
  readonly made = new Map<string, Fact>();
  readonly given = new Map<string, Fact>();
  readonly #producers = new Map<string, string>();
  readonly #outer: Scope | null;

  constructor(outer: Scope | null) {
    this.#outer = outer;
  }

  fact(name: string): Fact {
    if (name === '') return unknown;
    return this.made.get(name) ?? this.given.get(name) ?? this.#outer?.fact(name) ?? unknown;
  }

  make(name: string, op: string, found: Fact): void {
    if (name === '') return;
    (op === 'Constant' ? this.given : this.made).set(name, found);
    this.#producers.set(name, op);
  }

  producer(name: string): string | undefined {
    return this.#producers.get(name) ?? this.#outer?.producer(name);
  }
}

class Walker {
  readonly uncounted = new Map<string, number>();
  repeats = false;
  readonly #sizeOf: (value: OnnxValue) => Shape | null;

  constructor(sizeOf: (value: OnnxValue) => Shape | null) {
    this.#sizeOf = sizeOf;
  }

  graph(graph: OnnxGraph, scope: Scope): Tally {
    for (const value of graph.inputs) scope.given.set(value.name, fact(value.type, this.#sizeOf(value)));
    for (const tensor of graph.initializers) scope.given.set(tensor.name, factOf(tensor));
    const stated = new Map([...graph.values, ...graph.outputs].map((value) => [value.name, value]));
    const tally = emptyTally();
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((name) => scope.fact(name));
      const found = this.#outputs(node, inputs, scope, tally);
      for (const [i, name] of node.outputs.entries()) scope.make(name, node.op, this.#completed(found[i] ?? unknown, stated.get(name)));
      this.#count(node, inputs, scope, tally);
    }
    return tally;
  }

  /** What the model itself states of a tensor helps where no rule does. */
  #completed(found: Fact, stated: OnnxValue | undefined): Fact {
    if (stated === undefined || elements(found.shape) !== null) return found;
    return fact(found.type || stated.type, this.#sizeOf(stated) ?? found.shape, found.value);
  }

  #outputs(node: OnnxNode, inputs: readonly Fact[], scope: Scope, tally: Tally): readonly Fact[] {
    if (subgraphsOf(node).length === 0) return ruleOf(node)?.({ node, inputs }) ?? [];
    const graphs = taken(node, inputs[0]);
    const bodies = graphs.map((graph) => {
      const inner = new Scope(scope);
      const cost = this.graph(graph, inner);
      return { cost, outputs: graph.outputs.map(({ name }) => inner.fact(name)) };
    });
    this.repeats ||= node.op !== 'If';
    const dearest = bodies.reduce((best, body) => (body.cost.macs > best.cost.macs ? body : best));
    addTo(tally, dearest.cost);
    if (node.op !== 'If') return [];
    return dearest.outputs.map((found, i) =>
      bodies.every(({ outputs }) => sameShape(outputs[i], found)) ? found : fact(found.type, null),
    );
  }

  #count(node: OnnxNode, inputs: readonly Fact[], scope: Scope, tally: Tally): void {
    if (subgraphsOf(node).length > 0) return;
    const work = ruleOf(node) === undefined ? null : workOf(node, inputs, scope.fact(node.outputs[0] ?? ''));
    const op = operatorName(node);
    if (work === null) this.uncounted.set(op, (this.uncounted.get(op) ?? 0) + 1);
    else if (work.macs > 0) {
      tally.macs += work.macs;
      tally.macsByOp.set(op, (tally.macsByOp.get(op) ?? 0) + work.macs);
      if (isQuantized(node, (name) => scope.producer(name))) tally.quantizedMacs += work.macs;
    } else tally.others += work.others;
  }
}

/** The graphs of a node that may run: one, for an If whose condition follows from the shapes. */
function taken(node: OnnxNode, condition: Fact | undefined): readonly OnnxGraph[] {
  const value = node.op === 'If' ? condition?.value?.[0] : undefined;
  const branch = value === undefined ? undefined : node.attributes.get(value === 0 ? 'else_branch' : 'then_branch');
  return branch?.kind === 'graph' ? [branch.value] : subgraphsOf(node);
}

/** With its domain where it is not ONNX's own. */
export function operatorName({ op, domain }: OnnxNode): string {
  return domain === '' ? op : `${domain}.${op}`;
}

function sameShape(a: Fact | undefined, b: Fact): boolean {
  return a?.shape?.length === b.shape?.length && (a?.shape ?? []).every((size, i) => size === b.shape?.[i]);
}

function emptyTally(): Tally {
  return { macs: 0, quantizedMacs: 0, others: 0, macsByOp: new Map() };
}

function addTo(tally: Tally, more: Tally): void {
  tally.macs += more.macs;
  tally.quantizedMacs += more.quantizedMacs;
  tally.others += more.others;
  for (const [op, macs] of more.macsByOp) tally.macsByOp.set(op, (tally.macsByOp.get(op) ?? 0) + macs);
}
