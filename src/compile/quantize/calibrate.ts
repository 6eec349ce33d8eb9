/**
 * What values the tensors of a model take on real samples, and which of them are worth a byte's range.
 *
 * Guarantees: the same samples give the same ranges. Ranges are float32 numbers, which JSON keeps to the last bit. Deliberately looks
 * only at tensors the quantizer may ask for, since every one of them is an output of the run and a copy in memory.
 */

import { ShoalError } from '../../core/errors.js';
import type { Calibrator } from '../../core/workbench.js';
import { Graph } from '../graph.js';
import { dataType, type OnnxModel } from '../onnx/model.js';
import { nodeOf } from '../onnx/values.js';
import { writeModel } from '../onnx/write.js';
import type { Range } from './affine.js';
import { ChannelMeans, type Means } from './channel-means.js';
import { Histogram } from './histogram.js';
import { leastErrorRange } from './least-error.js';
import { mayBeInt8 } from './operators.js';

/** How a range is made from the values seen. */
export type RangeMethod =
  | { readonly name: 'min-max' }
  /** Keeps this share of the values and cuts half of the rest off at each end. */
  | { readonly name: 'percentile'; readonly share: number }
  /** The range with the least squared error of rounding and cutting. */
  | { readonly name: 'mse' };

export type Histograms = ReadonlyMap<string, Histogram>;

export interface Observed {
  readonly histograms: Histograms;
  /** Of the tensors that convolutions read. */
  readonly means: Means;
}

/**
 * Runs a simplified model over the calibration samples; of a model without an operator to quantize nothing is known then. Throws what
 * the calibrator throws, and MODEL_INVALID when no sample ran.
 */
export async function observe(model: OnnxModel, calibrator: Calibrator): Promise<Observed> {
  const read = new Set(model.graph.nodes.filter(({ op }) => op === 'Conv').map(({ inputs }) => inputs[0]));
  const means = new ChannelMeans();
  const wanted = tensorsToObserve(model);
  const histograms = new Map<string, Histogram>();
  let runs = 0;
  await calibrator.run(writeModel(exposing(model, wanted)), (tensors) => {
    runs++;
    for (const [name, output] of wanted) {
      const tensor = tensors[output];
      if (tensor === undefined || !(tensor.data instanceof Float32Array)) continue;
      const histogram = histograms.get(name) ?? new Histogram();
      histograms.set(name, histogram);
      histogram.add(tensor.data);
      if (read.has(name)) means.add(name, tensor);
    }
  });
  if (runs === 0) throw new ShoalError('MODEL_INVALID', 'the calibration saw nothing: no sample ran the model');
  return { histograms, means: means.means() };
}

/** Tensors that int8 operators read or make, constants left out, each with the output that shows it. */
function tensorsToObserve(model: OnnxModel): ReadonlyMap<string, string> {
  const graph = new Graph(model);
  const wanted = new Map<string, string>();
  const floatInputs = new Set(model.graph.inputs.filter(({ type }) => type === dataType.float32).map(({ name }) => name));
  for (const node of graph.nodes) {
    if (!mayBeInt8(node)) continue;
    for (const name of [...node.inputs, ...node.outputs]) {
      if (name === '' || wanted.has(name) || graph.constant(name) !== undefined) continue;
      if (graph.producer(name) !== undefined) wanted.set(name, name);
      else if (floatInputs.has(name)) wanted.set(name, graph.freshName(`${name}_seen`));
    }
  }
  return wanted;
}

/** The model with more outputs; an input is shown through a node, since it cannot be an output itself. */
function exposing(model: OnnxModel, wanted: ReadonlyMap<string, string>): OnnxModel {
  const outputs = new Set(model.graph.outputs.map(({ name }) => name));
  const added = [...wanted.values()].filter((name) => !outputs.has(name));
  const shown = [...wanted].filter(([name, output]) => name !== output).map(([name, output]) => nodeOf('Identity', [name], [output]));
  return {
    ...model,
    graph: {
      ...model.graph,
      nodes: [...model.graph.nodes, ...shown],
      outputs: [...model.graph.outputs, ...added.map((name) => ({ name, type: 0, shape: null, otherType: null, rest: [] }))],
    },
  };
}

export function rangesBy(method: RangeMethod, histograms: Histograms): Map<string, Range> {
  const ranges = new Map<string, Range>();
  for (const [name, histogram] of histograms) {
    if (histogram.total === 0) continue;
    const [low, high] = rangeOf(method, histogram);
    ranges.set(name, [Math.fround(low), Math.fround(high)]);
  }
  return ranges;
}

function rangeOf(method: RangeMethod, histogram: Histogram): Range {
  if (method.name === 'percentile') return histogram.inner((1 - method.share) / 2);
  return method.name === 'mse' ? leastErrorRange(histogram) : histogram.range;
}
