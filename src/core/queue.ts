/**
 * A bounded queue by priority: 0 comes first, order of arrival within one.
 *
 * Guarantees: never holds more than `max`, except for what was in it before and is put back (`unshift`), since giving
 * that up would lose it.
 */
export class PriorityQueue<T> {
  readonly #max: number;
  readonly #lanes = new Map<number, T[]>();
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  get full(): boolean {
    return this.#size >= this.#max;
  }

  /** False, and not taken, when full. */
  push(priority: number, item: T): boolean {
    if (this.full) return false;
    this.#lane(priority).push(item);
    this.#size++;
    return true;
  }

  /** Puts back what was taken, in front of its priority. */
  unshift(priority: number, item: T): void {
    this.#lane(priority).unshift(item);
    this.#size++;
  }

  peek(): T | undefined {
    return this.#first()?.[0];
  }

  shift(): T | undefined {
    const item = this.#first()?.shift();
    if (item !== undefined) this.#size--;
    return item;
  }

  #lane(priority: number): T[] {
    let lane = this.#lanes.get(priority);
    if (lane === undefined) {
      lane = [];
      this.#lanes.set(priority, lane);
    }
    return lane;
  }

  #first(): T[] | undefined {
    let best: number | undefined;
    for (const [priority, lane] of this.#lanes) {
      if (lane.length > 0 && (best === undefined || priority < best)) best = priority;
    }
    return best === undefined ? undefined : this.#lanes.get(best);
  }
}
