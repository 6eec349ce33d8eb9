import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'tap';
import { Graph } from '../../../src/compile/graph.js';
import { dataType } from '../../../src/compile/onnx/model.js';
import { readModel } from '../../../src/compile/onnx/read.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import { foldPixels } from '../../../src/compile/passes/fold-pixels.js';
import { asVariant, type Model } from '../../../src/core/model.js';
import type { Task } from '../../../src/core/task.js';
import { measureMemory } from '../../../src/engine/workbench/memory.js';
import { readSampleFolder } from '../../../src/engine/workbench/sample-folder.js';
import { SessionCalibrator } from '../../../src/engine/workbench/session-calibrator.js';
import { type EvaluatorSetup, TaskEvaluator } from '../../../src/engine/workbench/task-evaluator.js';
import { openRegistry } from '../../../src/registry/registry.js';
import { tasks } from '../../../src/tasks/index.js';
import { pageCrops } from '../../support/samples.js';
import { testSurroundings } from '../../support/surroundings.js';

const registry = await openRegistry(['models']);
const { log } = testSurroundings();

function bench(name: string): { task: Task; model: Model; bytes: Uint8Array } {
  const model = registry.find(name);
  const task = tasks.find((candidate) => candidate.name === model?.task);
  const variant = model?.variants[0];
  if (model === null || task === undefined || variant === undefined) throw new Error(`${name} is not what the tests need`);
  return { task, model, bytes: readFileSync(variant.path) };
}

const memory =
  (model: Model): EvaluatorSetup['memory'] =>
  (candidate, feeds) =>
    measureMemory({ model: asVariant(model, candidate), bytes: candidate.model, feeds }, log);

/** The same model with every tensor of a type and a known rank in sight. */
function exposed(bytes: Uint8Array): { bytes: Uint8Array; tensors: string[] } {
  const model = readModel(bytes);
  const known = new Set(model.graph.outputs.map(({ name }) => name));
  const tensors = model.graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== '' && !known.has(name));
  for (const name of tensors) model.graph.outputs.push({ name, type: 0, shape: null, otherType: null, rest: [] });
  return { bytes: writeModel(model), tensors };
}

/** The same model with weights that say nothing. */
function spoilt(bytes: Uint8Array): Uint8Array {
  const model = readModel(bytes);
  const constants = model.graph.nodes.flatMap(({ attributes }) => attributes.get('value') ?? []);
  const tensors = [...model.graph.initializers, ...constants.flatMap((value) => (value.kind === 'tensor' ? value.value : []))];
  const [largest] = tensors.filter(({ type }) => type === dataType.float32).sort((a, b) => b.data.length - a.data.length);
  if (largest === undefined) throw new Error('the model has no weights');
  largest.data = new Uint8Array(largest.data.length);
  return writeModel(model);
}

test('calibration sees every tensor of the file on every run, alike at every call', async (t) => {
  const { task, model, bytes } = bench('ppocr-cls');
  const { calibration } = await readSampleFolder(await pageCrops(16), task);
  const calibrator = new SessionCalibrator({ task, model, samples: calibration });
  const wide = exposed(bytes);
  const look = async () => {
    const sums: number[] = [];
    const runs: number[] = [];
    await calibrator.run(wide.bytes, (outputs, run) => {
      runs.push(run);
      t.ok(wide.tensors.every((name) => outputs[name] !== undefined) && wide.tensors.length > 100, `${wide.tensors.length} tensors`);
      for (const { data } of Object.values(outputs)) if (data instanceof Float32Array) sums.push(data.reduce((a, b) => a + b, 0));
    });
    t.strictSame(runs, [0, 1, 2, 3, 4, 5, 6, 7]);
    return sums;
  };
  t.strictSame(await look(), await look());
  await t.rejects(
    calibrator.run(bytes, () => {
      throw new Error('seen enough');
    }),
    { message: /sample s\d\d\.png: seen enough/ },
  );
});

test('calibration that takes too long goes on with the samples it had time for, at every call', async (t) => {
  const { task, model, bytes } = bench('ppocr-cls');
  const { calibration, heldOut } = await readSampleFolder(await pageCrops(16), task);
  const calibrator = new SessionCalibrator({ task, model, samples: [...calibration, ...heldOut], maxMs: 0 });
  const counts = [0, 0];
  for (const call of [0, 1]) {
    await calibrator.run(bytes, (_, run) => {
      counts[call] = run + 1;
    });
  }
  t.strictSame(counts, [8, 8]);
  t.equal(calibrator.samples.length, 8);
});

test('candidates are judged on the held-out samples, beside the original, and one that cannot run says why', async (t) => {
  const { task, model, bytes } = bench('ppocr-cls');
  const { heldOut } = await readSampleFolder(await pageCrops(32), task);
  const evaluator = new TaskEvaluator({ task, model, samples: heldOut, memory: memory(model) });
  const candidates = [
    { name: 'original', model: bytes },
    { name: 'again', model: writeModel(readModel(bytes)) },
    { name: 'spoilt', model: spoilt(bytes) },
    { name: 'torn', model: bytes.subarray(0, 1000) },
  ];
  const evaluations = await evaluator.evaluate(candidates);
  t.strictSame(
    evaluations.map(({ name }) => name),
    ['original', 'again', 'spoilt', 'torn'],
  );
  const errors = evaluations.map(({ scores }) => scores.reduce((sum, score) => sum + score.errors, 0));
  t.strictSame(errors.slice(0, 2), [0, 0]);
  t.ok((errors[2] ?? 0) >= 4, `${errors[2]} of 16 labels differ with spoilt weights`);
  t.match(evaluations[3], { scores: [], failure: /the runtime refuses torn/ });
  for (const { scores, cpuMs, wallMs, memoryBytes } of evaluations.slice(0, 3)) {
    t.equal(scores.length, 16);
    t.ok(cpuMs.min > 0 && cpuMs.min <= cpuMs.median && cpuMs.median <= cpuMs.max && wallMs.median > 0, `${cpuMs.median} ms`);
    t.ok(memoryBytes > bytes.length && memoryBytes < 100e6, `${memoryBytes} bytes`);
  }
  const ratio = (evaluations[1]?.cpuMs.median ?? 0) / (evaluations[0]?.cpuMs.median ?? 1);
  t.ok(ratio > 0.5 && ratio < 2, `the same model costs ${ratio.toFixed(2)} of itself`);
});

test('a candidate with inputs of its own is fed them, and pre-processing is measured beside the others', async (t) => {
  const { task, model, bytes } = bench('ppocr-det');
  const pixels = task.pixels?.(model);
  if (pixels === undefined || pixels === null) throw new Error('the detector is fed planes');
  const folded = readModel(bytes);
  const { input, channelOrder, mean, std } = pixels;
  t.equal(foldPixels(new Graph(folded), { tensor: input.name, channelOrder, mean, std }, null), true);
  const { heldOut } = await readSampleFolder(await pageCrops(16), task);
  const evaluator = new TaskEvaluator({ task, model, samples: heldOut, memory: memory(model) });
  const original = { name: 'original', model: bytes };
  const direct = { name: 'from bytes', model: writeModel(folded) };
  const [planes, rows] = await evaluator.evaluate([original, { ...direct, inputs: [input] }]);
  t.equal(rows?.failure, undefined);
  t.ok((planes?.scores.reduce((sum, { total }) => sum + total, 0) ?? 0) > 8, 'there is text');
  t.ok(
    rows?.scores.every(({ errors }) => errors === 0),
    'the same boxes',
  );
  t.ok(
    (planes?.prepareMs?.min ?? 0) > 0 && (rows?.prepareMs?.min ?? 0) > 0,
    `${planes?.prepareMs?.median} and ${rows?.prepareMs?.median} ms`,
  );
  t.ok((rows?.memoryBytes ?? 0) > bytes.length, 'its memory was measured with its own inputs');
  const [alone, unfed] = await evaluator.evaluate([original, direct]);
  t.equal(alone?.prepareMs, undefined, 'where all take the same, there is nothing to weigh');
  t.match(unfed?.failure, /input "x" is uint8/);
});

test('a transcript is the reference where there is one; the original errs too', async (t) => {
  const { task, model, bytes } = bench('ppocr-cls');
  const { heldOut } = await readSampleFolder(await pageCrops(16), task);
  const truth = [{ score: 1, label: 'neither' }];
  const samples = heldOut.map((sample, i) => (i < 3 ? { ...sample, truth } : sample));
  const [original] = await new TaskEvaluator({ task, model, samples, memory: async () => 1 }).evaluate([
    { name: 'original', model: bytes },
  ]);
  t.strictSame(
    original?.scores.map(({ errors }) => errors),
    [1, 1, 1, 0, 0, 0, 0, 0],
  );
});

test('without an original that runs there is nothing to compare with; a changed sample is refused', async (t) => {
  const { task, model, bytes } = bench('ppocr-cls');
  const { heldOut } = await readSampleFolder(await pageCrops(16), task);
  const evaluator = new TaskEvaluator({ task, model, samples: heldOut, memory: async () => 1 });
  await t.rejects(evaluator.evaluate([]), { code: 'USAGE' });
  await t.rejects(evaluator.evaluate([{ name: 'original', model: bytes.subarray(0, 100) }]), { code: 'MODEL_INVALID' });
  const [first] = heldOut;
  if (first === undefined) throw new Error('no samples');
  const before = readFileSync(first.path);
  writeFileSync(first.path, Buffer.concat([before.subarray(0, -1), Buffer.from([1])]));
  await t.rejects(evaluator.evaluate([{ name: 'original', model: bytes }]), { message: /another file than when the folder was read/ });
});

test('the process that measures memory is gone with its answer, and a death in it has a reason', async (t) => {
  const { model, bytes } = bench('ppocr-cls');
  await t.rejects(measureMemory({ model, bytes: bytes.subarray(0, 500), feeds: [] }, log), { code: 'INFERENCE', message: /refuses/ });
  await t.rejects(measureMemory({ model, bytes, feeds: [{}] }, log), { message: /input "x" was not fed/ });
});
