/** What was read and written is the model that was read: for every model at hand, for the runtime, and for fields nobody knows yet. */
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import { type Test, test } from 'tap';
import { dataType, type OnnxModel } from '../../../src/compile/onnx/model.js';
import { readModel } from '../../../src/compile/onnx/read.js';
import { attributeOf, nodeOf, tensorOf } from '../../../src/compile/onnx/values.js';
import { Budget, bytesField, concat, readFields, varintField } from '../../../src/compile/onnx/wire.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import { Chance } from '../../support/chance.js';
import { bundledFiles, sharedFiles } from '../../support/onnx-files.js';
import { graphOf, modelOf, ones, typedValue } from '../../support/tiny-onnx.js';

function rewrites(t: Test, file: string): void {
  const model = readModel(readFileSync(file));
  const written = writeModel(model);
  const again = readModel(written);
  t.ok(same(model, again), `${file}: the same model`);
  t.ok(Buffer.from(writeModel(again)).equals(written), `${file}: the same bytes`);
}

/** tap's own comparison takes minutes on megabytes. */
function same(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.from(a).equals(b);
  if (a instanceof Map) return b instanceof Map && same([...a], [...b]);
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]));
  if (typeof a === 'object' && a !== null && typeof b === 'object' && b !== null)
    return same(Object.entries(a).sort(byKey), Object.entries(b).sort(byKey));
  return Object.is(a, b);
}

const byKey = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);

test('every bundled model is read, written and read the same', async (t) => {
  t.notOk(
    same({ a: [1, new Map([['b', Uint8Array.of(1)]])] }, { a: [1, new Map([['b', Uint8Array.of(2)]])] }),
    'the comparison sees a byte',
  );
  for (const file of bundledFiles) rewrites(t, file);
});

test('and every shared one', { skip: sharedFiles.length === 0 ? 'needs SHOAL_TEST_DATA' : false }, async (t) => {
  for (const file of sharedFiles) rewrites(t, file);
});

async function answers(bytes: Uint8Array): Promise<unknown> {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const random = new Chance(7);
  const feeds = session.inputMetadata.map((input) => {
    if (!input.isTensor) throw new Error(`${input.name} is no tensor`);
    const shape = input.shape.map((size, axis) => (typeof size === 'number' ? size : axis === 0 ? 1 : 64));
    const floats = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => random.next());
    const tensor = input.type === 'int64' ? new ort.Tensor('int64', BigInt64Array.of(16000n), shape) : new ort.Tensor(floats, shape);
    return [input.name, tensor] as const;
  });
  const found = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.entries(found).map(([name, { data, dims }]) => [name, dims, Array.from(data as Float32Array)]);
}

test('the runtime answers the same, bit for bit', async (t) => {
  for (const name of ['ppocr-cls/2.0.0', 'ppocr-det/4.0.0', 'blazeface-back/1.2.0']) {
    const bytes = readFileSync(`models/${name}/model.onnx`);
    t.same(await answers(writeModel(readModel(bytes))), await answers(bytes), name);
  }
});

/** One of everything, so that a guard for fields to come has each message to stand in. */
function everything(): OnnxModel {
  const branch = graphOf({ nodes: [nodeOf('Identity', ['x'], ['inner'])], outputs: [typedValue('inner', null)] });
  const node = nodeOf('If', ['which'], ['y'], { axes: [-1, 2], mode: 'linear', k: -3, alpha: { float: 0.5 }, table: ones('t', [2]) });
  node.attributes.set('then_branch', { kind: 'graph', value: branch, rest: [] });
  node.attributes.set('bodies', { kind: 'graphs', value: [branch, branch], rest: [] });
  node.attributes.set('names', { kind: 'strings', value: [new Uint8Array(0), Uint8Array.of(255)], rest: [] });
  node.attributes.set('weights', { kind: 'floats', value: [1, -0, Number.NEGATIVE_INFINITY], rest: [] });
  const inputs = [typedValue('x', ['n', 3, '']), typedValue('which', [], dataType.bool), typedValue('free', null)];
  const model = modelOf({ nodes: [node], inputs, outputs: [typedValue('y', [1])], initializers: [ones('w', [2, 2]), ones('s', [])] });
  model.graph.values.push(typedValue('inner', [4]));
  return model;
}

test('a model made by hand is read as it was made', async (t) => {
  t.strictSame(readModel(writeModel(everything())), everything());
});

/** Which fields of which message hold which, after onnx.proto; what is not here has no `rest` of its own. */
const messages: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: 'graph' },
  graph: { 1: 'node', 5: 'tensor', 11: 'value', 12: 'value', 13: 'value' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 11: 'graph' },
  tensor: {},
  value: { 2: 'type' },
  type: { 1: 'tensorType' },
  tensorType: { 2: 'shape' },
  shape: { 1: 'dimension' },
  dimension: {},
};

const mark = Buffer.from('a field of the future');
const strangers = concat([bytesField(1000, mark), varintField(1001, 2n ** 64n - 1n)]);

/** The same message with a field nobody knows in it and in all within. */
function marked(bytes: Uint8Array, message: string): Uint8Array {
  const fields = readFields(bytes, new Budget()).map((field) => {
    const inner = messages[message]?.[field.number];
    return inner === undefined ? field.raw : bytesField(field.number, marked(field.bytes, inner));
  });
  return concat([...fields, strangers]);
}

function marks(bytes: Uint8Array): number {
  const text = Buffer.from(bytes).toString('latin1');
  return text.split(mark.toString('latin1')).length - 1;
}

test('fields nobody knows survive in every message', async (t) => {
  for (const bytes of [writeModel(everything()), readFileSync('models/silero-vad/6.2.1/model.onnx')]) {
    const strange = marked(bytes, 'model');
    const written = writeModel(readModel(strange));
    t.ok(marks(strange) > 20);
    t.equal(marks(written), marks(strange));
    t.ok(same(readModel(written), readModel(strange)));
  }
  const known = readModel(marked(writeModel(everything()), 'model')).graph.inputs[0];
  t.match(known, { type: 1, shape: ['n', 3, ''], otherType: Uint8Array }, 'and what is known is known beside them');
});

test('each way to state the data of a tensor comes to the same bytes', async (t) => {
  const stated = (type: number, dims: readonly number[], ...data: Uint8Array[]): Uint8Array | undefined => {
    const tensor = concat([...dims.map((dim) => varintField(1, BigInt(dim))), varintField(2, BigInt(type)), ...data]);
    return readModel(bytesField(7, bytesField(5, tensor))).graph.initializers[0]?.data;
  };
  const packed = bytesField(
    5,
    concat([[1n], [2n ** 64n - 2n], [300n]].flatMap((part) => part.map((value) => varintField(1, value).subarray(1)))),
  );
  t.strictSame(Buffer.from(stated(dataType.int32, [3], packed) ?? []), Buffer.from(Int32Array.of(1, -2, 300).buffer), 'packed int32');
  t.strictSame(Buffer.from(stated(dataType.int8, [3], packed) ?? []), Buffer.from([1, 254, 44]), 'int8 in int32 fields');
  t.strictSame(Buffer.from(stated(dataType.float16, [3], packed) ?? []), Buffer.from([1, 0, 254, 255, 44, 1]), 'float16 likewise');
  const apart = [varintField(7, 5n), varintField(7, 2n ** 64n - 1n)];
  t.strictSame(Buffer.from(stated(dataType.int64, [2], ...apart) ?? []), Buffer.from(BigInt64Array.of(5n, -1n).buffer), 'int64 one by one');
  const floats = Buffer.from(Float32Array.of(1.5, -0).buffer);
  t.strictSame(Buffer.from(stated(dataType.float32, [2], bytesField(4, floats)) ?? []), floats, 'packed floats');
  t.strictSame(Buffer.from(stated(dataType.float32, [2], bytesField(9, floats)) ?? []), floats, 'raw');
  for (const [type, data] of [
    [dataType.int64, bytesField(4, floats)],
    [dataType.float32, packed],
  ] as const) {
    t.throws(() => stated(type, [2], data), { code: 'MODEL_INVALID' }, 'not in the field of another type');
  }
});

test('numbers keep their sign, and domains their meaning', async (t) => {
  const model = everything();
  model.graph.inputs = [typedValue('x', [-1, 2 ** 53 - 1])];
  model.graph.initializers = [tensorOf('i', BigInt64Array.of(-(2n ** 63n)), [1])];
  model.graph.nodes[0]?.attributes.set('least', attributeOf(-(2 ** 53)));
  t.strictSame(readModel(writeModel(model)), model);
  const imported = concat([writeModel(model), bytesField(8, concat([bytesField(1, Buffer.from('ai.onnx')), varintField(2, 17n)]))]);
  t.strictSame([...readModel(imported).opsets], [['', 17]]);
});
