/** The pass against ONNX Runtime: small models written field by field, run before and after. */
import ort from 'onnxruntime-node';
import { test } from 'tap';
import { fuseHardSwish } from '../../src/compile/fuse-hard-swish.js';
import { bytesField, floatField, numberField } from '../../src/compile/protobuf.js';

const node = (op: string, inputs: readonly string[], output: string): Buffer =>
  bytesField(1, [...inputs.map((name) => bytesField(1, name)), bytesField(2, output), bytesField(4, op)]);

/** A float32 scalar initializer. */
const scalar = (name: string, value: number): Buffer => bytesField(5, [numberField(2, 1), floatField(4, value), bytesField(8, name)]);

/** A float32 value of eight numbers. */
const value = (field: number, name: string): Buffer =>
  bytesField(field, [
    bytesField(1, name),
    bytesField(2, [bytesField(1, [numberField(1, 1), bytesField(2, [bytesField(1, [numberField(1, 8)])])])]),
  ]);

/** `x * clip(x + shift, 0, top) / by`; `extra` outputs make intermediate values visible. */
function hardSwish(shift: number, top: number, by: number, extra: readonly string[] = []): Buffer {
  const graph = [
    node('Add', ['x', 'shift'], 'shifted'),
    node('Clip', ['shifted', 'zero', 'top'], 'gate'),
    node('Mul', ['x', 'gate'], 'product'),
    node('Div', ['product', 'by'], 'y'),
    bytesField(2, 'graph'),
    ...Object.entries({ shift, zero: 0, top, by }).map(([name, number]) => scalar(name, number)),
    value(11, 'x'),
    ...['y', ...extra].map((name) => value(12, name)),
  ];
  return Buffer.concat([numberField(1, 8), bytesField(7, graph), bytesField(8, [numberField(2, 13)])]);
}

async function run(model: Uint8Array): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
    graphOptimizationLevel: 'disabled',
  });
  const x = new ort.Tensor('float32', Float32Array.of(-7, -3, -1.5, -0.1, 0, 1.25, 3, 9), [8]);
  const { y } = await session.run({ x });
  await session.release();
  return y?.data as Float32Array;
}

test('a fused model computes what the model computed, with two operators instead of four', async (t) => {
  const model = hardSwish(3, 6, 6);
  const fused = fuseHardSwish(model);
  const text = Buffer.from(fused).toString('latin1');
  t.match(text, /HardSigmoid/);
  t.notMatch(text, /Add|Clip|Div/);
  const [before, after] = [await run(model), await run(fused)];
  t.equal(before[7], 9, 'the model written here is hard swish');
  for (const [index, expected] of before.entries()) t.ok(Math.abs(expected - (after[index] ?? Number.NaN)) < 1e-6, `x number ${index}`);
});

test('what is not exactly the pattern stays as it is', async (t) => {
  for (const model of [hardSwish(2, 6, 6), hardSwish(3, 7, 6), hardSwish(3, 6, 5), hardSwish(3, 6, 6, ['gate'])]) {
    t.equal(fuseHardSwish(model), model);
    t.equal((await run(model)).length, 8, 'and it is a model that runs');
  }
});

test('bytes that are no model, and half of one, stay as they are', async (t) => {
  const model = hardSwish(3, 6, 6);
  for (const bytes of [Buffer.from('this is no model, and no protobuf'), model.subarray(0, model.length / 2), Buffer.alloc(0)]) {
    t.equal(fuseHardSwish(bytes), bytes);
  }
});
