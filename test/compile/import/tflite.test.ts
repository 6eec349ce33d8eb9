/**
 * Imported TFLite models against TFLite itself, whose answers are in golden/tflite.json (tools/make-tflite-golden.ts): bytes within one step of
 * the output, floats within 1e-4 of the largest. Each is run as the engine runs it, and with the runtime's own optimizations off.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import ort from 'onnxruntime-node';
import { type Test, test } from 'tap';
import { importTflite } from '../../../src/compile/import/tflite/import-tflite.js';
import { readTflite } from '../../../src/compile/import/tflite/read-tflite.js';
import type { OnnxModel } from '../../../src/compile/onnx/model.js';
import { readModel } from '../../../src/compile/onnx/read.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import { simplify } from '../../../src/compile/passes/index.js';
import { size } from '../../support/graph-lab.js';
import { feedOf, type TfliteCase, tfliteCases } from '../../support/tflite-cases.js';
import { bytesFrom, floatsFrom, type Golden, golden, modelInput, tfliteModels } from '../../support/tflite-golden.js';
import { byte, int, type TinyTflite, table, tinyTflite } from '../../support/tflite-writer.js';

const truth = JSON.parse(readFileSync(golden, 'utf8')) as Golden;
const data = process.env.SHOAL_TEST_DATA;

type Feeds = Readonly<Record<string, readonly [Float32Array, readonly number[]]>>;

async function run(model: OnnxModel, feeds: Feeds, optimized = true): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(writeModel(model), {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
    graphOptimizationLevel: optimized ? 'all' : 'disabled',
  });
  try {
    const tensors = Object.entries(feeds).map(([name, [values, dims]]) => [name, new ort.Tensor('float32', values, dims)] as const);
    const answers = await session.run(Object.fromEntries(tensors));
    const found = answers[session.outputNames[0] ?? '']?.data;
    return found instanceof Float32Array ? found.slice() : new Float32Array(0);
  } finally {
    await session.release();
  }
}

interface Scaled {
  readonly scales?: readonly number[];
  readonly zeros?: readonly number[];
}

/** What bytes mean. */
function valuesOf(bytes: ArrayLike<number>, { scales = [1], zeros = [0] }: Scaled): Float32Array {
  return Float32Array.from(bytes, (byteValue) => Math.fround(scales[0] ?? 1) * (byteValue - (zeros[0] ?? 0)));
}

/** How many steps each of some values is from bytes; infinite for what is no number. */
function stepsOff(found: Float32Array, bytes: ArrayLike<number>, { scales = [1], zeros = [0] }: Scaled): number[] {
  if (found.length !== bytes.length) return [Number.POSITIVE_INFINITY];
  return Array.from(bytes, (byteValue, i) => {
    const steps = Math.abs(Math.round((found[i] ?? Number.NaN) / Math.fround(scales[0] ?? 1)) - (byteValue - (zeros[0] ?? 0)));
    return Number.isNaN(steps) ? Number.POSITIVE_INFINITY : steps;
  });
}

function judge(t: Test, each: TfliteCase, found: Float32Array, how: string): void {
  const output = each.tiny.tensors.find(({ name }) => name === 'y');
  const stored = truth.cases[each.name] ?? '';
  if (output?.scales === undefined) {
    const expected = floatsFrom(stored);
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
    const off = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - (found[i] ?? Number.NaN)) / largest), 0);
    t.ok(found.length === expected.length && off <= 1e-4, `${how}: off by ${off}`);
    return;
  }
  const expected = output.type === 'uint8' ? Uint8Array.from(bytesFrom(stored)) : bytesFrom(stored);
  const off = stepsOff(found, expected, output);
  t.ok(Math.max(...off) <= 1, `${how}: ${off.filter((steps) => steps > 0).length} of ${off.length} bytes are a step off`);
}

for (const each of tfliteCases) {
  test(`${each.name} computes what TFLite computes`, async (t) => {
    const feeds: Feeds = Object.fromEntries(
      each.tiny.inputs.map((name, place) => {
        const tensor = each.tiny.tensors.find((candidate) => candidate.name === name);
        const fed = feedOf(each, place);
        return [name, [fed instanceof Float32Array ? fed : valuesOf(fed, tensor ?? {}), tensor?.shape ?? []]];
      }),
    );
    const model = importTflite(each.model);
    judge(t, each, await run(model, feeds), 'as the engine runs it');
    judge(t, each, await run(model, feeds, false), 'as it stands');
    const simpler = importTflite(each.model);
    simplify(simpler);
    judge(t, each, await run(simpler, feeds), 'after the passes');
  });
}

test('every operator that is understood has a case', async (t) => {
  const { operators } = await import('../../../src/compile/import/tflite/operators/index.js');
  const tried = new Set(tfliteCases.flatMap((each) => readTflite(each.model).operators.map(({ name }) => name)));
  t.strictSame(
    Object.keys(operators).filter((name) => !tried.has(name)),
    [],
  );
});

const noData = data === undefined && `${Object.keys(tfliteModels).length} models: SHOAL_TEST_DATA is not set`;

for (const [name, { random }] of Object.entries(tfliteModels)) {
  test(`${name} answers within a step of TFLite, before and after the passes`, { skip: noData }, async (t) => {
    const file = readFileSync(path.join(data ?? '', 'models/tflite', `${name}.tflite`));
    const { tensors, inputs, outputs } = readTflite(file);
    const [input, output] = [tensors[inputs[0] ?? 0], tensors[outputs[0] ?? 0]];
    const simpler = importTflite(file);
    t.comment(`the passes change ${JSON.stringify(simplify(simpler))}`);
    const expected = truth.models[name];
    t.equal(expected?.random.length, random);
    const tried = [
      ...(expected?.random ?? []).map((answer, seed) => ({ fed: modelInput(input?.shape ?? [], seed), answer })),
      ...(expected?.real ?? []).map((real) => ({ fed: bytesFrom(real.input), answer: real.output })),
    ];
    for (const [how, model] of [['imported', importTflite(file)] as const, ['simplified', simpler] as const]) {
      let [off, most, count] = [0, 0, 0];
      for (const { fed, answer } of tried) {
        const found = await run(model, { [input?.name ?? '']: [valuesOf(fed, input?.quantization ?? {}), input?.shape ?? []] });
        const steps = stepsOff(found, bytesFrom(answer), output?.quantization ?? {});
        off += steps.filter((each) => each > 0).length;
        most = Math.max(most, ...steps);
        count += steps.length;
      }
      t.ok(most <= 1, `${how}, ${tried.length} inputs: ${off} of ${count} bytes off, by ${most} steps at most`);
    }
  });

  test(`${name} keeps its names and shapes, turns images at most once, and is the same every time`, { skip: noData }, async (t) => {
    const file = readFileSync(path.join(data ?? '', 'models/tflite', `${name}.tflite`));
    const { tensors, inputs, outputs } = readTflite(file);
    const model = importTflite(file);
    const border = (list: readonly number[]) =>
      list.map((index) => ({ name: tensors[index]?.name, shape: tensors[index]?.shape, type: 1 }));
    const found = (values: OnnxModel['graph']['inputs']) => values.map(({ name: each, shape, type }) => ({ name: each, shape, type }));
    t.strictSame(found(model.graph.inputs), border(inputs));
    t.strictSame(found(model.graph.outputs), border(outputs));
    t.ok(model.graph.nodes.filter(({ op }) => op === 'Transpose').length <= 1);
    t.strictSame(writeModel(importTflite(Uint8Array.from(file))), writeModel(model));
    t.strictSame(readModel(writeModel(model)).graph.nodes.length, model.graph.nodes.length);
  });
}

const relu: TinyTflite = {
  tensors: [
    { name: 'x', shape: [1, 4] },
    { name: 'm', shape: [1, 4] },
    { name: 'y', shape: [1, 4] },
  ],
  operators: [
    { code: 19, inputs: ['x'], outputs: ['m'] },
    { code: 32, custom: 'Mystery_Op', inputs: ['m'], outputs: ['y'] },
  ],
  inputs: ['x'],
  outputs: ['y'],
};

test('a model that is not understood is refused by the name of what was not', async (t) => {
  const refused = (tiny: TinyTflite, why: RegExp): void => {
    t.throws(() => importTflite(tinyTflite(tiny)), { code: 'MODEL_INVALID', message: why }, why.source);
  };
  const simple: TinyTflite = { ...relu, operators: relu.operators.slice(0, 1), outputs: ['m'] };
  const changed = (change: object, i = 0): TinyTflite => ({
    ...simple,
    tensors: simple.tensors.map((tensor, place) => (place === i ? { ...tensor, ...change } : tensor)),
  });
  t.ok(importTflite(tinyTflite(simple)));
  refused(relu, /custom operator Mystery_Op is not understood/);
  refused({ ...simple, operators: [{ code: 118, inputs: ['x'], outputs: ['m'] }] }, /cannot be imported: IF is not understood/);
  refused({ ...simple, operators: [{ code: 999, inputs: ['x'], outputs: ['m'] }] }, /operator 999 is not understood/);
  refused(
    { ...simple, more: { 2: { kind: 'tables', tables: [{}, { 4: { kind: 'text', value: 'body' } }] } } },
    /2 subgraphs \("", "body"\)/,
  );
  refused(changed({ signature: [1, -1] }), /tensor "x" has a dynamic shape/);
  refused(changed({ more: { 6: table({}) } }), /tensor "x" is sparse/);
  refused(changed({ more: { 5: byte(1) } }), /tensor "x" is a variable/);
  refused(changed({ type: 'int64' }), /tensor "x" is INT64/);
  refused(changed({ type: 'int16', scales: [0.1] }), /tensor "x" is INT16, quantized/);
  refused(changed({ type: 'int8' }), /tensor "x" is INT8; FLOAT32/);
  refused(changed({ type: 'int8', scales: [0.1, 0.2, 0.3, 0.4], axis: 1 }), /tensor "x" is computed, and has 4 scales/);
  refused(changed({ type: 'int8', scales: [0] }), /tensor "x" has a scale of 0/);
  refused(changed({ type: 'int8', scales: [0.1], zeros: [200] }), /tensor "x" is INT8 with zero point 200/);
  refused(changed({ shape: [1, 5] }, 1), /tensor "m" is stated as \[1, 5\], and computed as \[1, 4\]/);
  refused({ ...simple, inputs: ['m'] }, /two inputs or outputs are called "m"/);
  refused({ ...simple, inputs: ['y'] }, /tensor "x" has no data, and nothing computes it/);
  refused({ ...simple, more: { 0: int(2) } }, /schema version 2/);
  refused({ ...simple, more: { 4: { kind: 'tables', tables: [{ 1: int(400) }] } } }, /outside the flatbuffer/);
  const add: TinyTflite = {
    ...simple,
    operators: [{ code: 0, inputs: ['x', 'x'], outputs: ['m'], options: ['ADD', { activation: 4 }] }],
  };
  refused(add, /fused activation 4/);
  const reshape = { code: 22, inputs: ['x'], outputs: ['m'] };
  refused({ ...changed({ shape: [5] }, 1), operators: [reshape] }, /RESHAPE from \[1, 4\] to \[5\]/);
});

test('an output may be chosen, and what only others need is not looked at', async (t) => {
  const model = importTflite(tinyTflite(relu), { outputs: ['m'] });
  t.strictSame(
    model.graph.outputs.map(({ name }) => name),
    ['m'],
  );
  t.strictSame([...(await run(model, { x: [Float32Array.of(-1, 2, -3, 4), [1, 4]] }))], [0, 2, 0, 4]);
  t.throws(() => importTflite(tinyTflite(relu), { outputs: ['z'] }), { code: 'MODEL_INVALID', message: /0 tensors are called "z"/ });
});

test('a free batch is the one that the file was saved with', async (t) => {
  const tiny: TinyTflite = {
    ...relu,
    tensors: relu.tensors.map((tensor) => ({ ...tensor, signature: [-1, 4] })),
    operators: relu.operators.slice(0, 1),
    outputs: ['m'],
  };
  t.strictSame(importTflite(tinyTflite(tiny)).graph.inputs[0]?.shape, [1, 4]);
});

test('a quantized convolution stays in bytes, and its weights signed', async (t) => {
  const each = tfliteCases.find(({ name }) => name.startsWith('CONV_2D bytes, SAME'));
  const { graph } = importTflite(each?.model ?? new Uint8Array(0));
  t.equal(
    graph.nodes.map(({ op }) => op).join(' '),
    'QuantizeLinear Transpose DequantizeLinear DequantizeLinear DequantizeLinear Conv QuantizeLinear Transpose DequantizeLinear',
  );
  const weights = graph.initializers.find(({ dims }) => dims.length === 4);
  t.equal(weights?.type, 3);
  t.strictSame(weights?.dims, [4, 3, 3, 3]);
  t.strictSame(size(weights?.dims ?? []), weights?.data.length);
});
