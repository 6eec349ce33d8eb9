/**
 * What about a model deserves a look before it is installed: data elsewhere, foreign operators, loops, odd versions, weights that are no numbers.
 *
 * Deliberately no verdict: whether a model is right is for its card and its golden outputs to say.
 */
import { subgraphsOf } from '../graph.js';
import { dataType, type OnnxGraph, type OnnxModel } from '../onnx/model.js';
import { type Finding, findings, Names } from './finding.js';
import { nameFindings, plural } from './names.js';
import { type Constant, notNumbers } from './weights.js';

/** What onnxruntime-node 1.30 loads without a warning: tried with models of one Relu of every version. */
const opsets = { min: 7, max: 26 };
const irVersionMax = 13;

/** A constant of this size in a node is copied when the model is loaded, and no tool can share it. */
const nodeConstantBytesMax = 1024 * 1024;
const tensorBytesMax = 64 * 1024 * 1024;

/** ONNX's own, and those every build of ONNX Runtime has. */
const knownDomains: ReadonlyMap<string, string> = new Map([
  ['com.microsoft', "are ONNX Runtime's own: other runtimes do not have them"],
  ['com.microsoft.nchwc', 'are laid out for one kind of CPU: build the model anew from the file before that optimization'],
  ['ai.onnx.ml', 'are of classical machine learning: the compiler leaves them alone'],
]);

const { warning, note } = findings;

export function suspicionsOf(model: OnnxModel, constants: readonly Constant[]): readonly Finding[] {
  const census = takeCensus(model.graph);
  return [
    ...constantFindings(constants),
    ...nameFindings(model.graph),
    ...versionFindings(model, census.domains),
    ...flowFindings(model, census),
  ].sort((a, b) => Number(a.level === 'note') - Number(b.level === 'note'));
}

interface Census {
  /** Operators by domain, ONNX's own left out. */
  readonly domains: ReadonlyMap<string, Names>;
  readonly flow: ReadonlyMap<string, number>;
  readonly nodes: number;
  readonly sparse: number;
}

function takeCensus(graph: OnnxGraph): Census {
  const domains = new Map<string, Names>();
  const flow = new Map<string, number>();
  const census = { domains, flow, nodes: 0, sparse: 0 };
  const visit = (one: OnnxGraph): void => {
    // Field 15, sparse_initializer: bytes, so its tag is 15 * 8 + 2.
    census.sparse += one.rest.filter(([tag]) => tag === 122).length;
    for (const node of one.nodes) {
      census.nodes++;
      if (node.domain !== '') domains.set(node.domain, tallied(domains.get(node.domain), node.op));
      const inner = subgraphsOf(node);
      if (inner.length > 0) flow.set(node.op, (flow.get(node.op) ?? 0) + 1);
      inner.forEach(visit);
    }
  };
  visit(graph);
  return census;
}

function tallied(names = new Names(), op: string): Names {
  names.add(op);
  return names;
}

function constantFindings(constants: readonly Constant[]): Finding[] {
  const [external, text, huge, held, broken, infinite] = Array.from({ length: 6 }, () => new Names()) as [
    Names,
    Names,
    Names,
    Names,
    Names,
    Names,
  ];
  for (const { tensor, inNode } of constants) {
    if (tensor.external) external.add(tensor.name);
    if (tensor.type === dataType.string) text.add(tensor.name);
    if (tensor.data.length > tensorBytesMax) huge.add(tensor.name);
    else if (inNode && tensor.data.length > nodeConstantBytesMax) held.add(tensor.name);
    const found = notNumbers(tensor);
    if (found.nan > 0) broken.add(tensor.name);
    else if (found.infinite > 0) infinite.add(tensor.name);
  }
  const told = (names: Names, finding: (where: string) => Finding): Finding[] =>
    names.count === 0 ? [] : [finding(`${plural(names.count, 'tensor')} (${names})`)];
  return [
    ...told(external, (where) =>
      warning('external_data', `data in other files: ${where}; save the model as one file, Shoal opens no other`),
    ),
    ...told(broken, (where) => warning('nan_weights', `NaN in ${where}: whatever uses it answers NaN`)),
    ...told(infinite, (where) => note('infinite_weights', `infinite numbers in ${where}: fine in a mask, fatal in a weight`)),
    ...told(huge, (where) => warning('huge_constant', `more than ${tensorBytesMax / 1024 / 1024} MiB in each of ${where}`)),
    ...told(held, (where) => note('large_node_constant', `more than 1 MiB held by a node rather than listed as an initializer: ${where}`)),
    ...told(text, (where) => note('string_tensor', `text in ${where}: no task of Shoal feeds or reads text tensors`)),
  ];
}

function versionFindings({ opsets: imported, irVersion }: OnnxModel, domains: ReadonlyMap<string, Names>): Finding[] {
  const own = imported.get('') ?? imported.get('ai.onnx');
  const found: Finding[] = [];
  if (own === undefined) found.push(warning('no_opset', 'it does not say which opset of ONNX its operators are of; export it again'));
  else if (own < opsets.min || own > opsets.max)
    found.push(warning('unusual_opset', `opset ${own}: the runtime supports ${opsets.min} to ${opsets.max}; export it for one of those`));
  if (irVersion < 3 || irVersion > irVersionMax)
    found.push(warning('unusual_ir_version', `IR version ${irVersion}: the runtime reads 3 to ${irVersionMax}`));
  for (const [domain, ops] of [...domains].slice(0, 10)) {
    const known = knownDomains.get(domain);
    const what = `${plural(ops.count, 'operator')} of domain "${domain}" (${ops})`;
    if (known === undefined) found.push(warning('custom_domain', `${what}: the runtime has none of them, the model cannot be loaded`));
    else found.push(note('known_domain', `${what} ${known}`));
    if (!imported.has(domain))
      found.push(warning('domain_not_imported', `domain "${domain}" is used and not imported; the model cannot be loaded`));
  }
  return found;
}

function flowFindings(model: OnnxModel, { flow, nodes, sparse }: Census): Finding[] {
  const found: Finding[] = [];
  const stated = [...flow].slice(0, 10).map(([op, count]) => `${op} ${count}`);
  const loops = [...flow.keys()].some((op) => op !== 'If');
  if (loops)
    found.push(
      warning('loops', `loops (${stated.join(', ')}): how long a run takes depends on the data, and the compiler leaves them alone`),
    );
  else if (flow.size > 0)
    found.push(note('branches', `branches (${stated.join(', ')}): the dearer one is counted, and the compiler leaves them alone`));
  if (model.functions > 0)
    found.push(
      note(
        'functions',
        `${plural(model.functions, 'function')} of its own: what is within is not counted, and the compiler leaves it alone`,
      ),
    );
  if (sparse > 0) found.push(note('sparse_weights', `${plural(sparse, 'sparse initializer')}: kept as they are, not counted`));
  if (nodes === 0) found.push(warning('no_operators', 'it has no operators: nothing is computed'));
  const strings = [...model.graph.inputs, ...model.graph.outputs].filter(({ type }) => type === dataType.string);
  if (strings.length > 0)
    found.push(warning('string_input', `text as input or output ("${strings[0]?.name}"): no task of Shoal feeds or reads it`));
  const others = [...model.graph.inputs, ...model.graph.outputs].filter(({ otherType, type }) => otherType !== null && type === 0);
  if (others.length > 0)
    found.push(warning('no_tensor', `inputs or outputs that are no tensors ("${others[0]?.name}"): no task of Shoal feeds or reads them`));
  return found;
}
