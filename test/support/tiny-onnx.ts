/** Small ONNX models, written by hand in tests. */
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from '../../src/compile/onnx/model.js';
import { readModel } from '../../src/compile/onnx/read.js';
import { tensorOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';

export interface TinyModel {
  readonly nodes: readonly OnnxNode[];
  readonly inputs?: readonly OnnxValue[];
  readonly outputs?: readonly OnnxValue[];
  readonly initializers?: readonly OnnxTensor[];
  readonly opset?: number;
}

/** float32 unless said otherwise. */
export function typedValue(name: string, shape: (number | string)[] | null, type = 1): OnnxValue {
  return { name, type, shape, otherType: null, rest: [] };
}

export function graphOf({ nodes, inputs = [], outputs = [], initializers = [] }: TinyModel): OnnxGraph {
  return {
    name: 'tiny',
    nodes: [...nodes],
    initializers: [...initializers],
    inputs: [...inputs],
    outputs: [...outputs],
    values: [],
    rest: [],
  };
}

export function modelOf(tiny: TinyModel): OnnxModel {
  return { irVersion: 8, opsets: new Map([['', tiny.opset ?? 13]]), graph: graphOf(tiny), functions: 0, rest: [] };
}

/** A float32 initializer of ones. */
export function ones(name: string, dims: readonly number[]): OnnxTensor {
  return tensorOf(name, new Float32Array(dims.reduce((product, dim) => product * dim, 1)).fill(1), dims);
}

/** The same file with the data of one initializer in `data.bin`, as large exporters save it (TensorProto: external_data, data_location). */
export function withWeightsOutside(bytes: Uint8Array, name: string): Uint8Array {
  const model = readModel(bytes);
  const tensor = model.graph.initializers.find((initializer) => initializer.name === name);
  if (tensor === undefined) throw new Error(`there is no initializer ${name}`);
  const field = (tag: number, content: Buffer): Buffer => Buffer.concat([Buffer.from([tag, content.length]), content]);
  const location = field(13 * 8 + 2, Buffer.concat([field(10, Buffer.from('location')), field(18, Buffer.from('data.bin'))]));
  Object.assign(tensor, { external: true, data: new Uint8Array(0), rest: [location, Uint8Array.of(14 * 8, 1)] });
  return writeModel(model);
}
