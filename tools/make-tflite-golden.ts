/**
 * Runs TFLite itself over the tiny models of the tests and over real ones, and writes what it answered to test/compile/import/golden/tflite.json:
 * the importer is held to that. Says on stdout for each real model how far the imported graph is from TFLite, layer by layer.
 *
 * usage: node dist/tools/make-tflite-golden.js WASM_FOLDER MODELS_FOLDER KEYWORDS_FOLDER, the first being `wasm` of the npm package
 * @tensorflow/tfjs-tflite (0.0.1-alpha.10; a browser's package, so it is no dependency here), the second a folder of the MLPerf Tiny models.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runInThisContext } from 'node:vm';
import ort from 'onnxruntime-node';
import sharp from 'sharp';
import { importTflite } from '../src/compile/import/tflite/import-tflite.js';
import { readTflite } from '../src/compile/import/tflite/read-tflite.js';
import { writeModel } from '../src/compile/onnx/write.js';
import { feedOf, tfliteCases } from '../test/support/tflite-cases.js';
import { type Golden, golden, modelInput, tfliteModels } from '../test/support/tflite-golden.js';
import { keywordFeatures } from '../test/support/tflite-keywords.js';

const [wasm = '', models = '', keywords = ''] = process.argv.slice(2);

interface Tensor {
  name: string;
  data(): Float32Array | Int8Array;
}
interface List {
  size(): number;
  get(i: number): Tensor;
}
interface Runner {
  GetInputs(): List;
  GetOutputs(): List;
  Infer(): boolean;
}
interface Runtime {
  HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  TFLiteWebModelRunner: {
    CreateFromBufferAndOptions(at: number, length: number, options: object): { ok(): boolean; errorMessage(): string; value(): Runner };
  };
}

const source = readFileSync(path.join(wasm, 'tflite_web_api_cc_simd.js'), 'utf8');
const factory = runInThisContext(`${source};tflite_web_api_ModuleFactory`) as (options: object) => Promise<Runtime>;
const runtime = await factory({
  wasmBinary: readFileSync(path.join(wasm, 'tflite_web_api_cc_simd.wasm')),
  locateFile: (file: string) => file,
  printErr: () => {},
});

function runnerOf(model: Uint8Array): Runner {
  const at = runtime._malloc(model.length);
  runtime.HEAPU8.set(model, at);
  const made = runtime.TFLiteWebModelRunner.CreateFromBufferAndOptions(at, model.length, {
    numThreads: 1,
    enableProfiling: false,
    maxProfilingBufferEntries: 1,
  });
  if (!made.ok()) throw new Error(made.errorMessage());
  return made.value();
}

/** The first output, a copy. */
function run(runner: Runner, inputs: ReadonlyMap<string, ArrayLike<number>>): Float32Array | Int8Array {
  const list = runner.GetInputs();
  for (let i = 0; i < list.size(); i++) {
    const { name } = list.get(i);
    list
      .get(i)
      .data()
      .set(inputs.get(name) ?? []);
  }
  if (!runner.Infer()) throw new Error('TFLite could not run it');
  return runner.GetOutputs().get(0).data().slice();
}

const base64 = (values: ArrayBufferView): string => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');

function caseOutputs(): Record<string, string> {
  return Object.fromEntries(
    tfliteCases.map((each) => {
      try {
        const inputs = new Map(each.tiny.inputs.map((name, i) => [name, feedOf(each, i)]));
        return [each.name, base64(run(runnerOf(each.model), inputs))];
      } catch (error) {
        throw new Error(`${each.name}: ${String(error)}`);
      }
    }),
  );
}

/** Bytes of real captures, as the model's input has them. */
async function realInputs(name: string): Promise<Record<string, Int8Array>> {
  if (name === 'kws_ref_model') {
    const files = ['yes', 'no', 'noise', 'silence'];
    return Object.fromEntries(files.map((file) => [file, keywordFeatures(readFileSync(path.join(keywords, `${file}_1000ms.wav`)))]));
  }
  const side = { vww_96_int8: 96, ic_resnet_int8: 32 }[name];
  if (side === undefined) return {};
  const pixels = await sharp('samples/astronaut.png').resize(side, side, { fit: 'cover' }).removeAlpha().raw().toBuffer();
  return { astronaut: Int8Array.from(pixels, (value) => value - 128) };
}

async function modelOutputs(name: string): Promise<Golden['models'][string]> {
  const file = readFileSync(path.join(models, `${name}.tflite`));
  const { tensors, inputs } = readTflite(file);
  const input = tensors[inputs[0] ?? 0];
  const runner = runnerOf(file);
  const answer = (bytes: Int8Array): string => base64(run(runner, new Map([[input?.name ?? '', bytes]])));
  const random = Array.from({ length: tfliteModels[name]?.random ?? 0 }, (_, seed) => answer(modelInput(input?.shape ?? [], seed)));
  const real = await realInputs(name);
  await layers(name, file, Object.values(real)[0] ?? modelInput(input?.shape ?? [], 0));
  return { random, real: Object.entries(real).map(([what, bytes]) => ({ what, input: base64(bytes), output: answer(bytes) })) };
}

/** The file with another tensor as its only output. */
function withOutput(file: Uint8Array, from: number, to: number): Uint8Array {
  const copy = Uint8Array.from(file);
  const view = new DataView(copy.buffer);
  const at = (place: number): number => place + view.getUint32(place, true);
  const field = (table: number, id: number): number => table + view.getUint16(table - view.getInt32(table, true) + 4 + 2 * id, true);
  const graphs = at(field(at(0), 2));
  const outputs = at(field(at(graphs + 4), 2));
  if (view.getInt32(outputs + 4, true) !== from) throw new Error('the outputs are not where they should be');
  view.setInt32(outputs + 4, to, true);
  return copy;
}

async function layers(name: string, file: Uint8Array, bytes: Int8Array): Promise<void> {
  const { tensors, operators, inputs, outputs } = readTflite(file);
  const input = tensors[inputs[0] ?? 0];
  const feed = Float32Array.from(bytes, (value) => (input?.quantization?.scales[0] ?? 0) * (value - (input?.quantization?.zeros[0] ?? 0)));
  const drifts: number[] = [];
  let off = 0;
  let count = 0;
  for (const { outputs: made } of operators) {
    const tensor = tensors[made[0] ?? 0];
    if (tensor === undefined) continue;
    const truth = run(runnerOf(withOutput(file, outputs[0] ?? 0, tensor.index)), new Map([[input?.name ?? '', bytes]]));
    const session = await ort.InferenceSession.create(writeModel(importTflite(file, { outputs: [tensor.name] })), { logSeverityLevel: 3 });
    const answers = await session.run({ [input?.name ?? '']: new ort.Tensor('float32', feed, input?.shape ?? []) });
    const found = answers[tensor.name]?.data as Float32Array;
    const step = tensor.quantization?.scales[0] ?? 1;
    const zero = tensor.quantization?.zeros[0] ?? 0;
    const steps = Array.from(truth, (value, i) => Math.abs(value - zero - Math.round((found[i] ?? 0) / step)));
    drifts.push(Math.max(...steps));
    off += steps.filter((each) => each > 0).length;
    count += steps.length;
  }
  console.log(
    `${name}: ${drifts.length} layers, ${drifts.filter((each) => each > 0).length} of them off somewhere, by ${Math.max(...drifts)} steps at most; ${off} of ${count} values off (${drifts.join(' ')})`,
  );
}

const found: Golden = { cases: caseOutputs(), models: {} };
for (const name of Object.keys(tfliteModels)) found.models[name] = await modelOutputs(name);
writeFileSync(golden, `${JSON.stringify(found, null, 1)}\n`);
