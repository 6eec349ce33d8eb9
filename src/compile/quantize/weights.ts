/**
 * Constant weights and biases as integers.
 *
 * Guarantees: symmetric, one scale a channel (or one for all, as a control), never -128; the product of a byte and a 7-bit weight,
 * twice, fits 16 bits, so that x86 kernels without VNNI do not saturate. A bias has the scale of its products and never overflows 32 bits.
 */
import { elements } from '../../core/tensor.js';

export interface QuantizedWeights {
  readonly values: Int8Array;
  /** float32, one a channel; a single one where all channels share it. */
  readonly scales: Float32Array;
}

export interface WeightOptions {
  readonly bits: 7 | 8;
  readonly perChannel: boolean;
}

/** Biases stay below this, so that sums of products beside them have room. */
const biasMax = 2 ** 30;
const scaleMin = 1e-8;

/**
 * `axis` is that of the output channels. `bias`, with the scale of the input, widens the scale of a channel whose weights are so small
 * that its bias would overflow.
 */
export function quantizeWeights(
  weights: Float32Array,
  dims: readonly number[],
  axis: number,
  options: WeightOptions,
  bias?: { readonly values: Float32Array; readonly inputScale: number },
): QuantizedWeights {
  const channels = options.perChannel ? (dims[axis] ?? 1) : 1;
  const inner = elements(dims.slice(axis + 1));
  const channelOf = (index: number): number => (options.perChannel ? Math.floor(index / inner) % channels : 0);
  const largest = options.bits === 8 ? 127 : 63;
  const scales = new Float32Array(channels);
  weights.forEach((weight, index) => {
    const channel = channelOf(index);
    scales[channel] = Math.max(scales[channel] ?? 0, Math.abs(weight));
  });
  scales.forEach((peak, channel) => {
    scales[channel] = Math.max(peak / largest, scaleMin);
  });
  bias?.values.forEach((value, index) => {
    const channel = options.perChannel ? index : 0;
    scales[channel] = Math.max(scales[channel] ?? 0, Math.abs(value) / (bias.inputScale * biasMax));
  });
  const values = Int8Array.from(weights, (weight, index) => {
    const scale = scales[channelOf(index)] ?? scaleMin;
    return Math.max(-largest, Math.min(largest, Math.round(weight / scale)));
  });
  return { values, scales };
}

export interface QuantizedBias {
  readonly values: Int32Array;
  /** As many as the weights have. */
  readonly scales: Float32Array;
}

export function quantizeBias(bias: Float32Array, inputScale: number, weightScales: Float32Array): QuantizedBias {
  const scales = weightScales.map((scale) => Math.fround(inputScale * scale));
  const values = Int32Array.from(bias, (value, channel) => Math.round(value / (scales[channel] ?? scales[0] ?? 1)));
  return { values, scales };
}
