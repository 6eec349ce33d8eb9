/**
 * What a broker retains of a feed, states or snapshots: said when the connection comes, on change, and again when the feed says so.
 *
 * Guarantees: of one topic one publish is in flight, and what comes meanwhile is said after it, the latest only; so memory and traffic
 * are bounded by the number of pipelines and inputs. What a lost connection swallowed is said at the next.
 */
import type { Connection, Log } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import type { StateFeed, StateMessage } from '../core/watch.js';

export interface Retaining {
  readonly connection: Connection;
  readonly feed: StateFeed;
  readonly topic: (pipeline: string, input: string) => string;
  readonly contentType: string;
  readonly log: Log;
}

export class RetainedStates {
  readonly #sink: string;
  readonly #retaining: Retaining;
  /** By topic, those in flight; with what is to be said next. */
  readonly #flying = new Map<string, Uint8Array | null>();
  #unwatch: (() => void) | null = null;

  constructor(sink: string, retaining: Retaining) {
    this.#sink = sink;
    this.#retaining = retaining;
  }

  start(): void {
    this.#unwatch = this.#retaining.feed.watch((messages) => this.#sayEach(messages));
  }

  stop(): void {
    this.#unwatch?.();
    this.#unwatch = null;
  }

  sayAll(): void {
    this.#sayEach(this.#retaining.feed.all());
  }

  #sayEach(messages: readonly StateMessage[]): void {
    if (!this.#retaining.connection.connected) return;
    for (const { sinks, pipeline, input, payload } of messages) {
      if (sinks === null || sinks.includes(this.#sink)) void this.#say(this.#retaining.topic(pipeline, input), payload);
    }
  }

  async #say(topic: string, payload: Uint8Array): Promise<void> {
    if (this.#flying.has(topic)) {
      this.#flying.set(topic, payload);
      return;
    }
    this.#flying.set(topic, null);
    try {
      await this.#retaining.connection.publish(topic, payload, { qos: 1, retain: true, contentType: this.#retaining.contentType });
    } catch (error) {
      // A lost connection comes back, and everything is said anew.
      if (!(error instanceof ShoalError && error.code === 'DELIVERY_RETRY')) {
        this.#retaining.log.warn({ sink: this.#sink, topic }, `what is to be retained cannot be published: ${reasonOf(error)}`);
      }
    }
    const next = this.#flying.get(topic) ?? null;
    this.#flying.delete(topic);
    if (next !== null && this.#retaining.connection.connected) void this.#say(topic, next);
  }
}
