/** What needs no input is computed at compile time, and gives what the runtime gives. */
import { test } from 'tap';
import { Graph } from '../../../src/compile/graph.js';
import { dataType } from '../../../src/compile/onnx/model.js';
import { nodeOf, tensorOf } from '../../../src/compile/onnx/values.js';
import { foldConstants } from '../../../src/compile/passes/fold-constants.js';
import { foldScale } from '../../../src/compile/passes/fold-scale.js';
import { freezeWeights } from '../../../src/compile/passes/freeze-weights.js';
import { simplify } from '../../../src/compile/passes/index.js';
import { apply, floats, modelOf, type Sketch, untouched, weights } from '../../support/graph-lab.js';

const inputs = { x: [2, 3, 4] };
const int64 = (values: readonly number[], dims: readonly number[] = [values.length]) =>
  tensorOf('', BigInt64Array.from(values, BigInt), dims);

test('the shape of an input, in parts, becomes the shape of a Reshape', async (t) => {
  const nodes = [
    nodeOf('Shape', ['x'], ['s']),
    nodeOf('Gather', ['s', 'second'], ['rows']),
    nodeOf('Unsqueeze', ['rows', 'axis'], ['r']),
    nodeOf('Gather', ['s', 'last'], ['c']),
    nodeOf('Mul', ['c', 'c'], ['square']),
    nodeOf('Sub', ['square', 'eight'], ['cc']),
    nodeOf('Concat', ['r', 'cc'], ['shape'], { axis: 0 }),
    nodeOf('Reshape', ['x', 'shape'], ['y']),
  ];
  const constants = { second: int64([1], []), last: int64([-1]), axis: int64([0]), eight: int64([8]) };
  t.equal((await apply(t, { nodes, constants, inputs }, foldConstants)).ops, 'Reshape');
});

test('constants of all kinds, cast and reshaped, become initializers', async (t) => {
  const list = nodeOf('Constant', [], ['list']);
  list.attributes.set('value_floats', { kind: 'floats', value: [1, 2.5, -3], rest: [] });
  const nodes = [
    list,
    nodeOf('Constant', [], ['two'], { value_int: 2 }),
    nodeOf('Constant', [], ['half'], { value_float: { float: 0.5 } }),
    nodeOf('Constant', [], ['shape'], { value: int64([0, -1]) }),
    nodeOf('Cast', ['two'], ['twof'], { to: dataType.float32 }),
    nodeOf('Div', ['list', 'twof'], ['a']),
    nodeOf('Add', ['a', 'half'], ['b']),
    nodeOf('Reshape', ['b', 'shape'], ['c']),
    nodeOf('Squeeze', ['c', 'axis'], ['d']),
    nodeOf('Identity', ['d'], ['e']),
    nodeOf('Unsqueeze', ['e', 'axis'], ['f']),
    nodeOf('Mul', ['x', 'f'], ['y']),
  ];
  const found = await apply(t, { nodes, constants: { axis: int64([1]) }, inputs }, foldConstants);
  t.equal(found.ops, 'Mul');
  t.equal(new Graph(found.model).floats('f')?.join(), '1,1.75,-1');
});

test('what depends on an input, gives an output of the graph, or is not sure to be exact stays', async (t) => {
  const cases: Readonly<Record<string, Sketch>> = {
    'a free dimension': { nodes: [nodeOf('Shape', ['x'], ['s']), nodeOf('Cast', ['s'], ['y'], { to: 1 })], inputs: { x: [2, 'n', 4] } },
    'an output': { nodes: [nodeOf('Add', ['a', 'a'], ['y'])], constants: { a: 1 }, inputs },
    'whole numbers divided': {
      nodes: [nodeOf('Div', ['a', 'b'], ['q']), nodeOf('Cast', ['q'], ['y'], { to: 1 })],
      constants: { a: int64([-7]), b: int64([2]) },
      inputs,
    },
    'two dimensions joined': {
      nodes: [nodeOf('Concat', ['a', 'a'], ['c'], { axis: 1 }), nodeOf('Relu', ['c'], ['y'])],
      constants: { a: weights([2, 2]) },
      inputs,
    },
    'rows times columns': {
      nodes: [nodeOf('Mul', ['a', 'b'], ['c']), nodeOf('Relu', ['c'], ['y'])],
      constants: { a: weights([2, 1]), b: weights([1, 2]) },
      inputs,
    },
  };
  for (const [what, sketch] of Object.entries(cases)) await untouched(t, what, sketch, foldConstants);
});

test('a fold never makes a large tensor out of a small one', async (t) => {
  const indices = int64(Array.from({ length: 300 }, () => 0));
  const nodes = [nodeOf('Gather', ['a', 'i'], ['g']), nodeOf('ReduceSum', ['g'], ['s']), nodeOf('Add', ['x', 's'], ['y'])];
  await untouched(t, '300 rows of 8 from one', { nodes, constants: { a: weights([1, 8]), i: indices }, inputs }, foldConstants);
});

test('weights that are inputs as well become constants, and fold', async (t) => {
  const sketch: Sketch = {
    nodes: [nodeOf('Conv', ['x', 'w'], ['a']), nodeOf('Mul', ['a', 's'], ['y'])],
    constants: { w: weights([2, 3, 1]), s: floats([2]) },
    inputs,
    irVersion: 3,
  };
  const model = modelOf(sketch);
  model.graph.inputs.push(...modelOf({ nodes: [], inputs: { w: [2, 3, 1], s: [1] } }).graph.inputs);
  t.equal(foldScale.apply(new Graph(model)), 0, 'somebody could feed them');
  t.equal(freezeWeights.apply(new Graph(model)), 2);
  t.strictSame(
    model.graph.inputs.map(({ name }) => name),
    ['x'],
  );
  t.equal((await apply(t, sketch, freezeWeights, foldScale)).ops, 'Conv');
  t.equal(freezeWeights.apply(new Graph(model)), 0, 'once');
});

test('nodes that nothing needs go, and what they alone named', (t) => {
  const nodes = [nodeOf('Relu', ['x'], ['y']), nodeOf('Mul', ['x', 'c'], ['dead']), nodeOf('Abs', ['dead'], ['deader'])];
  const model = modelOf({ nodes, constants: { c: 2 }, inputs });
  t.strictSame(simplify(model), { 'remove-dead-code': 2 });
  t.match(model.graph, { nodes: { length: 1 }, initializers: { length: 0 } });
  t.strictSame(simplify(model), {}, 'a second time there is nothing to do');
  t.end();
});

test('a model of an operator set from before or after what is known stays untouched', (t) => {
  for (const opset of [6, 99]) {
    const model = modelOf({ nodes: [nodeOf('Identity', ['x'], ['a']), nodeOf('Relu', ['a'], ['y'])], inputs, opset, irVersion: 3 });
    t.strictSame(simplify(model), {});
    t.match(model, { irVersion: 3, graph: { nodes: { length: 2 } } });
  }
  t.end();
});

test('what a subgraph uses from outside stays, and the subgraph too', (t) => {
  const branch = modelOf({ nodes: [nodeOf('Add', ['i', 'q'], ['r'])], inputs: {}, outputs: ['r'] }).graph;
  const choice = nodeOf('If', ['c'], ['z']);
  for (const name of ['then_branch', 'else_branch']) choice.attributes.set(name, { kind: 'graph', value: branch, rest: [] });
  const nodes = [nodeOf('Identity', ['x'], ['i']), nodeOf('Neg', ['x'], ['q']), nodeOf('Relu', ['i'], ['y']), choice];
  const model = modelOf({ nodes, inputs: { ...inputs, c: [] }, outputs: ['y', 'z'] });
  simplify(model);
  t.strictSame(
    model.graph.nodes.map(({ op }) => op),
    ['Identity', 'Neg', 'Relu', 'If'],
  );
  t.strictSame(branch.nodes[0]?.inputs, ['i', 'q']);
  t.end();
});
