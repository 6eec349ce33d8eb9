/**
 * What an MQTT connection tells about itself: health, metrics and a log that stays short on a flapping link.
 */
import type { ConnectionContext } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { FoldedLog } from './folded-log.js';
import type { Ending, Welcome } from './link.js';
import { needsHuman, type Protocol } from './packet.js';
import type { LeftOut } from './subscriptions.js';

export class ConnectionReport {
  readonly #labels: { readonly connection: string };
  readonly #part: string;
  readonly #clientId: string;
  readonly #context: ConnectionContext;
  readonly #log: FoldedLog;
  readonly #metrics: ReturnType<typeof createMetrics>;

  constructor(name: string, clientId: string, context: ConnectionContext) {
    this.#labels = { connection: name };
    this.#part = `connection:${name}`;
    this.#clientId = clientId;
    this.#context = context;
    this.#log = new FoldedLog(context.log.child({ connection: name }), context.clock);
    this.#metrics = createMetrics(context);
  }

  connecting(url: string): void {
    this.#metrics.up.set(0, this.#labels);
    this.#context.health.set(this.#part, 'starting', `connecting to ${url}`);
  }

  connected(url: string, protocol: Protocol, welcome: Welcome): void {
    this.#metrics.up.set(1, this.#labels);
    this.#metrics.connects.inc({ ...this.#labels, outcome: 'accepted' });
    this.#context.health.set(this.#part, 'ok');
    const version = protocol === 5 ? '5' : '3.1.1';
    this.#log.say('info', { url, mqtt: version, receive_maximum: welcome.receiveMaximum }, 'connected to the broker');
  }

  lost(url: string, ending: Ending, next: { readonly waitMs: number; readonly takenOver: boolean }): void {
    this.#metrics.up.set(0, this.#labels);
    if (!ending.accepted) this.#metrics.connects.inc({ ...this.#labels, outcome: ending.code === null ? 'failed' : 'refused' });
    const reason = next.takenOver ? `another client seems to use the id ${this.#clientId}` : ending.reason;
    this.#context.health.set(this.#part, 'degraded', `${url} is away: ${reason}`);
    const fields = { url, retry_ms: Math.round(next.waitMs) };
    if (next.takenOver) {
      const advice = `is thrown out by the broker: ${reason}; give each device its own id, or set client_id`;
      this.#log.say('error', fields, `the connection ${advice}`);
    } else if (!ending.accepted && needsHuman(ending.code)) {
      this.#log.say('error', fields, `the broker refuses this device: ${reason}; check username, password and the broker's access rules`);
    } else {
      this.#log.say('warn', fields, `no connection to the broker: ${reason}; results wait on disk`);
    }
  }

  stopped(): void {
    this.#metrics.up.set(0, this.#labels);
    this.#context.health.set(this.#part, 'down', 'stopped');
  }

  statusRefused(topic: string, error: unknown): void {
    if (error instanceof ShoalError && error.code === 'DELIVERY_REFUSED') {
      this.#log.say('warn', { topic }, `the status of this device cannot be published: ${reasonOf(error)}`);
    }
  }

  acknowledged(seconds: number): void {
    this.#metrics.publishes.inc({ ...this.#labels, outcome: 'acknowledged' });
    this.#metrics.ack.observe(seconds, this.#labels);
  }

  rejected(error: unknown): void {
    const refused = error instanceof ShoalError && error.code === 'DELIVERY_REFUSED';
    this.#metrics.publishes.inc({ ...this.#labels, outcome: refused ? 'refused' : 'lost' });
  }

  leftOut(reason: LeftOut): void {
    this.#metrics.leftOut.inc({ ...this.#labels, reason });
    if (reason !== 'too_large') return;
    this.#log.say('warn', {}, `a message of more than ${limits.mqttInboundBytesMax} bytes was left out; send smaller ones`);
  }

  /** Counts it and makes the error. */
  refused(message: string): ShoalError {
    const error = new ShoalError('DELIVERY_REFUSED', message);
    this.rejected(error);
    return error;
  }
}

function createMetrics({ metrics }: ConnectionContext) {
  return {
    up: metrics.gauge({ name: 'shoal_mqtt_connected', help: '1 while the broker is connected', labels: ['connection'] }),
    connects: metrics.counter({
      name: 'shoal_mqtt_connects_total',
      help: 'Connects by outcome: accepted, refused (the broker said no), failed (no broker)',
      labels: ['connection', 'outcome'],
    }),
    publishes: metrics.counter({
      name: 'shoal_mqtt_publishes_total',
      help: 'Publishes by outcome: acknowledged (QoS 1), lost (to be sent again), refused (never to be sent again)',
      labels: ['connection', 'outcome'],
    }),
    leftOut: metrics.counter({
      name: 'shoal_mqtt_received_left_out_total',
      help: 'Messages from the broker that no input was given: own (said by this device), too_large, copy (of one that came for another filter)',
      labels: ['connection', 'reason'],
    }),
    ack: metrics.histogram({
      name: 'shoal_mqtt_ack_seconds',
      help: 'From a publish to its acknowledgement',
      labels: ['connection'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    }),
  };
}
