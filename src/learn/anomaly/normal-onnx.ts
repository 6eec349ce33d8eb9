/**
 * What is normal as an ONNX graph, opset 13, float32: what `judge` computes.
 *
 * Outputs: `index` [1,1], `share` and `expected` [1,features], `state` [1] int64; see normal-model.ts for what they are.
 */
import { dataType, type OnnxModel, type OnnxNode, type OnnxTensor, type OnnxValue } from '../../compile/onnx/model.js';
import { nodeOf, tensorOf } from '../../compile/onnx/values.js';
import { writeModel } from '../../compile/onnx/write.js';
import type { TensorSpec } from '../../core/tensor.js';
import { componentWeights, type NormalModel } from './normal-model.js';

/** Nodes and weights in front of the tensor `features` [1,features], and the inputs they start from. */
export interface Front {
  readonly nodes: readonly OnnxNode[];
  readonly weights: readonly OnnxTensor[];
  readonly inputs: readonly TensorSpec[];
  /** `features` is told beside what is made of it. */
  readonly tells: boolean;
}

export interface LearnedGraph {
  readonly onnx: Uint8Array;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** A model that is fed the features themselves. */
export function featuresFront(model: NormalModel): Front {
  return { nodes: [], weights: [], inputs: [spec('features', [1, model.features])], tells: false };
}

export function normalGraph(model: NormalModel, front: Front = featuresFront(model)): LearnedGraph {
  const width = model.features;
  const nodes = [
    nodeOf('Sub', ['features', 'centre'], ['centred']),
    nodeOf('Div', ['centred', 'scale'], ['standard']),
    nodeOf('Sub', ['standard', 'states'], ['apart']),
    nodeOf('Div', ['apart', 'spread'], ['offset']),
    nodeOf('MatMul', ['offset', 'basis_turned'], ['along']),
    nodeOf('Mul', ['along', 'component_weights'], ['weighted']),
    nodeOf('MatMul', ['weighted', 'basis'], ['pull']),
    nodeOf('Mul', ['offset', 'rest'], ['rest_pull']),
    nodeOf('Add', ['rest_pull', 'pull'], ['whole_pull']),
    nodeOf('Mul', ['offset', 'whole_pull'], ['parts']),
    nodeOf('ReduceSum', ['parts', 'along_features'], ['totals'], { keepdims: 1 }),
    nodeOf('ArgMin', ['totals'], ['nearest'], { axis: 0, keepdims: 0 }),
    nodeOf('Identity', ['nearest'], ['state']),
    nodeOf('Gather', ['totals', 'nearest'], ['total'], { axis: 0 }),
    nodeOf('Gather', ['parts', 'nearest'], ['part'], { axis: 0 }),
    nodeOf('Max', ['total', 'least'], ['positive']),
    nodeOf('Div', ['part', 'positive'], ['share']),
    nodeOf('Div', ['positive', 'width'], ['mean_square']),
    nodeOf('Sqrt', ['mean_square'], ['index']),
    nodeOf('Gather', ['states', 'nearest'], ['middle'], { axis: 0 }),
    nodeOf('Mul', ['middle', 'scale'], ['scaled']),
    nodeOf('Add', ['scaled', 'centre'], ['expected']),
  ];
  const outputs = [
    spec('index', [1, 1]),
    spec('share', [1, width]),
    spec('expected', [1, width]),
    { name: 'state', dtype: 'int64', shape: [1] } as const,
    ...(front.tells ? [spec('features', [1, width])] : []),
  ];
  const graph: OnnxModel = {
    irVersion: 8,
    opsets: new Map([['', 13]]),
    graph: {
      name: 'normal',
      nodes: [...front.nodes, ...nodes],
      initializers: [...front.weights, ...weightsOf(model)],
      inputs: front.inputs.map(borderOf),
      outputs: outputs.map(borderOf),
      values: [],
      rest: [],
    },
    functions: 0,
    rest: [],
  };
  return { onnx: writeModel(graph), inputs: front.inputs, outputs };
}

function weightsOf(model: NormalModel): OnnxTensor[] {
  const { features: width, states, spread, components, basis, centre, scale, rest } = model;
  const turned = new Float32Array(width * components);
  for (let k = 0; k < components; k++) for (let c = 0; c < width; c++) turned[c * components + k] = basis[k * width + c] ?? 0;
  return [
    tensorOf('centre', Float32Array.from(centre), [1, width]),
    tensorOf('scale', Float32Array.from(scale), [1, width]),
    tensorOf('states', Float32Array.from(states.middles), [states.count, width]),
    tensorOf('spread', Float32Array.from(spread), [states.count, width]),
    tensorOf('basis', Float32Array.from(basis), [components, width]),
    tensorOf('basis_turned', turned, [width, components]),
    tensorOf('component_weights', Float32Array.from(componentWeights(model)), [1, components]),
    tensorOf('rest', Float32Array.of(1 / rest), [1]),
    tensorOf('width', Float32Array.of(width), [1]),
    tensorOf('least', Float32Array.of(1e-30), [1]),
    tensorOf('along_features', BigInt64Array.of(1n), [1]),
  ];
}

export function spec(name: string, shape: readonly number[]): TensorSpec {
  return { name, dtype: 'float32', shape: [...shape] };
}

function borderOf({ name, dtype, shape }: TensorSpec): OnnxValue {
  const type = dtype === 'int64' ? dataType.int64 : dataType.float32;
  return { name, type, shape: [...shape], otherType: null, rest: [] };
}
