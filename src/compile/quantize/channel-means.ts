/**
 * The mean of every channel of a tensor over the calibration samples.
 *
 * Guarantees: the same samples in the same order give the same numbers. Channels are the second dimension; a tensor of fewer dimensions
 * has none.
 */
import type { Tensor } from '../../core/tensor.js';

/** By tensor name, a mean a channel. */
export type Means = ReadonlyMap<string, Float64Array>;

export class ChannelMeans {
  readonly #sums = new Map<string, Float64Array>();
  readonly #counts = new Map<string, number>();

  /** A tensor whose number of channels changes from run to run is forgotten. */
  add(name: string, { shape, data }: Tensor): void {
    const [batch = 0, channels = 0, ...places] = shape;
    if (places.length === 0 || !(data instanceof Float32Array)) return;
    const inner = places.reduce((product, size) => product * size, 1);
    const sums = this.#sums.get(name) ?? new Float64Array(channels);
    this.#sums.set(name, sums.length === channels ? sums : new Float64Array(0));
    for (let plane = 0; plane < batch * channels; plane++) {
      let sum = 0;
      for (let i = plane * inner; i < (plane + 1) * inner; i++) sum += data[i] ?? 0;
      sums[plane % channels] = (sums[plane % channels] ?? 0) + sum;
    }
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + batch * inner);
  }

  means(): Means {
    const known = [...this.#sums].filter(([name, sums]) => sums.length > 0 && (this.#counts.get(name) ?? 0) > 0);
    return new Map(known.map(([name, sums]) => [name, sums.map((sum) => sum / (this.#counts.get(name) ?? 1))]));
  }
}
