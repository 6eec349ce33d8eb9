/**
 * Bytes nobody vouches for: each ends in MODEL_INVALID or an answer, soon and in bounded memory, and what was answered can be inspected
 * and written. Files are damaged at every place; those as dear as their size allows are in the fault gate.
 */
import fc from 'fast-check';
import { test } from 'tap';
import { inspectModel } from '../../../src/compile/inspect/inspect-model.js';
import { readModel } from '../../../src/compile/onnx/read.js';
import { nodeOf, tensorOf } from '../../../src/compile/onnx/values.js';
import { bytesField, concat, varint, varintField } from '../../../src/compile/onnx/wire.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import { ShoalError } from '../../../src/core/errors.js';
import { limits } from '../../../src/core/limits.js';
import { graphOf, modelOf, ones, typedValue } from '../../support/tiny-onnx.js';

function small(): Uint8Array {
  const branch = graphOf({ nodes: [nodeOf('Relu', ['x'], ['inner'])], outputs: [typedValue('inner', [2])] });
  const choice = nodeOf('If', ['which'], ['y'], { k: 300, axes: [1, -1], alpha: { float: 0.5 }, mode: 'up', table: ones('', [2]) });
  choice.attributes.set('then_branch', { kind: 'graph', value: branch, rest: [] });
  const conv = nodeOf('Conv', ['x', 'w'], ['z'], { strides: [1, 1], pads: [1, 1, 1, 1] });
  const shapes = tensorOf('i', BigInt64Array.of(-1n, 4n), [2]);
  const reshape = nodeOf('Reshape', ['z', 'i'], ['flat']);
  const inputs = [typedValue('x', ['n', 3, 8, 8]), typedValue('which', [], 9)];
  const initializers = [ones('w', [2, 3, 3, 3]), shapes];
  return writeModel(modelOf({ nodes: [conv, reshape, choice], inputs, outputs: [typedValue('y', null)], initializers }));
}

/** Whether it could be read; throws for anything but an answer or MODEL_INVALID. */
function survives(bytes: Uint8Array): boolean {
  try {
    const model = readModel(bytes);
    readModel(writeModel(model));
    JSON.stringify(inspectModel(bytes));
    return true;
  } catch (error) {
    if (error instanceof ShoalError && error.code === 'MODEL_INVALID') return false;
    throw error;
  }
}

test('a model cut off anywhere', async (t) => {
  const bytes = small();
  t.ok(survives(bytes));
  const lengths = Array.from({ length: bytes.length }, (_, length) => length);
  const readable = lengths.filter((length) => survives(bytes.subarray(0, length)));
  t.comment(`${readable.length} of ${bytes.length} beginnings are models`);
  t.ok(readable.length < 20, 'a beginning is hardly ever a model');
});

test('a model with bits flipped, bytes replaced or put in', async (t) => {
  const bytes = small();
  const place = fc.nat({ max: bytes.length - 1 });
  const damage = fc.array(fc.tuple(place, fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(damage, (flips) => {
      const copy = Uint8Array.from(bytes);
      for (const [at, bits] of flips) copy[at] = (copy[at] ?? 0) ^ bits;
      survives(copy);
    }),
    { numRuns: 4000 },
  );
  const insertion = fc.tuple(place, place, fc.uint8Array({ maxLength: 12 }));
  fc.assert(
    fc.property(insertion, ([from, to, put]) => {
      survives(concat([bytes.subarray(0, from), put, bytes.subarray(Math.max(from, to))]));
    }),
    { numRuns: 2000 },
  );
  t.pass('nothing else was thrown');
});

test('bytes of no kind at all', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      survives(bytes);
      survives(bytesField(7, bytes));
      survives(bytesField(7, bytesField(1, bytes)));
      survives(bytesField(7, bytesField(5, bytes)));
    }),
    { numRuns: 2000 },
  );
  t.pass('nothing else was thrown');
});

const graph = (...fields: Uint8Array[]): Uint8Array => bytesField(7, concat(fields));
const tensor = (...fields: Uint8Array[]): Uint8Array => graph(bytesField(5, concat(fields)));
const packed = (number: number, ...values: bigint[]): Uint8Array => bytesField(number, concat(values.map(varint)));

test('what cannot be is refused with what was found', async (t) => {
  const refused = (bytes: Uint8Array, why: RegExp): void => {
    t.throws(() => readModel(bytes), { code: 'MODEL_INVALID', message: why }, why.source);
  };
  refused(new Uint8Array(0), /it has no graph/);
  refused(concat([graph(), graph()]), /it has 2 graphs/);
  refused(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), /a number of more than ten bytes/);
  refused(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), /a field of \d+ bytes where 0 are left/);
  refused(Uint8Array.of(0x3a, 0xff), /it ends within a number/);
  refused(Uint8Array.of(0), /a field with number 0/);
  refused(Uint8Array.of(0x3b, 0x3c), /wire type 3/);
  refused(varintField(7, 1n), /field 7 of a message is a number/);
  refused(graph(bytesField(2, Uint8Array.of(0xff))), /a name that is not UTF-8/);
  refused(tensor(packed(1, 2n ** 40n, 2n ** 40n), varintField(2, 1n)), /a tensor of shape \[\d+, \d+\] with 0 bytes/);
  refused(tensor(packed(1, ...new Array<bigint>(16).fill(2n ** 53n - 1n)), varintField(2, 1n)), /with 0 bytes/);
  refused(tensor(packed(1, -1n), varintField(2, 1n)), /a tensor of shape \[-1\]/);
  refused(tensor(packed(1, 2n ** 62n), varintField(2, 1n)), /a tensor of shape \[4611686018427388000\]/);
  refused(tensor(packed(1, ...new Array<bigint>(17).fill(1n)), varintField(2, 1n)), /a tensor of shape/);
  refused(tensor(varintField(1, 3n), varintField(2, 1n), bytesField(9, new Uint8Array(11))), /shape \[3\] with 11 bytes, expected 12/);
  refused(tensor(varintField(1, 3n), varintField(2, 6n), packed(5, 1n, 2n)), /shape \[3\] with 8 bytes, expected 12/);
  const attribute = bytesField(5, concat([bytesField(1, Buffer.from('k')), varintField(3, 1n)]));
  refused(graph(bytesField(1, concat([attribute, attribute]))), /two attributes of one name/);
});

/** A graph in an attribute of a node in a graph, so many times over. */
function nested(depth: number): Uint8Array {
  let inner: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < depth; i++) inner = bytesField(1, bytesField(5, concat([bytesField(6, inner), varintField(20, 5n)])));
  return bytesField(7, inner);
}

test('graphs within graphs go as deep as the limit', async (t) => {
  t.ok(survives(nested(limits.onnxDepthMax)));
  t.throws(() => readModel(nested(limits.onnxDepthMax + 1)), { code: 'MODEL_INVALID', message: /more than 16 deep/ });
  t.throws(() => readModel(nested(1500)), { code: 'MODEL_INVALID' });
});
