/** Patterns that become one operator, against the runtime; what is nearly the pattern stays byte for byte. */
import { test } from 'tap';
import { nodeOf } from '../../../src/compile/onnx/values.js';
import { factorResidual } from '../../../src/compile/passes/factor-residual.js';
import { fuseHardSigmoid, fuseHardSwish } from '../../../src/compile/passes/fuse-hard-sigmoid.js';
import { removeNoOps } from '../../../src/compile/passes/remove-no-ops.js';
import { apply, floats, type Sketch, untouched } from '../../support/graph-lab.js';

const inputs = { x: [1, 3, 4, 5] };
const constants = { three: 3, zero: 0, six: 6, sixth: 1 / 6 };

/** `x * clip(x + shift, 0, top) / by` */
function hardSwish(change: Partial<Record<'three' | 'six' | 'by' | 'zero', number>> = {}): Sketch {
  const nodes = [
    nodeOf('Add', ['x', 'three'], ['shifted']),
    nodeOf('Clip', ['shifted', 'zero', 'six'], ['gate']),
    nodeOf('Mul', ['x', 'gate'], ['product']),
    nodeOf('Div', ['product', 'by'], ['y']),
  ];
  return { nodes, constants: { ...constants, by: 6, ...change }, inputs };
}

test('hard swish becomes two operators', async (t) => {
  t.equal((await apply(t, hardSwish(), fuseHardSwish)).ops, 'HardSigmoid Mul');
  const otherWay: Sketch = {
    nodes: [
      nodeOf('Add', ['three', 'x'], ['shifted']),
      nodeOf('Clip', ['shifted'], ['gate'], { min: { float: 0 }, max: { float: 6 } }),
      nodeOf('Mul', ['gate', 'x'], ['product']),
      nodeOf('Mul', ['sixth', 'product'], ['y']),
    ],
    constants,
    inputs,
    opset: 9,
  };
  t.equal((await apply(t, otherWay, fuseHardSwish)).ops, 'HardSigmoid Mul', 'bounds as attributes, factors the other way round');
});

test('what is nearly a hard swish stays', async (t) => {
  await untouched(t, 'shift 2', hardSwish({ three: 2 }), fuseHardSwish, fuseHardSigmoid);
  await untouched(t, 'top 7', hardSwish({ six: 7 }), fuseHardSwish, fuseHardSigmoid);
  await untouched(t, 'bottom -1', hardSwish({ zero: -1 }), fuseHardSwish, fuseHardSigmoid);
  await untouched(t, 'by 5', hardSwish({ by: 5 }), fuseHardSwish, fuseHardSigmoid);
  for (const seen of ['shifted', 'gate', 'product']) {
    await untouched(t, `${seen} is seen outside`, { ...hardSwish(), outputs: ['y', seen] }, fuseHardSwish, fuseHardSigmoid);
  }
  const other = hardSwish();
  const nodes = other.nodes.map((node) => (node.op === 'Mul' ? { ...node, inputs: ['z', 'gate'] } : node));
  await untouched(t, 'times something else', { ...other, nodes, inputs: { ...inputs, z: [1, 3, 4, 5] } }, fuseHardSwish);
});

test('hard sigmoid alone, and hard swish written with it', async (t) => {
  const nodes = [nodeOf('Add', ['x', 'three'], ['s']), nodeOf('Clip', ['s', 'zero', 'six'], ['c']), nodeOf('Mul', ['c', 'sixth'], ['g'])];
  t.equal((await apply(t, { nodes, constants, inputs, outputs: ['g'] }, fuseHardSigmoid)).ops, 'HardSigmoid');
  t.equal(
    (await apply(t, { nodes: [...nodes, nodeOf('Mul', ['x', 'g'], ['y'])], constants, inputs }, fuseHardSigmoid)).ops,
    'HardSigmoid Mul',
  );
});

test('a constant that would add a dimension is no scalar', async (t) => {
  const sketch = hardSwish();
  const wide = { ...sketch, constants: { ...sketch.constants, three: floats([3], [1, 1, 1, 1, 1]) } };
  await untouched(t, 'five dimensions', wide, fuseHardSwish, fuseHardSigmoid);
});

/** `x + x * gate(pool(x))` */
function residual(op: string): Sketch {
  const nodes = [
    nodeOf('GlobalAveragePool', ['x'], ['g']),
    nodeOf(op, ['g'], ['h']),
    nodeOf('Mul', ['x', 'h'], ['m']),
    nodeOf('Add', ['x', 'm'], ['y']),
  ];
  return { nodes, inputs };
}

test('a gated residual is factored', async (t) => {
  t.equal((await apply(t, residual('HardSigmoid'), factorResidual)).ops, 'GlobalAveragePool HardSigmoid Add Mul');
  const sketch = residual('Sigmoid');
  const nodes = sketch.nodes.map((node) =>
    node.op === 'Add' || node.op === 'Mul' ? { ...node, inputs: [...node.inputs].reverse() } : node,
  );
  t.equal((await apply(t, { ...sketch, nodes }, factorResidual)).ops, 'GlobalAveragePool Sigmoid Add Mul');
});

test('a residual with another gate, another tensor, or one that is seen stays', async (t) => {
  await untouched(t, 'a gate without bounds', residual('Tanh'), factorResidual);
  for (const seen of ['h', 'm'])
    await untouched(t, `${seen} is seen outside`, { ...residual('Sigmoid'), outputs: ['y', seen] }, factorResidual);
  const sketch = residual('Sigmoid');
  const nodes = sketch.nodes.map((node) => (node.op === 'Add' ? { ...node, inputs: ['z', 'm'] } : node));
  await untouched(t, 'another tensor', { ...sketch, nodes, inputs: { ...inputs, z: [1, 3, 4, 5] } }, factorResidual);
});

test('what changes nothing goes', async (t) => {
  const nodes = [
    nodeOf('Identity', ['x'], ['a']),
    nodeOf('Mul', ['a', 'one'], ['b']),
    nodeOf('Add', ['zero', 'b'], ['c']),
    nodeOf('Sub', ['c', 'zero'], ['d']),
    nodeOf('Div', ['d', 'one'], ['e']),
    nodeOf('Relu', ['e'], ['y']),
  ];
  t.equal((await apply(t, { nodes, constants: { one: 1, zero: 0 }, inputs }, removeNoOps)).ops, 'Relu');
});

test('what changes something, widens, or names an output stays', async (t) => {
  const one = (op: string, pair: string[], c: Sketch['constants']): Sketch => ({
    nodes: [nodeOf(op, pair, ['a']), nodeOf('Relu', ['a'], ['y'])],
    constants: c ?? {},
    inputs,
  });
  await untouched(t, 'times two', one('Mul', ['x', 'c'], { c: 2 }), removeNoOps);
  await untouched(t, 'from zero', one('Sub', ['c', 'x'], { c: 0 }), removeNoOps);
  await untouched(t, 'one divided', one('Div', ['c', 'x'], { c: 1 }), removeNoOps);
  await untouched(t, 'wider', one('Mul', ['x', 'c'], { c: floats([1], [1, 1, 1, 1, 1]) }), removeNoOps);
  await untouched(t, 'an output', { nodes: [nodeOf('Identity', ['x'], ['y'])], inputs }, removeNoOps);
});
