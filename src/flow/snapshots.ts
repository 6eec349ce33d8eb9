/**
 * The latest picture of an event of every watch that is asked for one: what sinks that can keep a message retain of it.
 *
 * Guarantees: one picture a watch, in memory only; it is said when it changes and to whoever connects later. A purge of its input takes it
 * back with an empty message, which a broker forgets a retained one by. Lossy and declared so: a picture is not owed to anybody.
 */
import type { StateFeed, StateMessage, Watch } from '../core/watch.js';

export class Snapshots implements StateFeed {
  readonly #latest = new Map<string, StateMessage>();
  readonly #watchers = new Set<(messages: readonly StateMessage[]) => void>();

  all(): readonly StateMessage[] {
    return [...this.#latest.values()];
  }

  watch(onChange: (messages: readonly StateMessage[]) => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  /** `jpeg` is kept, and must not change. */
  show({ pipeline, input, sinks }: Pick<Watch, 'pipeline' | 'input' | 'sinks'>, jpeg: Uint8Array): void {
    const message = { pipeline, input, sinks, payload: jpeg };
    this.#latest.set(`${pipeline} ${input}`, message);
    for (const watcher of this.#watchers) watcher([message]);
  }

  /** Takes back what may be retained of an input, by these watches. */
  forget(watches: readonly Pick<Watch, 'pipeline' | 'input'>[]): void {
    for (const { pipeline, input } of watches) {
      this.#latest.delete(`${pipeline} ${input}`);
      for (const watcher of this.#watchers) watcher([{ pipeline, input, sinks: null, payload: new Uint8Array() }]);
    }
  }
}
