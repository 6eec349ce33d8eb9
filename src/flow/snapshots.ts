/**
 * The latest picture of an event of every watch that is asked for one: what sinks that can keep a message retain of it.
 *
 * Guarantees: one message a watch, in memory only; it is said when it changes and to whoever connects later. A purge of its input takes the
 * picture back with an empty message, which a broker forgets a retained one by; it stands in the picture's place until the next one, for a
 * broker that was away. Lossy and declared so: a picture is not owed to anybody, and a restart forgets what was to be taken back.
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
    this.#say({ pipeline, input, sinks, payload: jpeg });
  }

  /** Takes back what may be retained of an input, by these watches. */
  forget(watches: readonly Pick<Watch, 'pipeline' | 'input'>[]): void {
    for (const { pipeline, input } of watches) this.#say({ pipeline, input, sinks: null, payload: new Uint8Array() });
  }

  #say(message: StateMessage): void {
    this.#latest.set(`${message.pipeline} ${message.input}`, message);
    for (const watcher of this.#watchers) watcher([message]);
  }
}
