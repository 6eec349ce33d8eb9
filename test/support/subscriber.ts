/**
 * An ordinary MQTT subscriber with a persistent session, so that what happens while it or the broker is away reaches it later.
 * It writes down every message in the order of arrival.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import mqtt, { type MqttClient } from 'mqtt';

export interface Received {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly qos: number;
  /** Milliseconds on the monotonic clock. */
  readonly atMs: number;
  readonly contentType: string | undefined;
  readonly userProperties: Readonly<Record<string, string | string[]>>;
}

export interface SubscriberOptions {
  readonly url: string;
  readonly topic?: string;
  readonly clientId?: string;
  readonly protocol?: 4 | 5;
}

export class Subscriber {
  readonly messages: Received[] = [];
  readonly #client: MqttClient;

  constructor(client: MqttClient) {
    this.#client = client;
    client.on('error', () => {});
    client.on('message', (topic, payload, packet) => {
      this.messages.push({
        topic,
        payload,
        retain: packet.retain,
        dup: packet.dup,
        qos: packet.qos,
        atMs: performance.now(),
        contentType: packet.properties?.contentType,
        userProperties: { ...packet.properties?.userProperties },
      });
    });
  }

  on(pattern: RegExp): Received[] {
    return this.messages.filter((message) => pattern.test(message.topic));
  }

  /** Resolves when `until` holds; throws, saying what has arrived, after `ms`. */
  async wait(until: (messages: readonly Received[]) => boolean, ms = 5_000): Promise<void> {
    const endMs = performance.now() + ms;
    while (!until(this.messages)) {
      if (performance.now() > endMs) {
        const last = this.messages.slice(-5).map((message) => `${message.topic} ${message.payload.toString().slice(0, 80)}`);
        throw new Error(`not within ${ms} ms; ${this.messages.length} messages arrived, the last ${JSON.stringify(last)}`);
      }
      await sleep(10);
    }
  }

  async stop(): Promise<void> {
    await this.#client.endAsync(true);
  }
}

/** Resolves when the subscription is granted. */
export async function startSubscriber(options: SubscriberOptions): Promise<Subscriber> {
  const protocolVersion = options.protocol ?? 4;
  const client = mqtt.connect(options.url, {
    clientId: options.clientId ?? `subscriber-${process.pid}-${Math.random().toString(36).slice(2, 8)}`,
    clean: false,
    protocolVersion,
    reconnectPeriod: 200,
    timerVariant: 'native',
    ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 3600 } }),
  });
  const subscriber = new Subscriber(client);
  await client.subscribeAsync(options.topic ?? '#', { qos: 1 });
  return subscriber;
}
