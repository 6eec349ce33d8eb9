/** Products with constant weights in bytes, against the float they come from, in the real runtime; and what it makes of them. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ort from 'onnxruntime-node';
import { type Test, test } from 'tap';
import type { OnnxModel } from '../../../src/compile/onnx/model.js';
import { readModel } from '../../../src/compile/onnx/read.js';
import { nodeOf } from '../../../src/compile/onnx/values.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import { simplify } from '../../../src/compile/passes/index.js';
import { dynamicProducts, quantizeDynamically } from '../../../src/compile/quantize/dynamic.js';
import { difference, modelOf, noise, runModel, type Sketch, size, weights } from '../../support/graph-lab.js';

const options = { bits: 8, floatNodes: new Set<string>() } as const;

const operators = ({ graph }: OnnxModel): string[] => graph.nodes.map(({ op }) => op).sort();

/** The operators the runtime really runs, after its own optimizations. */
async function optimized(t: Test, model: OnnxModel): Promise<string[]> {
  const optimizedModelFilePath = join(mkdtempSync(join(process.env.TMPDIR ?? '/tmp', 'dynamic-')), 'optimized.onnx');
  const session = await ort.InferenceSession.create(writeModel(model), { optimizedModelFilePath, logSeverityLevel: 3 });
  await session.release();
  const found = operators(readModel(readFileSync(optimizedModelFilePath)));
  t.comment(found.join(' '));
  return found;
}

function feeds({ inputs }: Sketch, seed = 3): Record<string, ort.Tensor> {
  const entries = Object.entries(inputs).map(([name, shape]) => {
    const dims = shape.map((dim) => (typeof dim === 'number' ? dim : 3));
    return [name, new ort.Tensor('float32', noise(size(dims), seed), dims)] as const;
  });
  return Object.fromEntries(entries);
}

const products: readonly { readonly what: string; readonly sketch: Sketch }[] = [
  {
    what: 'MatMul',
    sketch: { nodes: [nodeOf('MatMul', ['x', 'w'], ['y'])], constants: { w: weights([24, 10]) }, inputs: { x: [4, 24] } },
  },
  {
    what: 'MatMul of a batch of free size',
    sketch: { nodes: [nodeOf('MatMul', ['x', 'w'], ['y'])], constants: { w: weights([24, 10]) }, inputs: { x: ['n', 5, 24] } },
  },
  {
    what: 'Gemm with a bias',
    sketch: {
      nodes: [nodeOf('Gemm', ['x', 'w', 'b'], ['y'])],
      constants: { w: weights([24, 10]), b: weights([10], 5) },
      inputs: { x: [4, 24] },
    },
  },
  {
    what: 'Gemm with weights the other way round',
    sketch: {
      nodes: [nodeOf('Gemm', ['x', 'w', 'b'], ['y'], { transB: 1 })],
      constants: { w: weights([10, 24]), b: weights([10], 5) },
      inputs: { x: [4, 24] },
    },
  },
];

for (const { what, sketch } of products) {
  test(`${what} in bytes gives what float gives, and the runtime makes one kernel of it`, async (t) => {
    const float = writeModel(modelOf(sketch));
    const model = readModel(float);
    t.equal(dynamicProducts(model), 1);
    t.equal(quantizeDynamically(model, options), 1);
    const [fed, before] = [feeds(sketch), await runModel(float, feeds(sketch))];
    const off = difference(before, await runModel(writeModel(model), fed));
    t.ok(off > 0 && off < 0.02, `off by ${off}: close, and not the float itself`);
    const found = await optimized(t, model);
    t.ok(found.includes('DynamicQuantizeMatMul'), 'fused');
    t.notOk(
      found.some((op) => /MatMulInteger$|^Cast$|^MatMul$|^Gemm$/.test(op)),
      'nothing of it is left over',
    );
  });
}

test('each output has a scale of its own: weights a thousand times smaller lose nothing', async (t) => {
  const w = weights([32, 4]);
  const values = new Float32Array(w.data.buffer.slice(w.data.byteOffset, w.data.byteOffset + w.data.byteLength));
  for (let i = 0; i < values.length; i += 4) values[i] = (values[i] ?? 0) / 1000;
  const small = { ...w, data: new Uint8Array(values.buffer) };
  const sketch: Sketch = {
    nodes: [nodeOf('MatMul', ['x', 'w'], ['all']), nodeOf('Gather', ['all', 'first'], ['y'], { axis: 1 })],
    constants: { w: small, first: { name: '', type: 7, dims: [1], data: new Uint8Array(8), external: false, rest: [] } },
    inputs: { x: [16, 32] },
  };
  const float = writeModel(modelOf(sketch));
  const model = readModel(float);
  t.equal(quantizeDynamically(model, options), 1);
  const off = difference(await runModel(float, feeds(sketch)), await runModel(writeModel(model), feeds(sketch)));
  t.ok(off < 0.02, `the small output is off by ${off} of its own largest value`);
});

test('products of one tensor share its bytes, and one that is to stay float does', (t) => {
  const sketch: Sketch = {
    nodes: ['q', 'k', 'v'].map((name) => nodeOf('MatMul', ['x', `w${name}`], [name])),
    constants: { wq: weights([8, 8], 1), wk: weights([8, 8], 2), wv: weights([8, 8], 3) },
    inputs: { x: [2, 8] },
    outputs: ['q', 'k', 'v'],
  };
  const model = modelOf(sketch);
  t.equal(quantizeDynamically(model, { bits: 7, floatNodes: new Set(['v']) }), 2);
  const count = (op: string) => operators(model).filter((found) => found === op).length;
  t.strictSame([count('DynamicQuantizeLinear'), count('MatMulInteger'), count('MatMul')], [1, 2, 1]);
  const bytes = model.graph.initializers.filter(({ type }) => type === 3).flatMap(({ data }) => [...new Int8Array(data.slice().buffer)]);
  t.equal(Math.max(...bytes.map(Math.abs)), 63, 'seven bits are seven bits');
  t.strictSame(
    model.graph.outputs.map(({ name }) => name),
    ['q', 'k', 'v'],
  );
  t.end();
});

test('what it does not know stays as it is', (t) => {
  const product = (attributes: Parameters<typeof nodeOf>[3], op = 'Gemm') => nodeOf(op, ['x', 'w', 'b'], ['y'], attributes);
  const constants = { w: weights([8, 8]), b: weights([8]) };
  const inputs = { x: [8, 8] };
  const sketches: readonly Sketch[] = [
    { nodes: [product({ alpha: { float: 0.5 } })], constants, inputs },
    { nodes: [product({ beta: { float: 2 } })], constants, inputs },
    { nodes: [product({ transA: 1 })], constants, inputs },
    { nodes: [nodeOf('MatMul', ['x', 'z'], ['y'])], inputs: { x: [4, 4], z: [4, 4] } },
    { nodes: [nodeOf('MatMul', ['w', 'x'], ['y'])], constants, inputs },
    { nodes: [nodeOf('MatMul', ['x', 'w'], ['y'])], constants: { w: weights([2, 8, 4]) }, inputs: { x: [3, 8] } },
    { nodes: [nodeOf('MatMul', ['x', 'w'], ['y'])], constants, inputs, opset: 10 },
  ];
  for (const [i, sketch] of sketches.entries()) {
    const model = modelOf(sketch);
    const before = writeModel(model);
    t.equal(quantizeDynamically(model, options), 0, `number ${i}`);
    t.strictSame(writeModel(model), before);
  }
  t.end();
});

test('the line reader with its products in bytes reads the same letters', async (t) => {
  const model = readModel(readFileSync('models/ppocr-rec/4.0.0/model.onnx'));
  simplify(model);
  const float = writeModel(model);
  const count = quantizeDynamically(model, options);
  t.equal(count, 9);
  const built = writeModel(model);
  t.ok(built.length < 0.75 * float.length, `${built.length} of ${float.length} bytes`);
  const again = readModel(float);
  quantizeDynamically(again, options);
  t.ok(Buffer.from(built).equals(writeModel(again)), 'the same bytes every time');
  const [name = ''] = model.graph.inputs.map((input) => input.name);
  const fed = { [name]: new ort.Tensor('float32', noise(3 * 48 * 320), [1, 3, 48, 320]) };
  const letters = async (bytes: Uint8Array): Promise<number[]> => {
    const [output] = Object.values(await runModel(bytes, fed));
    const [, steps = 0, classes = 0] = output?.dims ?? [];
    const scores = output?.data as Float32Array;
    return Array.from({ length: steps }, (_, step) => {
      const row = scores.subarray(step * classes, (step + 1) * classes);
      return row.indexOf(Math.max(...row));
    });
  };
  t.strictSame(await letters(built), await letters(float));
});
