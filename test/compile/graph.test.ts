/** The editor's answers after edits, against an editor that sees the edited model for the first time. */
import fc from 'fast-check';
import { type Test, test } from 'tap';
import { Graph } from '../../src/compile/graph.js';
import type { OnnxModel } from '../../src/compile/onnx/model.js';
import { attributeOf, nodeOf } from '../../src/compile/onnx/values.js';
import { graphOf, modelOf, ones, typedValue } from '../support/tiny-onnx.js';

const inputs = [typedValue('x', [2])];
const outputs = [typedValue('y', [2])];

/** x -> a -> b -> y, with a constant added on the way, and b's branch that looks at a from within. */
function sample(): OnnxModel {
  const branch = graphOf({ nodes: [nodeOf('Neg', ['a'], ['inner'])], outputs: [typedValue('inner', null)] });
  const choice = nodeOf('If', ['which'], ['b']);
  choice.attributes.set('then_branch', { kind: 'graph', value: branch, rest: [] });
  const nodes = [nodeOf('Relu', ['x'], ['a']), choice, nodeOf('Add', ['b', 'w'], ['y'])];
  return modelOf({ nodes, inputs: [...inputs, typedValue('which', [], 9)], outputs, initializers: [ones('w', [2])] });
}

/** Names and nodes as both editors see them. */
function agrees(t: Test, graph: Graph): void {
  const fresh = new Graph(graph.model);
  const names = graph.nodes
    .flatMap((node) => [...node.inputs, ...node.outputs])
    .concat(graph.model.graph.initializers.map(({ name }) => name));
  for (const name of new Set(names.filter((one) => one !== ''))) {
    t.equal(graph.producer(name), fresh.producer(name), `what makes ${name}`);
    t.strictSame(new Set(graph.users(name)), new Set(fresh.users(name)), `what uses ${name}`);
    t.equal(graph.constant(name), fresh.constant(name), `the constant ${name}`);
  }
}

test('who makes and who uses a tensor, from within a branch too', async (t) => {
  const graph = new Graph(sample());
  const [relu, choice, add] = graph.nodes;
  t.equal(graph.producer('a'), relu);
  t.equal(graph.onlyUser('a'), choice, 'a branch uses it');
  t.equal(graph.onlyUser('b'), add);
  t.equal(graph.onlyUser('y'), undefined, 'the world uses it');
  t.equal(graph.producer('x'), undefined);
  t.strictSame(graph.floats('w'), Float32Array.of(1, 1));
  t.equal(graph.scalar('w'), undefined, 'two elements are no scalar');
});

test('a constant may stand in a node, and none is what a caller may feed', async (t) => {
  const model = sample();
  const held = nodeOf('Constant', [], ['held']);
  held.attributes.set('value', attributeOf(ones('', [])));
  model.graph.nodes.unshift(held, { ...nodeOf('Constant', [], ['foreign']), attributes: held.attributes, domain: 'org.example' });
  model.graph.inputs.push(typedValue('w', [2]));
  const graph = new Graph(model);
  t.equal(graph.scalar('held'), 1);
  t.equal(graph.constant('foreign'), undefined);
  t.equal(graph.constant('w'), undefined);
});

test('new names are free, and the same in every run', async (t) => {
  const model = sample();
  model.graph.nodes.push(nodeOf('Relu', ['fused_1'], ['fused_0']));
  const names = () => {
    const graph = new Graph(structuredClone(model));
    return [graph.freshName('fused'), graph.addConstant('fused', Float32Array.of(1), [1]), graph.freshName('fused')];
  };
  t.strictSame(names(), names());
  t.equal(new Set([...names(), 'fused_0', 'fused_1']).size, 5);
});

test('after any edits the answers are those of an editor that starts with the outcome', async (t) => {
  const place = fc.nat({ max: 30 });
  const edit = fc.record({
    kind: fc.constantFrom('insert', 'inputs', 'redirect', 'remove', 'outputs', 'constant', 'prune'),
    at: place,
    to: place,
  });
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 25 }), (edits) => {
      const graph = new Graph(sample());
      for (const { kind, at, to } of edits) {
        const node = graph.nodes[at % Math.max(graph.nodes.length, 1)];
        const other = graph.nodes[to % Math.max(graph.nodes.length, 1)];
        if (node === undefined || other === undefined) break;
        const [name = '', source = 'x'] = [node.outputs[0], other.outputs[0]];
        if (kind === 'insert') graph.insertBefore(node, nodeOf('Relu', [source], [graph.freshName('new')]));
        if (kind === 'inputs') graph.setInputs(node, [source, ...node.inputs]);
        if (kind === 'redirect') graph.redirect(name, source);
        if (kind === 'remove') graph.remove(node);
        if (kind === 'outputs') graph.setOutputs(node, [graph.freshName('renamed')]);
        if (kind === 'constant') graph.setInputs(node, [graph.addConstant('c', Float32Array.of(at), [1])]);
        if (kind === 'prune') graph.prune();
      }
      agrees(t, graph);
    }),
    { numRuns: 200 },
  );
});

test('what nothing needs goes, with what only that needed', async (t) => {
  const model = sample();
  model.graph.nodes.push(nodeOf('Mul', ['a', 'scale'], ['idle']), nodeOf('Relu', ['idle'], ['idler']));
  model.graph.initializers.push(ones('scale', []), ones('never', []));
  model.graph.values.push(typedValue('idle', [2]), typedValue('a', [2]));
  const graph = new Graph(model);
  t.equal(graph.prune(), 2);
  t.strictSame(
    model.graph.nodes.map(({ op }) => op),
    ['Relu', 'If', 'Add'],
    'a branch keeps what it looks at',
  );
  t.strictSame(
    model.graph.initializers.map(({ name }) => name),
    ['w'],
  );
  t.strictSame(
    model.graph.values.map(({ name }) => name),
    ['a'],
  );
  t.equal(graph.prune(), 0);
  agrees(t, graph);
});

test('a chain of a hundred thousand that nothing needs goes at once', async (t) => {
  const chain = Array.from({ length: 100_000 }, (_, i) => nodeOf('Relu', [`n${i}`], [`n${i + 1}`]));
  const graph = new Graph(modelOf({ nodes: [...chain, nodeOf('Relu', ['x'], ['y'])], inputs, outputs }));
  const began = process.cpuUsage();
  t.equal(graph.prune(), 100_000);
  const { user, system } = process.cpuUsage(began);
  t.ok(user + system < 2e6, `${((user + system) / 1000).toFixed(0)} ms`);
});
