/** Folding into convolutions: each sketch is run before and after, and what must not be folded stays byte for byte. */
import { type Test, test } from 'tap';
import type { OnnxNode } from '../../../src/compile/onnx/model.js';
import { nodeOf, type PlainValue } from '../../../src/compile/onnx/values.js';
import { foldBatchNorm } from '../../../src/compile/passes/fold-batch-norm.js';
import { foldScale } from '../../../src/compile/passes/fold-scale.js';
import { pushAffine } from '../../../src/compile/passes/push-affine.js';
import { apply, floats, type Sketch, untouched, weights } from '../../support/graph-lab.js';

const inputs = { x: [1, 4, 6, 6] };
const conv = (output: string, attributes: Record<string, PlainValue> = {}, from = 'x'): OnnxNode =>
  nodeOf('Conv', [from, 'w', 'b'], [output], attributes);
const kernel = { w: weights([6, 4, 3, 3]), b: weights([6], 9) };
const perChannel = weights([1, 6, 1, 1], 3);

/** A convolution, then an operator with the constant c on the stated side. */
function scaled(op: string, c: Sketch['constants'], side: 'first' | 'last' = 'last'): Sketch {
  const pair = side === 'last' ? ['a', 'c'] : ['c', 'a'];
  return { nodes: [conv('a'), nodeOf(op, pair, ['y'])], constants: { ...kernel, ...c }, inputs };
}

test('one number or one a channel after a convolution goes into its weights', async (t) => {
  const constants = {
    'one number': 1.75,
    'of shape [1]': floats([-0.5]),
    'one a channel': perChannel,
    'three dimensions': weights([6, 1, 1], 5),
  };
  for (const [what, c] of Object.entries(constants)) {
    for (const op of ['Mul', 'Add', 'Sub', 'Div']) {
      t.equal((await apply(t, scaled(op, { c }), foldScale)).ops, 'Conv', `${op} ${what}`);
      if (op !== 'Div') t.equal((await apply(t, scaled(op, { c }, 'first'), foldScale)).ops, 'Conv', `${op} ${what}, constant first`);
    }
  }
});

test('a chain of them, a convolution without bias, and groups', async (t) => {
  const nodes = [
    nodeOf('Conv', ['x', 'w'], ['a'], { group: 2, pads: [1, 1, 1, 1] }),
    nodeOf('Mul', ['a', 'c'], ['p']),
    nodeOf('Add', ['d', 'p'], ['q']),
    nodeOf('Relu', ['q'], ['y']),
  ];
  const found = await apply(t, { nodes, constants: { w: weights([6, 2, 3, 3]), c: perChannel, d: 0.3 }, inputs }, foldScale, foldScale);
  t.equal(found.ops, 'Conv Relu');
});

test('a transposed convolution, with groups, has its channels elsewhere', async (t) => {
  for (const group of [1, 2]) {
    const nodes = [nodeOf('ConvTranspose', ['x', 'w', 'b'], ['a'], { group, strides: [2, 2] }), nodeOf('Mul', ['a', 'c'], ['y'])];
    const constants = { w: weights([4, 6 / group, 2, 2]), b: weights([6], 9), c: perChannel };
    t.equal((await apply(t, { nodes, constants, inputs }, foldScale)).ops, 'ConvTranspose');
  }
});

test('a constant along another axis, or that widens, or a second user, stays', async (t) => {
  const square = { x: [1, 4, 8, 8] };
  await untouched(t, 'one a column', { ...scaled('Mul', { c: weights([6]) }), inputs: square }, foldScale);
  await untouched(t, 'one a row', { ...scaled('Mul', { c: weights([6, 1]) }), inputs: square }, foldScale);
  await untouched(t, 'five dimensions', scaled('Mul', { c: floats([2], [1, 1, 1, 1, 1]) }), foldScale);
  await untouched(t, 'two images', scaled('Mul', { c: weights([2, 1, 1, 1]) }), foldScale);
  await untouched(t, 'constant divided by', scaled('Div', { c: 3 }, 'first'), foldScale);
  await untouched(t, 'division by zero', { ...scaled('Div', { c: 0 }) }, foldScale);
  await untouched(t, 'an output of the graph', { ...scaled('Mul', { c: 2 }), outputs: ['y', 'a'] }, foldScale);
  const both = [conv('a'), nodeOf('Mul', ['a', 'c'], ['p']), nodeOf('Add', ['p', 'a'], ['y'])];
  await untouched(t, 'used twice', { nodes: both, constants: { ...kernel, c: 2 }, inputs }, foldScale);
  const widening = {
    nodes: [nodeOf('Conv', ['x', 'w'], ['a']), nodeOf('Mul', ['a', 'c'], ['y'])],
    constants: { w: weights([1, 4, 3, 3]), c: perChannel },
    inputs,
  };
  await untouched(t, 'one channel becomes six', widening, foldScale);
});

/** A convolution of the kind, then a batch normalization. */
function normalized(op: 'Conv' | 'ConvTranspose', attributes: Record<string, PlainValue> = {}): Sketch {
  const names = ['scale', 'shift', 'mean', 'variance'];
  return {
    nodes: [
      nodeOf(op, ['x', 'w'], ['a']),
      nodeOf('BatchNormalization', ['a', ...names], ['y'], { epsilon: { float: 0.01 }, ...attributes }),
    ],
    constants: {
      w: weights(op === 'Conv' ? [6, 4, 3, 3] : [4, 6, 3, 3]),
      scale: weights([6], 2),
      shift: weights([6], 3),
      mean: weights([6], 4),
      variance: floats([0.1, 0.5, 1, 2, 3, 0]),
    },
    inputs,
  };
}

test('batch normalization goes into the convolution before', async (t) => {
  for (const op of ['Conv', 'ConvTranspose'] as const) t.equal((await apply(t, normalized(op), foldBatchNorm)).ops, op);
});

test('batch normalization stays after anything else, or where its input is seen', async (t) => {
  const sketch = normalized('Conv');
  const [first, second] = sketch.nodes as [OnnxNode, OnnxNode];
  const apart = { ...second, inputs: ['r', ...second.inputs.slice(1)] };
  await untouched(t, 'after Relu', { ...sketch, nodes: [first, nodeOf('Relu', ['a'], ['r']), apart] }, foldBatchNorm);
  await untouched(t, 'an output of the graph', { ...sketch, outputs: ['y', 'a'] }, foldBatchNorm);
  await untouched(
    t,
    'computed variance',
    {
      ...sketch,
      inputs: { ...inputs, v: [6] },
      nodes: [first, nodeOf('Abs', ['v'], ['u']), { ...second, inputs: [...second.inputs.slice(0, 4), 'u'] }],
    },
    foldBatchNorm,
  );
});

/** `s * x + b` before a convolution. */
function affine(t: Test, attributes: Record<string, PlainValue>, extra: readonly OnnxNode[] = []) {
  const nodes = [nodeOf('Mul', ['x', 's'], ['p']), nodeOf('Add', ['p', 'o'], ['q']), conv('y', attributes, 'q'), ...extra];
  return apply(t, { nodes, constants: { ...kernel, s: floats([0.6]), o: -0.8 }, inputs }, pushAffine, pushAffine, pushAffine);
}

test('a factor and an offset go into the next convolution, the offset only where nothing is padded', async (t) => {
  t.equal((await affine(t, {})).ops, 'Conv');
  t.equal((await affine(t, { auto_pad: 'VALID' })).ops, 'Conv');
  t.equal((await affine(t, { pads: [1, 1, 1, 1] })).ops, 'Add Conv', 'the factor went, the offset stays in front of the padding');
  t.equal((await affine(t, { auto_pad: 'SAME_UPPER' })).ops, 'Add Conv');
});

test('two convolutions after one factor both take it', async (t) => {
  const nodes = [nodeOf('Mul', ['s', 'x'], ['p']), conv('a', {}, 'p'), conv('c', { pads: [1, 1, 1, 1], strides: [2, 2] }, 'p')];
  t.equal((await apply(t, { nodes, constants: { ...kernel, s: 3 }, inputs, outputs: ['a', 'c'] }, pushAffine)).ops, 'Conv Conv');
});

test('a factor stays where another operator, or the outside, sees it, and so does one a channel', async (t) => {
  const constants = { ...kernel, s: 3 };
  const nodes = [nodeOf('Mul', ['x', 's'], ['p']), conv('y', {}, 'p')];
  await untouched(t, 'seen outside', { nodes, constants, inputs, outputs: ['y', 'p'] }, pushAffine);
  await untouched(
    t,
    'a second user',
    { nodes: [...nodes, nodeOf('Relu', ['p'], ['z'])], constants, inputs, outputs: ['y', 'z'] },
    pushAffine,
  );
  await untouched(t, 'one a channel', { nodes, constants: { ...kernel, s: weights([1, 4, 1, 1]) }, inputs }, pushAffine);
  const padded = [nodeOf('Add', ['x', 's'], ['p']), conv('y', { pads: [0, 0, 1, 1] }, 'p')];
  await untouched(t, 'an offset before padding', { nodes: padded, constants, inputs }, pushAffine);
});
