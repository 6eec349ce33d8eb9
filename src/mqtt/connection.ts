/**
 * A shared MQTT connection that is kept up for as long as the daemon runs.
 *
 * Guarantees: nothing is queued while the broker is away (a publish then rejects at once); a topic or size no broker would take never
 * reaches the wire; an acknowledgement that is late ends the link, so that a half-open one is noticed; at most one connect a second,
 * with backoff and jitter; a retained `online` is the first message of each link and a retained `offline` the last, said by the broker
 * if we cannot; what was subscribed to is subscribed to on each link. Deliberately keeps no message: what was not acknowledged belongs to
 * the relay, and no session is kept at the broker.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionContext, ConnectionKind, ManagedConnection, PublishOptions, Subscriber, Topics } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { ConnectionReport } from './connection-report.js';
import { EmbeddedBroker } from './embedded-broker.js';
import type { Ending, Link, Welcome } from './link.js';
import { type MqttOptions, mqttOptions } from './options.js';
import { retainRefusedCode } from './packet.js';
import { fieldPace, type Pace, ProtocolChoice, Reconnect } from './reconnect.js';
import { endpointOf, readTlsFiles } from './socket.js';
import { Subscriptions } from './subscriptions.js';
import { createTopics, explainTopic } from './topics.js';

export class MqttConnection implements ManagedConnection {
  readonly #options: MqttOptions;
  readonly #context: ConnectionContext;
  readonly #report: ConnectionReport;
  readonly #reconnect: Reconnect;
  readonly #protocol: ProtocolChoice;
  readonly #clientId: string;
  readonly #watchers = new Set<(connected: boolean) => void>();
  readonly #broker: EmbeddedBroker | null;
  readonly #subscriptions: Subscriptions;
  #url: string;
  #retain: boolean;
  #receiveMaximum = 65_535;
  #link: Link | null = null;
  #up = false;
  #stop: AbortController | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(name: string, options: MqttOptions, context: ConnectionContext, pace: Pace = fieldPace) {
    this.#options = options;
    this.#context = context;
    this.#url = options.url;
    this.#broker = options.url.startsWith('embedded:') ? new EmbeddedBroker(Number(options.url.slice('embedded:'.length))) : null;
    this.#clientId = options.client_id ?? `shoal-${context.deviceId}-${name}`;
    this.#report = new ConnectionReport(name, this.#clientId, context);
    this.#subscriptions = new Subscriptions(context.deviceId, (reason) => this.#report.leftOut(reason));
    this.#reconnect = new Reconnect(pace);
    // The embedded broker speaks 3.1.1 only: no need to ask.
    this.#protocol = new ProtocolChoice(this.#broker === null ? options.protocol : '3.1.1');
    this.#retain = options.retain;
  }

  get connected(): boolean {
    return this.#up;
  }

  get receiveMaximum(): number {
    return this.#receiveMaximum;
  }

  get address(): string {
    return this.#url;
  }

  topics(prefix: string): Topics {
    return createTopics(prefix, this.#context.deviceId);
  }

  watch(onChange: (connected: boolean) => void): () => void {
    this.#watchers.add(onChange);
    onChange(this.#up);
    return () => this.#watchers.delete(onChange);
  }

  subscribe(filters: readonly string[], qos: 0 | 1, subscriber: Subscriber): () => void {
    return this.#subscriptions.add(filters, qos, subscriber);
  }

  async start(): Promise<void> {
    if (this.#stop !== null) return;
    const stop = new AbortController();
    this.#stop = stop;
    if (this.#broker !== null) {
      await this.#broker.start();
      this.#url = this.#broker.url;
    }
    if (stop.signal.aborted) return await this.#broker?.stop();
    this.#report.connecting(this.#url);
    this.#running = this.#run(stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop?.abort();
    await this.#link?.close(() => this.#sayStatus('offline'));
    await this.#running;
    await this.#broker?.stop();
  }

  async publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<void> {
    const problem = explainTopic(topic);
    if (problem !== null)
      throw this.#report.refused(`no message can be sent to the topic ${JSON.stringify(topic.slice(0, 200))}: ${problem}`);
    if (payload.byteLength > limits.payloadBytesMax) {
      throw this.#report.refused(`a message of ${payload.byteLength} bytes to ${topic} is larger than ${limits.payloadBytesMax} bytes`);
    }
    const link = this.#link;
    if (link === null || !this.#up) throw new ShoalError('DELIVERY_RETRY', `the connection to ${this.#url} is away`);
    const sentMs = this.#context.clock.monoMs();
    try {
      await link.publish(topic, payload, options.retain && !this.#retain ? { ...options, retain: false } : options);
      if (options.qos > 0) this.#report.acknowledged((this.#context.clock.monoMs() - sentMs) / 1000);
    } catch (error) {
      this.#report.rejected(error);
      throw error;
    }
  }

  async #run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const startedMs = this.#context.clock.monoMs();
      const protocol = this.#protocol.next;
      const ending = await this.#live(stop);
      this.#subscriptions.closed();
      this.#change(false);
      this.#link = null;
      if (stop.aborted) break;
      this.#protocol.learn(protocol, ending);
      if (!ending.accepted && ending.code === retainRefusedCode) this.#retain = false;
      const next = this.#reconnect.after(ending, startedMs, this.#context.clock.monoMs());
      this.#report.lost(this.#url, ending, next);
      await sleep(next.waitMs, undefined, { signal: stop }).catch(() => {});
    }
    this.#report.stopped();
  }

  /** One link, from connect to its end. */
  async #live(stop: AbortSignal): Promise<Ending> {
    try {
      // The client library is loaded here, so that a daemon without a connection does without it and no start waits for it.
      const { Link } = await import('./link.js');
      const tls = await readTlsFiles(this.#options);
      const password = this.#options.password?.reveal();
      const link = new Link(
        {
          endpoint: endpointOf(this.#url),
          tls,
          password,
          protocol: this.#protocol.next,
          clientId: this.#clientId,
          username: this.#options.username,
          keepaliveS: this.#options.keepalive_s,
          connectTimeoutMs: this.#options.connect_timeout_ms,
          ackTimeoutMs: this.#options.ack_timeout_ms,
          willTopic: this.#context.statusTopic,
          retain: this.#retain,
        },
        this.#context.clock,
      );
      if (!stop.aborted) {
        this.#link = link;
        link.open({ welcome: (welcome) => this.#welcome(link, welcome), message: (message) => this.#subscriptions.receive(message) });
        return await link.ended;
      }
      return failure('stopped');
    } catch (error) {
      return failure(reasonOf(error));
    }
  }

  #welcome(link: Link, welcome: Welcome): void {
    this.#receiveMaximum = welcome.receiveMaximum;
    this.#report.connected(this.#url, this.#protocol.next, welcome);
    this.#sayStatus('online').catch((error: unknown) => this.#report.statusRefused(this.#context.statusTopic, error));
    if (this.#stop?.signal.aborted === true) return;
    this.#change(true);
    this.#subscriptions.opened(link);
  }

  #sayStatus(status: 'online' | 'offline'): Promise<void> {
    const link = this.#link;
    if (link === null) return Promise.resolve();
    return link.publish(this.#context.statusTopic, Buffer.from(status), { qos: 1, retain: this.#retain });
  }

  #change(up: boolean): void {
    if (this.#up === up) return;
    this.#up = up;
    for (const watcher of [...this.#watchers]) watcher(up);
  }
}

/** An ending before there was a link. */
function failure(reason: string): Ending {
  return { accepted: false, reached: false, byPeer: false, proven: false, code: null, reason };
}

export function createMqttConnection(name: string, options: MqttOptions, context: ConnectionContext): MqttConnection {
  return new MqttConnection(name, options, context);
}

export const mqttConnection = {
  type: 'mqtt',
  options: mqttOptions,
  create: createMqttConnection,
} as const satisfies ConnectionKind<MqttOptions>;
