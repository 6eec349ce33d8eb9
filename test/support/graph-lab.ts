/** Small models made by hand, changed by a pass, and run before and after in the real runtime without its own optimizations. */
import ort from 'onnxruntime-node';
import type { Test } from 'tap';
import { Graph } from '../../src/compile/graph.js';
import { dataType, type OnnxModel, type OnnxNode, type OnnxTensor } from '../../src/compile/onnx/model.js';
import { readModel } from '../../src/compile/onnx/read.js';
import { tensorOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import type { Pass } from '../../src/compile/passes/pass.js';
import type { Tensor, Tensors } from '../../src/core/tensor.js';

export interface Sketch {
  readonly nodes: readonly OnnxNode[];
  /** Values with their dims; a plain number is a scalar. */
  readonly constants?: Readonly<Record<string, number | OnnxTensor>>;
  /** Float32 inputs by shape. */
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly outputs?: readonly string[];
  readonly opset?: number;
  readonly irVersion?: number;
}

export function modelOf({ nodes, constants = {}, inputs, outputs = ['y'], opset = 13, irVersion = 8 }: Sketch): OnnxModel {
  const value = (name: string, shape: readonly (number | string)[] | null) => ({
    name,
    type: dataType.float32,
    shape: shape === null ? null : [...shape],
    otherType: null,
    rest: [],
  });
  return {
    irVersion,
    opsets: new Map([['', opset]]),
    graph: {
      name: 'sketch',
      nodes: [...nodes],
      initializers: Object.entries(constants).map(([name, constant]) =>
        typeof constant === 'number' ? tensorOf(name, Float32Array.of(constant), []) : { ...constant, name },
      ),
      inputs: Object.entries(inputs).map(([name, shape]) => value(name, shape)),
      outputs: outputs.map((name) => value(name, null)),
      values: [],
      rest: [],
    },
    functions: 0,
    rest: [],
  };
}

/** Numbers of -1..1 that are the same in every run. */
export function noise(count: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  });
}

/** A constant of noise. */
export function weights(dims: readonly number[], seed = 7): OnnxTensor {
  return tensorOf('', noise(size(dims), seed), dims);
}

export function floats(values: readonly number[], dims: readonly number[] = [values.length]): OnnxTensor {
  return tensorOf('', Float32Array.from(values), dims);
}

export function size(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

export type Outputs = Readonly<Record<string, ort.Tensor>>;

export async function runModel(
  model: Uint8Array,
  feeds: Readonly<Record<string, ort.Tensor>>,
  graphOptimizationLevel: 'disabled' | 'all' = 'disabled',
): Promise<Outputs> {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3, graphOptimizationLevel });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** As the compiler is shown them. */
export function tensorsOf(outputs: Outputs): Tensors {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { type, dims, data }]) => [name, { dtype: type, shape: dims, data } as Tensor]),
  );
}

/** The largest difference of two sets of outputs, as a part of the largest number of each; infinite where names or shapes differ. */
export function difference(before: Outputs, after: Outputs): number {
  let worst = Object.keys(before).join() === Object.keys(after).join() ? 0 : Number.POSITIVE_INFINITY;
  for (const [name, { data, dims }] of Object.entries(before)) {
    const found = after[name];
    if (found?.dims.join() !== dims.join()) return Number.POSITIVE_INFINITY;
    const pairs = Array.from(data as Float32Array, (value, i) => [Number(value), Number(found.data[i])] as const);
    const largest = pairs.reduce((most, [a]) => Math.max(most, Math.abs(a)), 1e-3);
    for (const [a, b] of pairs) if (!Object.is(a, b)) worst = Math.max(worst, Math.abs(a - b) / largest || Number.POSITIVE_INFINITY);
  }
  return worst;
}

function feedsOf({ inputs }: Sketch): Record<string, ort.Tensor> {
  const feeds = Object.entries(inputs).map(([name, shape], i) => {
    const dims = shape.map((dim) => (typeof dim === 'number' ? dim : 3));
    // Beyond -3..3, so that every bend of a hard sigmoid is crossed.
    const data = noise(size(dims), i + 1).map((value) => value * 5);
    return [name, new ort.Tensor('float32', data, dims)] as const;
  });
  return Object.fromEntries(feeds);
}

export interface Applied {
  readonly changed: number;
  readonly model: OnnxModel;
  /** Operators in order. */
  readonly ops: string;
}

/** Applies the passes to a sketch; fails unless it runs, and gives the same outputs before and after. */
export async function apply(t: Test, sketch: Sketch, ...passes: readonly Pass[]): Promise<Applied> {
  const before = writeModel(modelOf(sketch));
  const model = readModel(before);
  const graph = new Graph(model);
  const changed = passes.reduce((sum, pass) => sum + pass.apply(graph), 0);
  const ops = model.graph.nodes.map(({ op }) => op).join(' ');
  const feeds = feedsOf(sketch);
  const off = difference(await runModel(before, feeds), await runModel(writeModel(model), feeds));
  t.ok(off <= 1e-5, `the outputs are the same (off by ${off}): ${ops}`);
  return { changed, model, ops };
}

/** Fails unless the passes leave the sketch as it is. */
export async function untouched(t: Test, what: string, sketch: Sketch, ...passes: readonly Pass[]): Promise<void> {
  const before = modelOf(sketch);
  const { changed, model } = await apply(t, sketch, ...passes);
  t.equal(changed, 0, what);
  t.strictSame(writeModel(model), writeModel(before), `${what}: not a byte changed`);
}
