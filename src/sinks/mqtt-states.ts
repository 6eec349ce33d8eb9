/**
 * The retained states on a broker: said when the connection comes, on change, and again when the feed says so.
 *
 * Guarantees: of one state one publish is in flight, and what comes meanwhile is said after it, the latest only; so memory and traffic
 * are bounded by the number of pipelines and inputs. What a lost connection swallowed is said at the next.
 */
import type { Connection, SinkContext, Topics } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import type { StateMessage } from '../core/watch.js';

export class RetainedStates {
  readonly #sink: string;
  readonly #connection: Connection;
  readonly #topics: Topics;
  readonly #context: Pick<SinkContext, 'latest' | 'log'>;
  /** By topic, those in flight; with what is to be said next. */
  readonly #flying = new Map<string, Uint8Array | null>();
  #unwatch: (() => void) | null = null;

  constructor(sink: string, connection: Connection, topics: Topics, context: Pick<SinkContext, 'latest' | 'log'>) {
    this.#sink = sink;
    this.#connection = connection;
    this.#topics = topics;
    this.#context = context;
  }

  start(): void {
    this.#unwatch = this.#context.latest.watch((messages) => this.#sayEach(messages));
  }

  stop(): void {
    this.#unwatch?.();
    this.#unwatch = null;
  }

  sayAll(): void {
    this.#sayEach(this.#context.latest.all());
  }

  #sayEach(messages: readonly StateMessage[]): void {
    if (!this.#connection.connected) return;
    for (const { sinks, pipeline, input, payload } of messages) {
      if (sinks === null || sinks.includes(this.#sink)) void this.#say(this.#topics.state(pipeline, input), payload);
    }
  }

  async #say(topic: string, payload: Uint8Array): Promise<void> {
    if (this.#flying.has(topic)) {
      this.#flying.set(topic, payload);
      return;
    }
    this.#flying.set(topic, null);
    try {
      await this.#connection.publish(topic, payload, { qos: 1, retain: true, contentType: 'application/json' });
    } catch (error) {
      // A lost connection comes back, and everything is said anew.
      if (!(error instanceof ShoalError && error.code === 'DELIVERY_RETRY')) {
        this.#context.log.warn({ sink: this.#sink, topic }, `a state cannot be published: ${reasonOf(error)}`);
      }
    }
    const next = this.#flying.get(topic) ?? null;
    this.#flying.delete(topic);
    if (next !== null && this.#connection.connected) void this.#say(topic, next);
  }
}
