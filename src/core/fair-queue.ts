/**
 * What waits for an engine: by priority, fair between inputs, and nothing for ever.
 *
 * Guarantees: captures of one input and priority go in the order of their arrival; of inputs with the same priority the one goes first whose
 * captures have cost engines least; one turn in `limits.agedTurns` is for what has waited longest, if it has for `limits.agedMs`, whatever its
 * priority. So a flood of what is urgent slows the rest down, and never stops it. Pure: times and costs are handed in.
 * Deliberately has no bound of its own: whoever pushes asks how many of an input wait.
 */
import { limits } from './limits.js';

export interface Queued {
  readonly input: string;
  /** 0 (first) .. 9 (last). */
  readonly priority: number;
  /** When it came, in ms on the monotonic clock. */
  readonly since: number;
}

interface Lane<T> {
  readonly input: string;
  readonly priority: number;
  readonly items: T[];
}

export class FairQueue<T extends Queued> {
  /** At most one for each input and priority; an empty one is kept. */
  readonly #lanes: Lane<T>[] = [];
  /** What engines spent on each input (ms). */
  readonly #spent = new Map<string, number>();
  /** What had been spent on the input that was served last: the time of those that are served in turn. */
  #servedMs = 0;
  #turn = 1;

  get size(): number {
    return this.#lanes.reduce((sum, { items }) => sum + items.length, 0);
  }

  waiting(input: string): number {
    return this.#lanes.reduce((sum, lane) => (lane.input === input ? sum + lane.items.length : sum), 0);
  }

  push(item: T): void {
    // Idle time is not saved up: an input that comes back starts level with the one that was served least.
    if (this.waiting(item.input) === 0) this.#spent.set(item.input, Math.max(this.#spentOn(item.input), this.#leastSpent()));
    this.#lane(item).items.push(item);
  }

  /** Puts back what was taken, in front of its input and priority. */
  putBack(item: T): void {
    this.#lane(item).items.unshift(item);
  }

  /** Whose turn it is among those that may go now; it stays in the queue. */
  next(nowMs: number, mayGo: (item: T) => boolean = () => true): T | undefined {
    const heads = this.#lanes.flatMap(({ items: [head] }) => (head !== undefined && mayGo(head) ? [head] : []));
    const oldest = least(heads, (a, b) => a.since - b.since);
    if (this.#turn % limits.agedTurns === 0 && oldest !== undefined && nowMs - oldest.since >= limits.agedMs) return oldest;
    return least(heads, (a, b) => a.priority - b.priority || this.#spentOn(a.input) - this.#spentOn(b.input) || a.since - b.since);
  }

  /** Takes one that `next` gave: its turn is used up. */
  take(item: T): void {
    const { items } = this.#lane(item);
    if (items[0] !== item) return;
    items.shift();
    this.#turn++;
    this.#servedMs = Math.max(this.#servedMs, this.#spentOn(item.input));
  }

  /** Takes out what has waited longest of an input, whatever its priority; no turn is used up. */
  takeOldest(input: string): T | undefined {
    const oldest = least(
      this.#lanes.flatMap((lane) => (lane.input === input && lane.items[0] !== undefined ? [lane.items[0]] : [])),
      (a, b) => a.since - b.since,
    );
    if (oldest !== undefined) this.#lane(oldest).items.shift();
    return oldest;
  }

  /** Takes everything out, in no order. */
  drain(): T[] {
    return this.#lanes.flatMap(({ items }) => items.splice(0));
  }

  /** An engine spent so much on a capture of this input (ms). */
  charge(input: string, ms: number): void {
    this.#spent.set(input, this.#spentOn(input) + ms);
  }

  #lane({ input, priority }: Queued): Lane<T> {
    const known = this.#lanes.find((lane) => lane.input === input && lane.priority === priority);
    if (known !== undefined) return known;
    const lane = { input, priority, items: [] };
    this.#lanes.push(lane);
    return lane;
  }

  #spentOn(input: string): number {
    return this.#spent.get(input) ?? 0;
  }

  #leastSpent(): number {
    const busy = this.#lanes.filter(({ items }) => items.length > 0).map(({ input }) => this.#spentOn(input));
    return busy.length === 0 ? this.#servedMs : Math.max(this.#servedMs, Math.min(...busy));
  }
}

function least<T>(all: readonly T[], compare: (a: T, b: T) => number): T | undefined {
  return all.reduce<T | undefined>((best, item) => (best === undefined || compare(item, best) < 0 ? item : best), undefined);
}
