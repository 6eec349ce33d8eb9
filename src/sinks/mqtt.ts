/**
 * Deliveries to subscribers of an MQTT broker.
 *
 * Guarantees: QoS 1, never retained, the stored bytes as they are; fresh results, messages of events and what was delayed on topics
 * of their own; a redelivery is said in a user property where MQTT 5 is spoken. The state of events and their snapshots are retained (mqtt-states.ts). Publishes what the device is and can do (`info` and `models`,
 * retained, on each connect) and how it does (`health`, each minute) beside them. Order, retries and their counting are the relay's.
 */
import { z } from 'zod';
import type { Connection, Delivery, Sink, SinkContext, SinkKind, Topics } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { topicPrefixPattern } from '../core/id.js';
import { limits } from '../core/limits.js';
import { RetainedStates } from './mqtt-states.js';

export const mqttSinkOptions = z.strictObject({
  connection: z.string().min(1).max(64).describe('name of the connection to publish on'),
  topic_prefix: z
    .string()
    .regex(topicPrefixPattern, 'must be up to two levels of letters, digits, _ . or -, as in acme/plant3')
    .default('')
    .describe('levels before shoal/<device>/ in every topic, at most two; the connection’s status goes under the prefix too'),
  window: z
    .int()
    .min(1)
    .max(limits.mqttWindowMax)
    .default(32)
    .describe('results in flight at once, 1 .. 256; the broker may allow fewer; 1 waits for each acknowledgement'),
});

export type MqttSinkOptions = z.output<typeof mqttSinkOptions>;

const contentType = 'application/json';

class MqttSink implements Sink {
  readonly #name: string;
  readonly #options: MqttSinkOptions;
  readonly #context: SinkContext;
  readonly #watchers = new Set<(ready: boolean) => void>();
  #connection: Connection | null = null;
  #topics: Topics | null = null;
  #unwatch: (() => void) | null = null;
  #retained: readonly RetainedStates[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(name: string, options: MqttSinkOptions, context: SinkContext) {
    this.#name = name;
    this.#options = options;
    this.#context = context;
  }

  get ready(): boolean {
    return this.#connection?.connected === true;
  }

  get window(): number {
    return Math.min(this.#options.window, this.#connection?.receiveMaximum ?? 1);
  }

  /** Resolves at once; the broker may come later. */
  start(): Promise<void> {
    if (this.#connection !== null) return Promise.resolve();
    const connection = this.#context.connection(this.#options.connection);
    this.#topics = connection.topics(this.#options.topic_prefix);
    this.#connection = connection;
    this.#retained = this.#feeds(connection, this.#topics);
    this.#unwatch = connection.watch((connected) => {
      if (connected) this.#introduce();
      this.#tell(connected);
    });
    for (const retained of this.#retained) retained.start();
    this.#timer = setInterval(() => void this.#sayHealth(), limits.mqttHealthMs);
    this.#timer.unref();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#unwatch?.();
    this.#unwatch = null;
    for (const retained of this.#retained) retained.stop();
    this.#connection = null;
    this.#tell(false);
    return Promise.resolve();
  }

  watch(onChange: (ready: boolean) => void): () => void {
    this.#watchers.add(onChange);
    onChange(this.ready);
    return () => this.#watchers.delete(onChange);
  }

  async deliver(delivery: Delivery): Promise<void> {
    const { kind, pipeline, input, lane, payload, redelivery } = delivery;
    if (this.#connection === null || this.#topics === null) throw new ShoalError('DELIVERY_RETRY', `the sink ${this.#name} is stopped`);
    await this.#connection.publish(this.#topics[lane === 'live' ? kind : 'backlog'](pipeline, input), payload, {
      qos: 1,
      retain: false,
      contentType,
      ...(redelivery && { userProperties: { redelivery: 'true' } }),
    });
  }

  #feeds(connection: Connection, topics: Topics): readonly RetainedStates[] {
    const { latest, snapshots, log } = this.#context;
    const states = { connection, log, feed: latest, topic: topics.state, contentType };
    const pictures = { connection, log, topic: topics.snapshot, contentType: 'image/jpeg' };
    const feeds = snapshots === undefined ? [states] : [states, { ...pictures, feed: snapshots }];
    return feeds.map((feed) => new RetainedStates(this.#name, feed));
  }

  #tell(ready: boolean): void {
    for (const watcher of [...this.#watchers]) watcher(ready);
  }

  /** They are on their way before any result is. */
  #introduce(): void {
    void this.#retain('info', this.#context.info());
    void this.#retain('models', this.#context.models());
    for (const retained of this.#retained) retained.sayAll();
  }

  async #retain(topic: 'info' | 'models', message: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      const payload = Buffer.from(JSON.stringify(message));
      await this.#connection?.publish(this.#topics?.[topic] ?? '', payload, { qos: 1, retain: true, contentType });
    } catch (error) {
      if (error instanceof ShoalError && error.code === 'DELIVERY_RETRY') return;
      this.#context.log.warn({ sink: this.#name }, `the ${topic} message of this device cannot be published: ${reasonOf(error)}`);
    }
  }

  /** Worth nothing a minute later, so it is sent once, without an acknowledgement. */
  async #sayHealth(): Promise<void> {
    if (!this.ready) return;
    try {
      const vitals = Buffer.from(JSON.stringify(this.#context.vitals()));
      await this.#connection?.publish(this.#topics?.health ?? '', vitals, { qos: 0, retain: false, contentType });
    } catch (error) {
      this.#context.log.debug({ sink: this.#name }, `health was not published: ${reasonOf(error)}`);
    }
  }
}

export const mqttSink = {
  type: 'mqtt',
  options: mqttSinkOptions,
  create: (name, options, context) => new MqttSink(name, options, context),
} as const satisfies SinkKind<MqttSinkOptions>;
