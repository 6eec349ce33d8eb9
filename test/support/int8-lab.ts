/**
 * Small models made by hand, quantized, and run beside their float in the real runtime: without its optimizations, where every step is
 * what the graph says, and with all of them, where integer kernels take their place.
 *
 * Inputs lie on the grid of their bytes, so that what differs is what the operator under test does.
 */
import ort from 'onnxruntime-node';
import type { Test } from 'tap';
import { Graph } from '../../src/compile/graph.js';
import type { OnnxTensor } from '../../src/compile/onnx/model.js';
import { readModel } from '../../src/compile/onnx/read.js';
import { tensorOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { type Range, rangeOf } from '../../src/compile/quantize/affine.js';
import { quantizeModel } from '../../src/compile/quantize/quantize-model.js';
import { modelOf, noise, type Outputs, runModel, type Sketch, size } from './graph-lab.js';

/** The step between two bytes of an input. */
export const gridStep = 1 / 32;

/** Values of -4..3.96875 whose bytes mean them exactly under the scale 1/32 and the zero 128; the ends are among them. */
export function grid(count: number, seed = 1): Float32Array {
  const bytes = noise(count, seed).map((value) => Math.floor((value + 1) * 128));
  bytes[0] = 0;
  bytes[count - 1] = 255;
  return bytes.map((byte) => (byte - 128) * gridStep);
}

/** Weights that are whole multiples of 1/64, up to 63 of them in every channel of the axis, so that 7 bits hold them exactly. */
export function gridWeights(dims: readonly number[], axis = 0): OnnxTensor {
  const values = noise(size(dims), 7).map((value) => Math.round(value * 62) / 64);
  const inner = size(dims.slice(axis + 1));
  for (let channel = 0; channel < (dims[axis] ?? 1); channel++) values[channel * inner] = 63 / 64;
  return tensorOf('', values, dims);
}

export interface Int8Sketch extends Sketch {
  /** Instead of those seen. */
  readonly ranges?: Readonly<Record<string, Range | null>>;
  readonly bits?: 7 | 8;
  readonly perChannel?: boolean;
  readonly floatNodes?: readonly string[];
}

export interface Int8Run {
  /** Nodes on bytes. */
  readonly count: number;
  /** Operators in order, without the reading of constant weights and biases. */
  readonly ops: string;
  /** The largest difference to the float's answer in steps of the output, the worse of both runs. */
  readonly steps: number;
}

function feedsOf({ inputs }: Sketch): Record<string, ort.Tensor> {
  const feeds = Object.entries(inputs).map(([name, shape], i) => {
    const dims = shape.map(Number);
    return [name, new ort.Tensor('float32', grid(size(dims), i + 1), dims)] as const;
  });
  return Object.fromEntries(feeds);
}

const floatsOf = (tensor: ort.Tensor): Float32Array => tensor.data as Float32Array;

/** Ranges of all float tensors of the sketch. */
async function seen(sketch: Sketch, feeds: Readonly<Record<string, ort.Tensor>>): Promise<Map<string, Range>> {
  const outputs = sketch.nodes.flatMap((node) => node.outputs);
  const all: Outputs = { ...feeds, ...(await runModel(writeModel(modelOf({ ...sketch, outputs })), feeds)) };
  return new Map(Object.entries(all).map(([name, tensor]) => [name, rangeOf(floatsOf(tensor))]));
}

/** Fails unless it runs. */
export async function runInt8(t: Test, sketch: Int8Sketch): Promise<Int8Run> {
  const feeds = feedsOf(sketch);
  const ranges = await seen(sketch, feeds);
  for (const [name, range] of Object.entries(sketch.ranges ?? {})) {
    if (range === null) ranges.delete(name);
    else ranges.set(name, range);
  }
  const float = writeModel(modelOf(sketch));
  const model = readModel(float);
  const weights = { bits: sketch.bits ?? 7, perChannel: sketch.perChannel ?? true };
  const count = quantizeModel(model, { weights, ranges, floatNodes: new Set(sketch.floatNodes) });
  const graph = new Graph(model);
  const told = graph.nodes.filter(({ op, inputs }) => op !== 'DequantizeLinear' || graph.constant(inputs[0] ?? '') === undefined);
  const bytes = writeModel(model);
  const expected = await runModel(float, feeds);
  const found = [await runModel(bytes, feeds), await runModel(bytes, feeds, 'all')];
  let steps = 0;
  for (const [name, tensor] of Object.entries(expected)) {
    const [low, high] = ranges.get(name) ?? rangeOf(floatsOf(tensor));
    const step = (Math.max(0, high) - Math.min(0, low)) / 255;
    for (const outputs of found) {
      const other = outputs[name];
      t.strictSame(other?.dims, tensor.dims, `${name} has its shape`);
      floatsOf(tensor).forEach((value, i) => {
        steps = Math.max(steps, Math.abs(Number(other?.data[i]) - value) / step);
      });
    }
  }
  return { count, ops: told.map(({ op }) => op).join(' '), steps };
}
