/**
 * Whether the names of a model fit together: every tensor made once, before it is used, and used.
 *
 * Guarantees: time in proportion to the names, in subgraphs too, which see the names of the graphs around them.
 */
import { subgraphsOf } from '../graph.js';
import type { OnnxGraph } from '../onnx/model.js';
import { type Finding, findings, Names } from './finding.js';

interface Found {
  readonly missing: Names;
  readonly late: Names;
  readonly twice: Names;
  readonly unmade: Names;
  readonly unused: Names;
  readonly fed: Names;
}

export function nameFindings(graph: OnnxGraph): readonly Finding[] {
  const found: Found = {
    missing: new Names(),
    late: new Names(),
    twice: new Names(),
    unmade: new Names(),
    unused: new Names(),
    fed: new Names(),
  };
  look(graph, new Scope(null), found);
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  for (const { name } of graph.initializers) if (inputs.has(name)) found.fed.add(name);
  return [
    ...told(found.missing, 'tensor', (what) => findings.warning('missing_tensor', `made by nothing: ${what}; the model cannot be loaded`)),
    ...told(found.late, 'tensor', (what) => findings.warning('unsorted', `used before it is made: ${what}; the nodes are to be sorted`)),
    ...told(found.twice, 'name', (what) => findings.warning('duplicate_name', `given twice: ${what}; the model cannot be loaded`)),
    ...told(found.unmade, 'output', (what) => findings.warning('missing_output', `made by nothing: ${what}; the model cannot be loaded`)),
    ...told(found.unused, 'initializer', (what) => findings.note('unused_initializer', `used by nothing: ${what}`)),
    ...told(found.fed, 'initializer', (what) =>
      findings.note('initializer_as_input', `inputs too, so that a runtime cannot fold them: ${what}`),
    ),
  ];
}

function told(names: Names, noun: string, finding: (what: string) => Finding): Finding[] {
  return names.count === 0 ? [] : [finding(`${plural(names.count, noun)} (${names})`)];
}

class Scope {
  readonly made = new Set<string>();
  /** All that the graph will make at some time. */
  readonly later = new Set<string>();
  readonly used = new Set<string>();
  readonly #outer: Scope | null;

  constructor(outer: Scope | null) {
    this.#outer = outer;
  }

  /** Marks a use where the name is at home. */
  use(name: string): 'made' | 'later' | 'missing' {
    if (this.made.has(name)) {
      this.used.add(name);
      return 'made';
    }
    if (this.later.has(name)) return 'later';
    return this.#outer?.use(name) ?? 'missing';
  }
}

function look(graph: OnnxGraph, scope: Scope, found: Found): void {
  for (const { name } of graph.inputs) make(name, scope, found);
  const inputs = new Set(scope.made);
  // An initializer of the same name is the default of that input.
  for (const { name } of graph.initializers) if (!inputs.has(name)) make(name, scope, found);
  for (const { outputs } of graph.nodes) for (const name of outputs) scope.later.add(name);
  for (const node of graph.nodes) {
    for (const name of node.inputs) {
      if (name === '') continue;
      const state = scope.use(name);
      if (state === 'missing') found.missing.add(name);
      else if (state === 'later') found.late.add(name);
    }
    for (const inner of subgraphsOf(node)) look(inner, new Scope(scope), found);
    for (const name of node.outputs) if (name !== '') make(name, scope, found);
  }
  for (const { name } of graph.outputs) if (scope.use(name) !== 'made') found.unmade.add(name);
  for (const { name } of graph.initializers) if (!scope.used.has(name)) found.unused.add(name);
}

function make(name: string, scope: Scope, found: Found): void {
  if (scope.made.has(name)) found.twice.add(name);
  scope.made.add(name);
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
