/**
 * What values the tensors of a model take on real samples, and which of them are worth a byte's range.
 *
 * Guarantees: the same samples give the same ranges. Ranges are float32 numbers, which JSON keeps to the last bit. Deliberately looks
 * only at tensors the quantizer may ask for, since every one of them is an output of the run and a copy in memory.
 */
import type { Calibrator } from '../../core/workbench.js';
import { ShoalError } from '../../core/errors.js';
import { Graph } from '../graph.js';
import { dataType, type OnnxModel } from '../onnx/model.js';
import { writeModel } from '../onnx/write.js';
import type { Range } from './affine.js';
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

/** Runs a simplified model over the calibration samples. Throws what the calibrator throws, and MODEL_INVALID when nothing came. */
export async function observe(model: OnnxModel, calibrator: Calibrator): Promise<Histograms> {
  const wanted = tensorsToObserve(model);
  const exposed = { ...model, graph: { ...model.graph, outputs: [...model.graph.outputs] } };
  const outputs = new Set(model.graph.outputs.map(({ name }) => name));
  for (const name of wanted) {
    if (!outputs.has(name)) exposed.graph.outputs.push({ name, type: 0, shape: null, otherType: null, rest: [] });
  }
  const histograms = new Map<string, Histogram>();
  await calibrator.run(writeModel(exposed), (tensors) => {
    for (const name of wanted) {
      const data = tensors[name]?.data;
      if (!(data instanceof Float32Array)) continue;
      const histogram = histograms.get(name) ?? new Histogram();
      histograms.set(name, histogram);
      histogram.add(data);
    }
  });
  if (histograms.size === 0) {
    throw new ShoalError('MODEL_INVALID', 'the calibration saw no float tensor: no sample ran, or the model has no operator to quantize');
  }
  return histograms;
}

/** Tensors that int8 operators read or make, constants left out; an input of the graph counts when it is float. */
function tensorsToObserve(model: OnnxModel): string[] {
  const graph = new Graph(model);
  const names = new Set<string>();
  for (const node of graph.nodes) {
    if (!mayBeInt8(node)) continue;
    for (const name of [...node.inputs, ...node.outputs]) {
      if (name !== '' && graph.constant(name) === undefined) names.add(name);
    }
  }
  const floatInputs = new Set(model.graph.inputs.filter(({ type }) => type === dataType.float32).map(({ name }) => name));
  return [...names].filter((name) => graph.producer(name) !== undefined || floatInputs.has(name));
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
