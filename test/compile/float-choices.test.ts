import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { coarseEnds, endsChoice, fineEnds, singleParts } from '../../src/compile/float-choices.js';
import { readModel } from '../../src/compile/onnx/read.js';
import { partsOf } from '../../src/compile/parts.js';
import { limits } from '../../src/core/limits.js';

const detector = readModel(readFileSync('models/ppocr-det/4.0.0/model.onnx'));

test('parts hold every node once, in order, begin at heavy nodes and share the arithmetic', async (t) => {
  for (const count of [1, 7, 20, 1000]) {
    const parts = partsOf(detector, count);
    t.ok(parts.length >= 1 && parts.length <= count, `${parts.length} of ${count}`);
    t.strictSame(
      parts.flatMap(({ nodes }) => nodes),
      detector.graph.nodes.map(({ outputs }) => outputs[0]),
    );
    const sum = parts.reduce((all, { share }) => all + share, 0);
    t.ok(Math.abs(sum - 1) < 1e-9, `shares sum to ${sum}`);
    const ops = new Map(detector.graph.nodes.map(({ outputs, op }) => [outputs[0], op]));
    for (const { nodes } of parts.slice(1)) t.match(ops.get(nodes[0]), /^(Conv|ConvTranspose)$/);
  }
});

test('the backbone of the text detector is half of its nodes and a small part of its arithmetic', async (t) => {
  const parts = partsOf(detector, 16);
  const { nodes, share } = endsChoice(parts, { first: 8, last: 0 });
  t.ok(nodes.length > 80, `${nodes.length} nodes`);
  t.ok(share > 0.1 && share < 0.5, `share ${share}`);
});

test('ends are tried within bounds, each once, and never the whole model', async (t) => {
  for (const count of [1, 2, 3, 8, 20]) {
    const ends = coarseEnds(count);
    t.ok(ends.length <= limits.compileEndsMax, `${ends.length}`);
    t.equal(new Set(ends.map(({ first, last }) => `${first} ${last}`)).size, ends.length);
    for (const { first, last } of [...ends, ...ends.flatMap((each) => fineEnds(count, each))]) {
      t.ok(first + last > 0 && first + last < count && first >= 0 && last >= 0, `${first} and ${last} of ${count}`);
    }
  }
});

test('a choice of ends names the nodes of both, and single parts leave out what is float already', async (t) => {
  const parts = [['a', 'b'], ['c'], ['d'], ['e']].map((nodes) => ({ nodes, share: 0.25 }));
  t.match(endsChoice(parts, { first: 1, last: 1 }), {
    nodes: ['a', 'b', 'e'],
    share: 0.5,
    what: 'the first 1 and the last 1 of 4 parts in float',
  });
  t.strictSame(
    singleParts(parts, ['a', 'b', 'c']).map(({ nodes }) => nodes),
    [['d'], ['e']],
  );
});
