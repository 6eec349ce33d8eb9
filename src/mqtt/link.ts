/**
 * One network connection to a broker, from the first byte to the last: a fresh client each time, used once.
 *
 * Guarantees: `ended` settles exactly once and nothing is pending after it; every publish is answered with an acknowledgement or an error.
 * The client library is used so that its store, queue and reconnection never come into play: publishes go out only on an accepted
 * connection, and what was not acknowledged is the caller's to send again on the next one. What comes in is acknowledged in its order, at once or when
 * the receiver says so.
 */
import type net from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { type IClientOptions, type IClientPublishOptions, MqttClient } from 'mqtt';
import type { Clock, PublishOptions } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { AckWindow } from './ack-window.js';
import { Inbox } from './inbox.js';
import { isFinalCode, type Protocol, publishBytes } from './packet.js';
import { type Endpoint, openSocket } from './socket.js';
import type { Received, SubscribingLink } from './subscriptions.js';

/**
 * Mosquitto answers a message above its `message_size_limit` with a code that a PUBACK may not have, which the library takes for a
 * malformed packet: no link survives it, but it was an answer.
 */
const oddAnswerPattern = /invalid puback reason code/i;

export interface LinkPlan {
  readonly endpoint: Endpoint;
  readonly tls: SecureContextOptions;
  readonly protocol: Protocol;
  readonly clientId: string;
  readonly username: string | undefined;
  /** Never logged, never part of an error. */
  readonly password: string | undefined;
  readonly keepaliveS: number;
  readonly connectTimeoutMs: number;
  readonly ackTimeoutMs: number;
  /** The broker says `offline` here, retained if it may, when the link is lost. */
  readonly willTopic: string;
  readonly retain: boolean;
}

/** What the broker said when it accepted. */
export interface Welcome {
  readonly receiveMaximum: number;
  readonly maximumPacketBytes: number;
  /** Whether a SUBSCRIBE may carry a number that comes back with its messages. */
  readonly numbersFilters: boolean;
}

export interface LinkEvents {
  /** At most once, before `ended` settles. */
  welcome(welcome: Welcome): void;
  /** May hold the acknowledgement back with a promise. */
  message(message: Received): void | Promise<void>;
}

export interface Ending {
  /** Whether the broker had accepted the connection. */
  readonly accepted: boolean;
  /** Whether there was a TCP (and TLS) peer at all. */
  readonly reached: boolean;
  /** Whether the peer closed in good order, without a word on why if `code` is null. */
  readonly byPeer: boolean;
  /** Whether the link acknowledged anything: the proof that it was worth having. */
  readonly proven: boolean;
  /** Reason code of CONNACK or DISCONNECT. */
  readonly code: number | null;
  readonly reason: string;
}

export class Link implements SubscribingLink {
  readonly ended: Promise<Ending>;
  readonly #plan: LinkPlan;
  readonly #clock: Clock;
  #client: MqttClient | null = null;
  #socket: net.Socket | null = null;
  #window: AckWindow | null = null;
  #welcome: Welcome | null = null;
  #reached = false;
  #byPeer = false;
  #proven = false;
  #code: number | null = null;
  #reason: string | null = null;
  #oddAnswer = false;
  #settleEnded: (ending: Ending) => void = () => {};

  constructor(plan: LinkPlan, clock: Clock) {
    this.#plan = plan;
    this.#clock = clock;
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
  }

  /** Connects in the background. */
  open(events: LinkEvents): void {
    const client = new MqttClient(() => this.#openSocket(), this.#clientOptions());
    this.#client = client;
    const inbox = new Inbox(client, (message) => events.message(message));
    client.handleMessage = (packet, done) => inbox.take(packet, done);
    client.on('error', (error) => this.#fail(error));
    client.on('disconnect', (packet) => {
      this.#code = packet.reasonCode ?? null;
      this.#note(`the broker disconnected: ${packet.properties?.reasonString ?? `reason code ${packet.reasonCode ?? 0}`}`);
    });
    client.on('close', () => this.#onClose());
    client.on('connect', (packet) => {
      if (this.#welcome !== null) return;
      const { receiveMaximum, maximumPacketSize, subscriptionIdentifiersAvailable: numbers } = packet.properties ?? {};
      this.#welcome = {
        receiveMaximum: receiveMaximum || 65_535,
        maximumPacketBytes: maximumPacketSize || Number.POSITIVE_INFINITY,
        numbersFilters: this.#plan.protocol === 5 && numbers !== false,
      };
      const ackTimeoutMs = this.#plan.ackTimeoutMs;
      this.#window = new AckWindow(this.#welcome.receiveMaximum, ackTimeoutMs, this.#clock, () =>
        this.destroy(`no acknowledgement for ${ackTimeoutMs} ms`),
      );
      events.welcome(this.#welcome);
    });
    client.connect();
  }

  /** To be called only after the welcome. Rejects with DELIVERY_RETRY or DELIVERY_REFUSED. */
  publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<void> {
    const client = this.#client;
    const window = this.#window;
    if (client === null || window === null || this.#welcome === null) return Promise.reject(retry('the link is not up'));
    const bytes = publishBytes(topic, payload, options, this.#plan.protocol);
    const max = this.#welcome.maximumPacketBytes;
    if (bytes > max) {
      const message = `a message of ${bytes} bytes to ${topic} is larger than the ${max} bytes the broker takes; raise its maximum packet size`;
      return Promise.reject(new ShoalError('DELIVERY_REFUSED', message));
    }
    const body = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    return window.push((settle) => {
      client.publish(topic, body, this.#publishOptions(options), (error) => {
        if (!error) this.#proven ||= options.qos > 0;
        settle(error ? publishError(topic, error) : null);
      });
    });
  }

  get numbersFilters(): boolean {
    return this.#welcome?.numbersFilters === true;
  }

  /** To be called only after the welcome. Resolves with the broker's code for each filter; rejects with DELIVERY_RETRY. */
  async subscribe(filters: readonly string[], qos: 0 | 1, id: number | null): Promise<readonly number[]> {
    const client = this.#client;
    if (client === null || this.#window === null) throw retry('the link is not up');
    let codes: readonly number[] = [];
    await this.#window.push((settle) => {
      const options = { qos, ...(id === null ? {} : { properties: { subscriptionIdentifier: id } }) };
      client.subscribe([...filters], options, (error, _granted, packet) => {
        codes = (packet?.granted ?? []).map(Number);
        // A refusal of one of them is an answer for each.
        settle(error && codes.length !== filters.length ? retry(reasonOf(error)) : null);
      });
    });
    return codes;
  }

  async unsubscribe(filter: string): Promise<void> {
    const client = this.#client;
    if (client === null || this.#window === null) throw retry('the link is not up');
    await this.#window.push((settle) => client.unsubscribe(filter, (error) => settle(error ?? null)));
  }

  /** Says `last`, then DISCONNECT; without an answer in time the link is cut, and the broker publishes the will. */
  async close(last: () => Promise<void>): Promise<void> {
    const timer = setTimeout(() => this.destroy('stopped'), limits.mqttFarewellMs);
    if (this.#welcome !== null) {
      await Promise.race([last().catch(() => {}), this.ended]);
      this.#note('stopped');
      if (this.#window?.size === 0) this.#client?.end(false);
      else this.destroy('stopped');
    } else this.destroy('stopped');
    await this.ended;
    clearTimeout(timer);
  }

  destroy(reason: string): void {
    this.#note(reason);
    this.#socket?.destroy();
  }

  #clientOptions(): IClientOptions {
    const plan = this.#plan;
    const five = plan.protocol === 5;
    return {
      manualConnect: true,
      reconnectPeriod: 0,
      queueQoSZero: false,
      resubscribe: false,
      timerVariant: 'native',
      writeCache: true,
      clean: true,
      protocolId: 'MQTT',
      protocolVersion: plan.protocol,
      clientId: plan.clientId,
      keepalive: plan.keepaliveS,
      connectTimeout: plan.connectTimeoutMs,
      ...(plan.username !== undefined && { username: plan.username }),
      ...(plan.password !== undefined && { password: plan.password }),
      ...(five && { properties: { maximumPacketSize: limits.mqttInboundBytesMax, receiveMaximum: limits.mqttHeldMax } }),
      will: { topic: plan.willTopic, payload: Buffer.from('offline'), qos: 1, retain: plan.retain },
    };
  }

  #publishOptions(options: PublishOptions): IClientPublishOptions {
    const { qos, retain, contentType, userProperties } = options;
    if (this.#plan.protocol !== 5) return { qos, retain };
    return {
      qos,
      retain,
      properties: {
        ...(contentType !== undefined && { contentType, payloadFormatIndicator: true }),
        ...(userProperties !== undefined && { userProperties: { ...userProperties } }),
      },
    };
  }

  #openSocket(): net.Socket {
    const socket = openSocket(this.#plan.endpoint, this.#plan.tls);
    this.#socket = socket;
    socket.once(this.#plan.endpoint.secure ? 'secureConnect' : 'connect', () => {
      this.#reached = true;
    });
    socket.on('error', (error) => this.#note(reasonOf(error) || String((error as NodeJS.ErrnoException).code)));
    socket.once('end', () => {
      this.#byPeer = this.#reason === null || this.#code !== null;
    });
    return socket;
  }

  /** The library reports some faults (a malformed packet) without closing anything. */
  #fail(error: Error & { code?: unknown }): void {
    if (typeof error.code === 'number') this.#code ??= error.code;
    this.#oddAnswer ||= oddAnswerPattern.test(error.message);
    this.destroy(reasonOf(error) || String(error.code));
  }

  #note(reason: string): void {
    this.#reason ??= reason;
  }

  #onClose(): void {
    const accepted = this.#welcome !== null;
    const reason =
      this.#reason ?? (accepted ? 'the broker closed the connection' : 'the connection was closed before the broker accepted it');
    const culprit = accepted && (isFinalCode(this.#code) || this.#oddAnswer) && this.#window?.size === 1;
    this.#window?.end(new ShoalError(culprit ? 'DELIVERY_REFUSED' : 'DELIVERY_RETRY', `the link to the broker ended: ${reason}`));
    this.#settleEnded({
      accepted,
      reached: this.#reached,
      byPeer: this.#byPeer,
      proven: this.#proven,
      code: this.#code,
      reason,
    });
  }
}

function retry(message: string): ShoalError {
  return new ShoalError('DELIVERY_RETRY', message);
}

function publishError(topic: string, error: Error & { code?: unknown }): ShoalError {
  const code = typeof error.code === 'number' ? error.code : null;
  if (!isFinalCode(code)) return retry(`the broker did not take a message to ${topic}: ${reasonOf(error)}`);
  const message = `the broker refuses messages to ${topic} (${reasonOf(error)}, code ${code}); check its access rules`;
  return new ShoalError('DELIVERY_REFUSED', message);
}
