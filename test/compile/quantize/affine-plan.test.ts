/** Which bytes a tensor gets, by what reads it. */
import { test } from 'tap';
import { Graph } from '../../../src/compile/graph.js';
import type { OnnxNode } from '../../../src/compile/onnx/model.js';
import { nodeOf } from '../../../src/compile/onnx/values.js';
import { type Affine, affineOf, type Range } from '../../../src/compile/quantize/affine.js';
import { AffinePlan } from '../../../src/compile/quantize/affine-plan.js';
import { modelOf, type Sketch, weights } from '../../support/graph-lab.js';

interface Planned extends Partial<Sketch> {
  readonly nodes: readonly OnnxNode[];
  readonly ranges: Readonly<Record<string, Range>>;
  readonly floatNodes?: readonly string[];
}

function plan({ ranges, floatNodes, ...sketch }: Planned): AffinePlan {
  const graph = new Graph(modelOf({ inputs: { x: [1, 2, 4, 4] }, ...sketch }));
  return new AffinePlan(graph, {
    weights: { bits: 7, perChannel: true },
    ranges: new Map(Object.entries(ranges)),
    floatNodes: new Set(floatNodes),
  });
}

const low = ({ scale, zero }: Affine): number => -scale * zero;
const high = ({ scale, zero }: Affine): number => scale * (255 - zero);
const needed = (affine: Affine | undefined): Affine => affine ?? { scale: Number.NaN, zero: Number.NaN };

test('a tensor has the bytes of its range, always the same, and none when nobody has seen it', (t) => {
  const planned = plan({ nodes: [nodeOf('Tanh', ['x'], ['a']), nodeOf('Tanh', ['a'], ['y'])], ranges: { a: [-1, 2] } });
  t.strictSame(planned.affine('a'), affineOf([-1, 2]));
  t.equal(planned.affine('a'), planned.affine('a'));
  t.equal(planned.affine('x'), undefined);
  t.end();
});

test('before a Relu, a Clip, a Concat and what moves values a tensor has the bytes of the result', (t) => {
  for (const [node, constants] of [
    [nodeOf('Relu', ['a'], ['y']), {}],
    [nodeOf('Clip', ['a', 'zero', 'six'], ['y']), { zero: 0, six: 6 }],
    [nodeOf('Concat', ['a', 'b'], ['y'], { axis: 1 }), {}],
    [nodeOf('Transpose', ['a'], ['y']), {}],
  ] as const) {
    const nodes = [nodeOf('Tanh', ['x'], ['a']), nodeOf('Tanh', ['x'], ['b']), node];
    const ranges = { a: [-9, 9], b: [-1, 1], y: [0, 6] } as const;
    t.strictSame(plan({ nodes, constants, ranges }).affine('a'), affineOf([0, 6]), node.op);
    t.strictSame(
      plan({ nodes, constants, ranges, outputs: ['y', 'a'] }).affine('a'),
      affineOf([-9, 9]),
      `${node.op}: an output is its own`,
    );
    t.strictSame(plan({ nodes, constants, ranges, floatNodes: ['y'] }).affine('a'), affineOf([-9, 9]), `${node.op} in float asks nothing`);
  }
  t.end();
});

test('what moves along by its second input only does not have the bytes of the result', (t) => {
  const nodes = [nodeOf('Tanh', ['x'], ['a']), nodeOf('Sigmoid', ['a'], ['y'])];
  t.strictSame(plan({ nodes, ranges: { a: [-9, 9], y: [0, 1] } }).affine('a'), affineOf([-9, 9]));
  t.end();
});

test('before a step by a number a tensor has the bytes of the result under another scale or zero', (t) => {
  const nodes = (op: string): OnnxNode[] => [nodeOf('Tanh', ['x'], ['a']), nodeOf(op, ['a', 'number'], ['y'])];
  const after = affineOf([-1, 4.1]);
  const ranges = { a: [-50, 50], y: [-1, 4.1] } as const;
  const scaled = plan({ nodes: nodes('Mul'), constants: { number: 4 }, ranges }).affine('a');
  t.strictSame(scaled, { scale: Math.fround(after.scale / 4), zero: after.zero });
  const shifted = plan({ nodes: nodes('Add'), constants: { number: 3 * after.scale }, ranges }).affine('a');
  t.strictSame(shifted, { scale: after.scale, zero: after.zero + 3 }, 'zero moves with the number');
  const negative = plan({ nodes: nodes('Mul'), constants: { number: -4 }, ranges }).affine('a');
  t.strictSame(negative, affineOf([-50, 50]), 'a negative factor turns the bytes around: they are its own');
  t.end();
});

test('the bytes before a gate begin where it opens', (t) => {
  const gate = nodeOf('HardSigmoid', ['a'], ['g'], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
  const product = [nodeOf('Tanh', ['x'], ['a']), gate, nodeOf('Mul', ['a', 'g'], ['y'])];
  const both = needed(plan({ nodes: product, ranges: { a: [-20, 12], y: [-0.4, 12] } }).affine('a'));
  t.ok(Math.abs(low(both) + 3) < 1e-6, `${low(both)}`);
  t.ok(Math.abs(high(both) - 12) < 0.06, `the product needs what is above: ${high(both)}`);
  const alone = [nodeOf('Tanh', ['x'], ['a']), gate, nodeOf('Relu', ['g'], ['y'])];
  const only = needed(plan({ nodes: alone, ranges: { a: [-20, 12], g: [0, 1], y: [0, 1] } }).affine('a'));
  t.ok(Math.abs(low(only) + 3) < 1e-6 && Math.abs(high(only) - 3) < 0.03, `only from shut to open: ${low(only)} .. ${high(only)}`);
  t.end();
});

test('after a step by a number the scale gives way so that zero moves by whole bytes, unless a bias takes the rest', (t) => {
  const step = nodeOf('Add', ['x', 'number'], ['a']);
  const constants = { number: 0.93, w: weights([2, 2, 1, 1]) };
  const ranges = { x: [-1, 4.1], a: [0, 5.1] } as const;
  const read = plan({ nodes: [step, nodeOf('Tanh', ['a'], ['y'])], constants, ranges });
  const { scale } = needed(read.affine('a'));
  t.ok(Math.abs(0.93 / scale - Math.round(0.93 / scale)) < 1e-4, `the number is ${0.93 / scale} bytes`);
  t.not(scale, affineOf([0, 5.1]).scale);
  t.ok(Math.abs(scale / affineOf([0, 5.1]).scale - 1) < 0.125, 'a little coarser at most');
  const convolved = plan({ nodes: [step, nodeOf('Conv', ['a', 'w'], ['y'])], constants, ranges });
  t.strictSame(convolved.affine('a'), affineOf([0, 5.1]));
  const few = plan({ nodes: [step, nodeOf('Tanh', ['a'], ['y'])], constants: { number: 0.11 }, ranges });
  t.strictSame(few.affine('a'), affineOf([0, 5.1]), 'a number of a few bytes is not worth it');
  t.end();
});
