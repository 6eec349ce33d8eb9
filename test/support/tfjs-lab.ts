/** Small TensorFlow.js models, run by TensorFlow.js itself and, imported, by the real ONNX runtime. */
import '@tensorflow/tfjs-backend-cpu';
import * as converter from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import ort from 'onnxruntime-node';
import { importTfjs } from '../../src/compile/import/tfjs/import-tfjs.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { noise, type Outputs, runModel, size } from './graph-lab.js';

export type Files = Map<string, Uint8Array>;

export interface Constant {
  readonly dims: readonly number[];
  readonly dtype?: 'float32' | 'int32' | 'bool';
  readonly values: readonly number[] | Float32Array;
}

export const numbers = (...values: number[]): Constant => ({ dims: [values.length], dtype: 'int32', values });
export const scalar = (value: number): Constant => ({ dims: [], dtype: 'int32', values: [value] });
export const one = (value: number): Constant => ({ dims: [], values: [value] });
export const weights = (dims: readonly number[], seed = 7): Constant => ({ dims, values: noise(size(dims), seed) });
/** Away from zero, for what has no value there. */
export const positive = (dims: readonly number[], seed = 3): Constant => ({
  dims,
  values: noise(size(dims), seed).map((value) => Math.abs(value) + 0.5),
});

/** A node as model.json has it. */
export interface Node {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr: Readonly<Record<string, unknown>>;
}

export function node(name: string, op: string, input: readonly string[], attr: Readonly<Record<string, unknown>> = {}): Node {
  return { name, op, input, attr };
}

export const text = (value: string): object => ({ s: Buffer.from(value).toString('base64') });
export const texts = (...values: string[]): object => ({ list: { s: values.map((value) => Buffer.from(value).toString('base64')) } });
export const ints = (...values: number[]): object => ({ list: { i: values.map(String) } });
export const int = (value: number): object => ({ i: String(value) });
export const float = (value: number): object => ({ f: value });
export const flag = (value: boolean): object => ({ b: value });
export const type = (value: string): object => ({ type: value });

export function placeholder(name: string, dims: readonly number[], dtype = 'DT_FLOAT'): Node {
  return node(name, 'Placeholder', [], { dtype: type(dtype), shape: { shape: { dim: dims.map((dim) => ({ size: String(dim) })) } } });
}

function bytesOf({ dtype = 'float32', values }: Constant): Uint8Array {
  const data = dtype === 'float32' ? Float32Array.from(values) : dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
  return new Uint8Array(data.buffer);
}

/** The files of a GraphModel with these nodes; each constant becomes a Const node and a weight. */
export function graphFiles(nodes: readonly Node[], constants: Readonly<Record<string, Constant>> = {}, more: object = {}): Files {
  const entries = Object.entries(constants);
  const dtypes = { float32: 'DT_FLOAT', int32: 'DT_INT32', bool: 'DT_BOOL' } as const;
  const consts = entries.map(([name, { dtype = 'float32' }]) => node(name, 'Const', [], { dtype: type(dtypes[dtype]) }));
  const weights = entries.map(([name, { dims, dtype = 'float32' }]) => ({ name, shape: dims, dtype }));
  return filesOf(
    { node: [...nodes, ...consts], library: {}, versions: { producer: 1, minConsumer: 1 } },
    weights,
    Buffer.concat(entries.map(([, constant]) => bytesOf(constant))),
    more,
  );
}

export function filesOf(modelTopology: object, weights: readonly object[], data: Uint8Array, more: object = {}): Files {
  const file = { format: 'graph-model', modelTopology, weightsManifest: [{ paths: ['group1-shard1of1.bin'], weights }], ...more };
  return new Map([
    ['model.json', new TextEncoder().encode(JSON.stringify(file))],
    ['group1-shard1of1.bin', new Uint8Array(data)],
  ]);
}

export interface Feed {
  readonly dims: readonly number[];
  readonly dtype?: 'float32' | 'int32';
  readonly values: Float32Array | Int32Array;
}

/** Numbers of -3..3, the same in every run. */
export function feed(dims: readonly number[], seed = 1): Feed {
  return { dims, values: noise(size(dims), seed).map((value) => value * 3) };
}

export async function importedOutputs(files: Files, feeds: Readonly<Record<string, Feed>>, outputs?: readonly string[]): Promise<Outputs> {
  const tensors = Object.entries(feeds).map(([name, { dims, dtype = 'float32', values }]) => [name, new ort.Tensor(dtype, values, dims)]);
  return runModel(writeModel(importTfjs(files, { outputs })), Object.fromEntries(tensors));
}

interface ModelJson {
  readonly modelTopology: object;
  readonly weightsManifest: readonly { readonly paths: readonly string[]; readonly weights: tf.io.WeightsManifestEntry[] }[];
  readonly signature?: object;
}

export async function loadGraph(files: Files): Promise<converter.GraphModel> {
  await tf.setBackend('cpu');
  const json = JSON.parse(new TextDecoder().decode(files.get('model.json'))) as ModelJson;
  const parts = json.weightsManifest.flatMap(({ paths }) => paths.map((name) => files.get(name) ?? new Uint8Array(0)));
  const artifacts = {
    modelTopology: json.modelTopology,
    weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
    weightData: new Uint8Array(Buffer.concat(parts)).buffer,
    ...(json.signature === undefined ? {} : { signature: json.signature }),
  };
  return converter.loadGraphModel(tf.io.fromMemory(artifacts));
}

export async function tfOutputs(files: Files, feeds: Readonly<Record<string, Feed>>, outputs: readonly string[]): Promise<Outputs> {
  const model = await loadGraph(files);
  const inputs = Object.entries(feeds).map(([name, { dims, dtype = 'float32', values }]) => [name, tf.tensor(values, [...dims], dtype)]);
  const made = model.execute(Object.fromEntries(inputs), [...outputs]);
  return told(outputs, Array.isArray(made) ? made : [made]);
}

/** TensorFlow's tensors as the runtime would have given them. */
function told(names: readonly string[], tensors: readonly tf.Tensor[]): Outputs {
  const entries = tensors.map((tensor, i) => {
    const data = tensor.dataSync();
    const dtype = tensor.dtype === 'int32' ? 'int32' : tensor.dtype === 'bool' ? 'bool' : 'float32';
    const values = dtype === 'bool' ? Uint8Array.from(data) : dtype === 'float32' ? Float32Array.from(data) : data;
    return [names[i] ?? '', new ort.Tensor(dtype, values, tensor.shape)] as const;
  });
  return Object.fromEntries(entries);
}

/** The files that `model.save` writes. */
export async function layersFiles(model: LayersModel): Promise<Files> {
  let files: Files = new Map();
  await model.save(
    tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
      const parts = Array.isArray(weightData) ? weightData : [weightData ?? new ArrayBuffer(0)];
      files = filesOf(modelTopology ?? {}, weightSpecs ?? [], Buffer.concat(parts.map((part) => new Uint8Array(part))), {
        format: 'layers-model',
      });
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  return files;
}

export function layersOutputs(model: LayersModel, feeds: Readonly<Record<string, Feed>>): Outputs {
  const inputs = Object.values(feeds).map(({ dims, values }) => tf.tensor(values, [...dims]));
  const made = model.predict(inputs);
  return told(model.outputNames, Array.isArray(made) ? made : [made]);
}
