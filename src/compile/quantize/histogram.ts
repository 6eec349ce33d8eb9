/**
 * Counts of values, for tensors of any range that is not known before the end.
 *
 * Guarantees: memory is bounded; the outcome depends on which values were added, never on their order; bins are multiples of a power of
 * two wide, so that widening them merges neighbours exactly. Values that are not finite are left out.
 */
import { limits } from '../../core/limits.js';
import type { Range } from './affine.js';

export class Histogram {
  #low = Number.POSITIVE_INFINITY;
  #high = Number.NEGATIVE_INFINITY;
  /** Bin `i` holds `[(first + i) * width, (first + i + 1) * width)`. */
  #width = 0;
  #first = 0;
  #counts = new Float64Array(0);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** The least and the largest value seen; `[Infinity, -Infinity]` when there was none. */
  get range(): Range {
    return [this.#low, this.#high];
  }

  add(values: Float32Array): void {
    let low = this.#low;
    let high = this.#high;
    for (const value of values) {
      if (value < low && value > Number.NEGATIVE_INFINITY) low = value;
      if (value > high && value < Number.POSITIVE_INFINITY) high = value;
    }
    if (low > high) return;
    if (low !== this.#low || high !== this.#high) this.#widen(low, high);
    const counts = this.#counts;
    const inverse = 1 / this.#width;
    const first = this.#first;
    let added = 0;
    for (const value of values) {
      const bin = Math.floor(value * inverse) - first;
      if (!(bin >= 0 && bin < counts.length)) continue;
      counts[bin] = (counts[bin] ?? 0) + 1;
      added++;
    }
    this.#total += added;
  }

  /** The values and how many there are of them, a bin's middle standing for all in it, ascending. */
  *bins(): Generator<readonly [middle: number, count: number]> {
    for (const [bin, count] of this.#counts.entries()) {
      if (count > 0) yield [(this.#first + bin + 0.5) * this.#width, count];
    }
  }

  /** The range without the `share` of the values at each end; never beyond what was seen. */
  inner(share: number): Range {
    const outside = this.#total * share;
    let low = 0;
    for (let seen = this.#counts[0] ?? 0; seen <= outside && low < this.#counts.length - 1; seen += this.#counts[low] ?? 0) low++;
    let high = this.#counts.length - 1;
    for (let seen = this.#counts[high] ?? 0; seen <= outside && high > low; seen += this.#counts[high] ?? 0) high--;
    return [Math.max(this.#low, (this.#first + low) * this.#width), Math.min(this.#high, (this.#first + high + 1) * this.#width)];
  }

  #widen(low: number, high: number): void {
    const width = binWidth(low, high);
    const first = Math.floor(low / width);
    const counts = new Float64Array(Math.floor(high / width) - first + 1);
    for (const [bin, count] of this.#counts.entries()) {
      if (count === 0) continue;
      const moved = Math.floor(((this.#first + bin) * this.#width) / width) - first;
      counts[moved] = (counts[moved] ?? 0) + count;
    }
    this.#low = low;
    this.#high = high;
    this.#width = width;
    this.#first = first;
    this.#counts = counts;
  }
}

/** The least power of two that needs no more bins than the limit; it only grows while a range does. */
function binWidth(low: number, high: number): number {
  let width = 1;
  const bins = (): number => Math.floor(high / width) - Math.floor(low / width) + 1;
  while (bins() > limits.histogramBinsMax) width *= 2;
  while (width > widthMin && Math.floor((high * 2) / width) - Math.floor((low * 2) / width) + 1 <= limits.histogramBinsMax) width /= 2;
  return width;
}

/** A constant tensor would halve its bins for ever. */
const widthMin = 2 ** -60;
