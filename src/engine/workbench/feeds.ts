/**
 * A few of the feeds a task made, to measure the cost of a run with: the first of each shape.
 *
 * Guarantees: copies, because a task may use its buffers again; at most as many as asked for and `limits.costFeedBytesMax` bytes,
 * but always one. Deterministic: the first ones count.
 */
import { limits } from '../../core/limits.js';
import type { Tensors } from '../../core/tensor.js';

export class Feeds {
  readonly #max: number;
  readonly #kept: Tensors[] = [];
  readonly #shapes = new Set<string>();
  #bytes = 0;

  constructor(max: number) {
    this.#max = max;
  }

  offer(feeds: Tensors): void {
    const tensors = Object.entries(feeds);
    const shape = tensors.map(([name, tensor]) => `${name}[${tensor.shape.join()}]`).join();
    const bytes = tensors.reduce((sum, [, tensor]) => sum + tensor.data.byteLength, 0);
    const room = this.#kept.length < this.#max && this.#bytes + bytes <= limits.costFeedBytesMax;
    if (this.#kept.length > 0 && (!room || this.#shapes.has(shape))) return;
    this.#shapes.add(shape);
    this.#bytes += bytes;
    this.#kept.push(Object.fromEntries(tensors.map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }])));
  }

  all(): readonly Tensors[] {
    return this.#kept;
  }
}
