/**
 * Bias correction: rounding the weights of a convolution shifts the mean of its outputs, by an amount that is known and taken back.
 *
 * Guarantees: pure; a correction is at most an eighth of the range of the output it corrects, and rounded to three digits, so that a
 * recipe stays small and keeps it whole. The mean shift of a channel is the sum over its weights of (weight - rounded weight) x mean input; beside the border,
 * where a convolution sees padding, that is off by less than the shift itself.
 *
 * Source: M. Nagel, M. van Baalen, T. Blankevoort, M. Welling, Data-Free Quantization Through Weight Equalization and Bias Correction,
 * ICCV 2019, section 4.2; the means are measured, not foretold from a batch normalization.
 */
import type { Graph } from '../graph.js';
import { intOf } from '../onnx/values.js';
import type { Range } from './affine.js';
import type { Means } from './channel-means.js';
import { quantizeWeights, type WeightOptions } from './weights.js';

const shareMax = 1 / 8;

/**
 * What is to be added to a bias, a number an output channel, by the name of the output: for every convolution with constant weights whose
 * input's means and output's range are known.
 */
export function biasCorrections(
  graph: Graph,
  means: Means,
  ranges: ReadonlyMap<string, Range>,
  options: WeightOptions,
): Map<string, number[]> {
  const corrections = new Map<string, number[]>();
  for (const node of graph.nodes) {
    const [input = '', weightName] = node.inputs;
    const [output = ''] = node.outputs;
    const weights = node.op === 'Conv' && node.domain === '' ? graph.floats(weightName) : null;
    const mean = means.get(input);
    const range = ranges.get(output);
    if (weights === null || mean === undefined || range === undefined) continue;
    const dims = graph.constant(weightName)?.dims ?? [];
    const shift = shiftOf(weights, dims, intOf(node, 'group', 1), mean, options);
    const most = shareMax * (range[1] - range[0]);
    const numbers = Array.from(shift ?? [], (value) => rounded(value, most));
    if (numbers.some((value) => value !== 0)) corrections.set(output, numbers);
  }
  return corrections;
}

/** Null where weights and means do not fit together. */
function shiftOf(
  weights: Float32Array,
  dims: readonly number[],
  group: number,
  means: Float64Array,
  options: WeightOptions,
): Float32Array | null {
  const [rows = 0, columns = 0] = dims;
  if (rows === 0 || columns * group !== means.length || rows % group !== 0) return null;
  const { values, scales } = quantizeWeights(weights, dims, 0, options);
  const inner = weights.length / (rows * columns);
  return Float32Array.from({ length: rows }, (_, row) => {
    const scale = scales[row] ?? scales[0] ?? 0;
    const from = Math.floor(row / (rows / group)) * columns;
    let sum = 0;
    for (let element = row * columns * inner; element < (row + 1) * columns * inner; element++) {
      const lost = (weights[element] ?? 0) - (values[element] ?? 0) * scale;
      sum += lost * (means[from + (Math.floor(element / inner) % columns)] ?? 0);
    }
    return sum;
  });
}

function rounded(value: number, most: number): number {
  return Number(Math.max(-most, Math.min(most, value)).toPrecision(3));
}
