import { test } from 'tap';
import { Graph } from '../../../src/compile/graph.js';
import type { OnnxNode } from '../../../src/compile/onnx/model.js';
import { nodeOf } from '../../../src/compile/onnx/values.js';
import { gateAfter, gateOf, keepsValues, onlyConvolutionsRead, scalarStep } from '../../../src/compile/quantize/patterns.js';
import { floats, modelOf, type Sketch, weights } from '../../support/graph-lab.js';

const graphOf = (sketch: Partial<Sketch> & Pick<Sketch, 'nodes'>): Graph => new Graph(modelOf({ inputs: { x: [1, 2, 4, 4] }, ...sketch }));
const producer = (graph: Graph, name: string): OnnxNode => graph.producer(name) ?? nodeOf('Missing', [], []);

test('what moves values about is told from what changes them', (t) => {
  for (const op of ['Reshape', 'Transpose', 'MaxPool', 'Slice']) t.equal(keepsValues(nodeOf(op, ['x'], ['y'])), true, op);
  for (const op of ['Relu', 'AveragePool', 'Add']) t.equal(keepsValues(nodeOf(op, ['x'], ['y'])), false, op);
  t.equal(keepsValues(nodeOf('MaxPool', ['x'], ['y', 'indices'])), false, 'a second output is no value of the input');
  t.equal(keepsValues(nodeOf('Reshape', ['x'], ['y'], {}, 'com.example')), false, 'of another domain');
  t.equal(keepsValues(nodeOf('Resize', ['x'], ['y'])), true, 'nearest is the default');
  t.equal(keepsValues(nodeOf('Resize', ['x'], ['y'], { mode: 'nearest' })), true);
  t.equal(keepsValues(nodeOf('Resize', ['x'], ['y'], { mode: 'linear' })), false, 'linear makes new values');
  t.end();
});

test('a gate is a hard sigmoid that opens and has a beginning below zero', (t) => {
  t.match(gateOf(nodeOf('HardSigmoid', ['x'], ['y'])), { alpha: Math.fround(0.2), span: 0.5 / Math.fround(0.2) }, 'defaults of ONNX');
  const sixth = { alpha: { float: 1 / 6 }, beta: { float: 0.5 } };
  t.match(gateOf(nodeOf('HardSigmoid', ['x'], ['y'], sixth)), { alpha: 1 / 6, span: 3 });
  t.equal(gateOf(nodeOf('HardSigmoid', ['x'], ['y'], { alpha: { float: -0.2 } })), undefined);
  t.equal(gateOf(nodeOf('HardSigmoid', ['x'], ['y'], { beta: { float: 0 } })), undefined);
  t.equal(gateOf(nodeOf('Sigmoid', ['x'], ['y'])), undefined);
  t.equal(gateOf(undefined), undefined);
  t.end();
});

test('a tensor belongs to its gate when nothing but the gate and its product reads it', (t) => {
  const gate = nodeOf('HardSigmoid', ['a'], ['g']);
  const before = nodeOf('Relu', ['x'], ['a']);
  t.ok(gateAfter(graphOf({ nodes: [before, gate, nodeOf('Mul', ['a', 'g'], ['y'])] }), 'a'), 'gate and product');
  t.ok(gateAfter(graphOf({ nodes: [before, gate, nodeOf('Relu', ['g'], ['y'])] }), 'a'), 'gate alone');
  const elsewhere = [before, gate, nodeOf('Mul', ['a', 'g'], ['p']), nodeOf('Add', ['a', 'p'], ['y'])];
  t.equal(gateAfter(graphOf({ nodes: elsewhere }), 'a'), undefined, 'a third one reads it');
  t.equal(gateAfter(graphOf({ nodes: [before, gate, nodeOf('Add', ['a', 'g'], ['y'])] }), 'a'), undefined, 'no product');
  const other = [before, gate, nodeOf('Mul', ['a', 'x'], ['p']), nodeOf('Mul', ['p', 'g'], ['y'])];
  t.equal(gateAfter(graphOf({ nodes: other }), 'a'), undefined, 'a product with another tensor');
  const shown = graphOf({ nodes: [before, gate, nodeOf('Mul', ['a', 'g'], ['y'])], outputs: ['y', 'a'] });
  t.equal(gateAfter(shown, 'a'), undefined, 'the world reads it');
  t.end();
});

test('a step by a number is found on either side', (t) => {
  const graph = graphOf({
    nodes: [
      nodeOf('Add', ['x', 'three'], ['a']),
      nodeOf('Mul', ['half', 'a'], ['b']),
      nodeOf('Add', ['b', 'row'], ['c']),
      nodeOf('Add', ['a', 'b'], ['d']),
      nodeOf('Sub', ['c', 'three'], ['e']),
      nodeOf('Add', ['d', 'e'], ['y']),
    ],
    constants: { three: 3, half: 0.5, row: floats([1, 2, 3, 4]) },
  });
  t.match(scalarStep(graph, producer(graph, 'a')), { op: 'Add', input: 'x', value: 3 });
  t.match(scalarStep(graph, producer(graph, 'b')), { op: 'Mul', input: 'a', value: 0.5 });
  for (const [name, why] of [
    ['c', 'more than a number'],
    ['d', 'two tensors'],
    ['e', 'another operator'],
  ] as const) {
    t.equal(scalarStep(graph, producer(graph, name)), undefined, why);
  }
  t.equal(scalarStep(graph, undefined), undefined);
  t.end();
});

test('only convolutions with constant weights, on bytes and as their data, can take an offset into their bias', (t) => {
  const conv = (input: string, output: string, kernel = 'w'): OnnxNode => nodeOf('Conv', [input, kernel], [output]);
  const constants = { w: weights([2, 2, 1, 1]) };
  const never = (): boolean => false;
  const before = nodeOf('Relu', ['x'], ['a']);
  const two = graphOf({ nodes: [before, conv('a', 'b'), conv('a', 'c'), nodeOf('Add', ['b', 'c'], ['y'])], constants });
  t.equal(onlyConvolutionsRead(two, 'a', never), true);
  t.equal(
    onlyConvolutionsRead(two, 'a', ({ outputs }) => outputs[0] === 'c'),
    false,
    'one of them stays float',
  );
  const mixed = graphOf({ nodes: [before, conv('a', 'b'), nodeOf('Add', ['a', 'b'], ['y'])], constants });
  t.equal(onlyConvolutionsRead(mixed, 'a', never), false, 'a sum reads it too');
  t.equal(
    onlyConvolutionsRead(graphOf({ nodes: [before, conv('a', 'y')], constants, outputs: ['y', 'a'] }), 'a', never),
    false,
    'an output',
  );
  t.equal(
    onlyConvolutionsRead(graphOf({ nodes: [before, nodeOf('Conv', ['x', 'w', 'a'], ['y'])], constants }), 'a', never),
    false,
    'as its bias',
  );
  const computed = graphOf({
    nodes: [before, nodeOf('Relu', ['v'], ['k']), conv('a', 'y', 'k')],
    inputs: { x: [1, 2, 4, 4], v: [2, 2, 1, 1] },
  });
  t.equal(onlyConvolutionsRead(computed, 'a', never), false, 'the weights are computed');
  t.end();
});
