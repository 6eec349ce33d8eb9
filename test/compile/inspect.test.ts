/**
 * The inspection against the runtime where it can be: every tensor's shape as it was told, against the one it has in a run. The rest on
 * models written by hand, of which each count can be done on paper.
 */
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import { type Test, test } from 'tap';
import { Dimensions } from '../../src/compile/inspect/dimensions.js';
import { inspectModel } from '../../src/compile/inspect/inspect-model.js';
import { walkModel } from '../../src/compile/inspect/walk.js';
import { dataType, type OnnxModel } from '../../src/compile/onnx/model.js';
import { readModel } from '../../src/compile/onnx/read.js';
import { attributeOf, nodeOf, tensorOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { bundledFiles, sharedFiles } from '../support/onnx-files.js';
import { graphOf, modelOf, ones, type TinyModel, typedValue } from '../support/tiny-onnx.js';

const sizes = new Map([['sequence', 576]]);

async function told(t: Test, file: string): Promise<void> {
  const model = readModel(readFileSync(file));
  const dimensions = new Dimensions(model, /silero.*\bmodel\.onnx$|silero_/.test(file) ? sizes : new Map());
  const { made } = walkModel(model, (value) => dimensions.shapeOf(value));
  const answered = new Set(model.graph.outputs.map(({ name }) => name));
  for (const name of made.keys()) if (!answered.has(name)) model.graph.outputs.push(typedValue(name, null, 0));
  const options = { graphOptimizationLevel: 'disabled', logSeverityLevel: 4, intraOpNumThreads: 1 } as const;
  const session = await ort.InferenceSession.create(writeModel(model), options);
  const found = await session.run(feedsOf(model, dimensions));
  const wrong = [...made].filter(([name, { shape }]) => JSON.stringify(shape) !== JSON.stringify(found[name]?.dims));
  t.same(wrong, [], `${file}: ${made.size} tensors have the shape that was told`);
  await session.release();
}

function feedsOf(model: OnnxModel, dimensions: Dimensions): Record<string, ort.Tensor> {
  const fed = new Set(model.graph.initializers.map(({ name }) => name));
  const feeds = model.graph.inputs
    .filter(({ name }) => !fed.has(name))
    .map((value) => {
      const shape = (dimensions.shapeOf(value) ?? []).map((size) => size ?? 1);
      const count = shape.reduce((product, size) => product * size, 1);
      if (value.type === dataType.int64) return [value.name, new ort.Tensor('int64', new BigInt64Array(count).fill(16000n), shape)];
      if (value.type === dataType.uint8) return [value.name, new ort.Tensor('uint8', new Uint8Array(count).fill(100), shape)];
      if (value.type === dataType.int32) return [value.name, new ort.Tensor('int32', new Int32Array(count), shape)];
      return [value.name, new ort.Tensor('float32', new Float32Array(count).fill(0.1), shape)];
    });
  return Object.fromEntries(feeds) as Record<string, ort.Tensor>;
}

test('every tensor of every bundled model has the shape that the inspection tells', async (t) => {
  for (const file of bundledFiles) await told(t, file);
});

test('and so in models nobody wrote the rules for', { skip: sharedFiles.length === 0 ? 'needs SHOAL_TEST_DATA' : false }, async (t) => {
  for (const file of sharedFiles) await told(t, file);
});

const inspect = (tiny: TinyModel, given?: ReadonlyMap<string, number>) => inspectModel(writeModel(modelOf(tiny)), given);

test('multiply-accumulates are those of paper', async (t) => {
  const macs = (tiny: TinyModel) => inspect(tiny).work.macs;
  const x = typedValue('x', [1, 4, 8, 8]);
  const conv = nodeOf('Conv', ['x', 'w'], ['y'], { strides: [2, 2], pads: [1, 1, 1, 1] });
  t.equal(macs({ nodes: [conv], inputs: [x], initializers: [ones('w', [6, 4, 3, 3])] }), 6 * 4 * 4 * 4 * 9, 'a convolution');
  const depthwise = nodeOf('Conv', ['x', 'w'], ['y'], { group: 4 });
  t.equal(macs({ nodes: [depthwise], inputs: [x], initializers: [ones('w', [4, 1, 3, 3])] }), 4 * 6 * 6 * 9, 'one channel by channel');
  const up = nodeOf('ConvTranspose', ['x', 'w'], ['y'], { strides: [2, 2] });
  t.equal(macs({ nodes: [up], inputs: [x], initializers: [ones('w', [4, 5, 2, 2])] }), 4 * 8 * 8 * 5 * 4, 'a transposed one');
  const matMul = nodeOf('MatMul', ['a', 'b'], ['y']);
  t.equal(macs({ nodes: [matMul], inputs: [typedValue('a', [2, 3, 5])], initializers: [ones('b', [5, 7])] }), 2 * 3 * 5 * 7, 'matrices');
  const gemm = nodeOf('Gemm', ['a', 'b'], ['y'], { transA: 1, transB: 1 });
  t.equal(macs({ nodes: [gemm], inputs: [typedValue('a', [5, 3])], initializers: [ones('b', [7, 5])] }), 3 * 5 * 7, 'turned ones');
  const lstm = nodeOf('LSTM', ['a', 'w', 'r'], ['y'], { hidden_size: 3 });
  const recurrent = { nodes: [lstm], inputs: [typedValue('a', [10, 1, 2])], initializers: [ones('w', [1, 12, 2]), ones('r', [1, 12, 3])] };
  t.equal(macs(recurrent), 10 * 12 * (2 + 3), 'a recurrent layer');
});

test('what it quantized is told by weights and by work', async (t) => {
  const dequantize = (of: string) => nodeOf('DequantizeLinear', [of, 'scale'], [`${of}_float`]);
  const report = inspect({
    nodes: [
      nodeOf('QuantizeLinear', ['x', 'scale'], ['xq']),
      dequantize('xq'),
      dequantize('w'),
      nodeOf('MatMul', ['xq_float', 'w_float'], ['hidden']),
      nodeOf('MatMul', ['hidden', 'v'], ['y']),
    ],
    inputs: [typedValue('x', [1, 10])],
    outputs: [typedValue('y', [1, 10])],
    initializers: [tensorOf('w', new Int8Array(300), [10, 30]), ones('v', [30, 10]), ones('scale', [])],
  });
  t.match(report.work, { macs: 600, quantizedShare: 0.5, uncounted: {} });
  t.equal(report.weights.quantizedShare, 300 / 601);
  t.same(report.findings, []);
  t.equal(report.inputs[0]?.type, 'float32');
  t.same(report.outputs[0]?.shape, [1, 10]);
});

test('free dimensions are given or assumed, and an unknown one is refused with those there are', async (t) => {
  const tiny = {
    nodes: [nodeOf('MatMul', ['x', 'w'], ['y'])],
    inputs: [typedValue('x', ['n', 'length', '', 4])],
    initializers: [ones('w', [4, 4])],
  };
  t.same(inspect(tiny).dimensions, [
    { name: 'n', size: 1, assumed: true },
    { name: 'length', size: 320, assumed: true },
    { name: 'x.2', size: 320, assumed: true },
  ]);
  t.equal(
    inspect(
      tiny,
      new Map([
        ['length', 2],
        ['x.2', 3],
      ]),
    ).work.macs,
    2 * 3 * 16,
  );
  t.throws(() => inspect(tiny, new Map([['width', 2]])), { code: 'USAGE', message: /no free dimension "width".*free are n, length, x\.2/ });
});

test('the branch that is taken counts, the dearer one where that is not known, and a body that repeats at least once', async (t) => {
  const branch = (columns: number) =>
    graphOf({ nodes: [nodeOf('MatMul', ['x', `w${columns}`], ['inner'])], outputs: [typedValue('inner', null)] });
  const choice = nodeOf('If', ['which'], ['y']);
  choice.attributes.set('then_branch', { kind: 'graph', value: branch(3), rest: [] });
  choice.attributes.set('else_branch', { kind: 'graph', value: branch(5), rest: [] });
  const initializers = [ones('w3', [4, 3]), ones('w5', [4, 5]), tensorOf('four', BigInt64Array.of(4n), [1])];
  const inputs = [typedValue('x', [1, 4]), typedValue('which', [], dataType.bool)];
  t.equal(inspect({ nodes: [choice], inputs, initializers }).work.macs, 20);
  const decided = [nodeOf('Size', ['x'], ['size']), nodeOf('Equal', ['size', 'four'], ['which']), choice];
  t.equal(inspect({ nodes: decided, inputs: [typedValue('x', [1, 4])], initializers }).work.macs, 12);
  const loop = nodeOf('Loop', ['count', ''], ['y']);
  loop.attributes.set('body', { kind: 'graph', value: branch(3), rest: [] });
  const looped = inspect({ nodes: [loop], inputs: [...inputs, typedValue('count', [], dataType.int64)], initializers });
  t.match(looped.work, { macs: 12, atLeast: true });
  t.match(looped.findings, [{ level: 'warning', code: 'loops', message: /Loop 1/ }, { code: 'unused_initializer' }]);
});

const codes = (model: OnnxModel) => inspectModel(writeModel(model)).findings.map(({ code }) => code);
const plain = (): OnnxModel =>
  modelOf({ nodes: [nodeOf('Relu', ['x'], ['y'])], inputs: [typedValue('x', [2])], outputs: [typedValue('y', [2])] });

test('what is odd about a model is said, and nothing about one that is not', async (t) => {
  t.same(codes(plain()), []);
  const odd = (change: (model: OnnxModel) => void): string[] => {
    const model = plain();
    change(model);
    return codes(model);
  };
  const { graph } = plain();
  const add = (model: OnnxModel, ...names: string[]) => model.graph.nodes.push(nodeOf('Add', names, ['z']));
  t.same(
    odd((m) => m.opsets.set('', 6)),
    ['unusual_opset'],
  );
  t.same(
    odd((m) => m.opsets.clear()),
    ['no_opset'],
  );
  t.same(
    odd((m) => (m.irVersion = 99)),
    ['unusual_ir_version'],
  );
  t.same(
    odd((m) => add(m, 'x', 'ghost')),
    ['missing_tensor'],
  );
  t.same(
    odd((m) => m.graph.nodes.unshift(nodeOf('Relu', ['y'], ['z']))),
    ['unsorted'],
  );
  t.same(
    odd((m) => m.graph.nodes.push(...graph.nodes)),
    ['duplicate_name'],
  );
  t.same(
    odd((m) => m.graph.outputs.push(typedValue('ghost', null))),
    ['missing_output'],
  );
  t.same(
    odd((m) => m.graph.initializers.push(ones('idle', [1]))),
    ['unused_initializer'],
  );
  t.same(
    odd((m) => m.graph.initializers.push(ones('x', [2]))),
    ['initializer_as_input'],
  );
  t.same(
    odd((m) => m.graph.nodes.push({ ...nodeOf('Twist', ['x'], ['z']), domain: 'org.example' })),
    ['custom_domain', 'domain_not_imported'],
  );
  t.same(
    odd((m) => m.opsets.set('com.microsoft', 1) && m.graph.nodes.push({ ...nodeOf('Gelu', ['x'], ['z']), domain: 'com.microsoft' })),
    ['known_domain'],
  );
  t.same(
    odd((m) => m.graph.nodes.splice(0) && m.graph.outputs.splice(0)),
    ['no_operators'],
  );
  const constant = (tensor: ReturnType<typeof ones>) => (m: OnnxModel) => {
    m.graph.initializers.push(tensor);
    add(m, 'x', tensor.name);
  };
  t.same(odd(constant(tensorOf('w', Float32Array.of(1, Number.NaN), [2]))), ['nan_weights']);
  t.same(odd(constant(tensorOf('w', Float32Array.of(1, -Infinity), [2]))), ['infinite_weights']);
  t.same(odd(constant({ ...ones('w', [2]), type: dataType.float16, data: Uint8Array.of(0, 0, 1, 0x7c) })), ['nan_weights']);
  t.same(odd(constant({ ...ones('w', [2]), type: dataType.string, data: new Uint8Array(0) })), ['string_tensor']);
  t.same(odd(constant({ ...ones('w', [2]), external: true, rest: [Uint8Array.of(14 * 8, 1)] })), ['external_data']);
  t.same(odd(constant(ones('w', [17 * 1024 * 1024]))), ['huge_constant']);
  const held = nodeOf('Constant', [], ['w']);
  held.attributes.set('value', attributeOf(ones('', [300_000])));
  t.same(
    odd((m) => m.graph.nodes.push(held)),
    ['large_node_constant'],
  );
  t.same(
    odd((m) => m.rest.push(Uint8Array.of(0xca, 1, 0))),
    ['functions'],
  );
  t.same(
    odd((m) => ((m.graph.inputs[0] ?? typedValue('', null)).type = dataType.string)),
    ['string_input'],
  );
});

test('a name of a subgraph may come from the graphs around it, and not from within', async (t) => {
  const inner = graphOf({ nodes: [nodeOf('Add', ['x', 'w'], ['inner'])], outputs: [typedValue('inner', [2])] });
  const choice = nodeOf('If', ['which'], ['y']);
  choice.attributes.set('then_branch', { kind: 'graph', value: inner, rest: [] });
  choice.attributes.set('else_branch', { kind: 'graph', value: inner, rest: [] });
  const inputs = [typedValue('x', [2]), typedValue('which', [], dataType.bool)];
  const good = modelOf({ nodes: [choice], inputs, outputs: [typedValue('y', [2])], initializers: [ones('w', [2])] });
  t.same(codes(good), ['branches']);
  good.graph.nodes.push(nodeOf('Relu', ['inner'], ['z']));
  t.same(codes(good), ['missing_tensor', 'branches']);
});

test('sizes beyond counting are unknown, not infinite', async (t) => {
  const huge = typedValue('x', [2 ** 52, 2 ** 52]);
  const report = inspect({ nodes: [nodeOf('Relu', ['x'], ['y']), nodeOf('MatMul', ['y', 'y'], ['z'])], inputs: [huge] });
  t.match(report.work, { macs: 0, others: 0, atLeast: true, uncounted: { Relu: 1, MatMul: 1 } });
  t.equal(JSON.parse(JSON.stringify(report)).activations.unknown, 2);
});

test('a report of ten megabytes takes milliseconds', async (t) => {
  const file = readFileSync('models/ppocr-rec/4.0.0/model.onnx');
  const taken: number[] = [];
  for (let run = 0; run < 5; run++) {
    const began = process.cpuUsage();
    inspectModel(file);
    const { user, system } = process.cpuUsage(began);
    taken.push((user + system) / 1000);
  }
  const best = Math.min(...taken);
  t.comment(`${(file.length / 1e6).toFixed(1)} MB: first ${taken[0]?.toFixed(1)} ms, best ${best.toFixed(1)} ms of CPU`);
  t.ok(best < 100);
});
