/** Small ONNX models, written by hand in tests. */
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from '../../src/compile/onnx/model.js';
import { tensorOf } from '../../src/compile/onnx/values.js';

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
