/**
 * What comes in on one link, and its acknowledgements.
 *
 * Guarantees: QoS 1 messages are acknowledged in the order in which they came (MQTT 5, 4.6), each when its receiver is done with it; more than
 * `limits.mqttHeldMax` held acknowledgements hold the reading of the link itself, as one does that has none to hold (QoS 0). A receiver that is done at once costs no promise.
 */
import type { IPublishPacket, MqttClient } from 'mqtt';
import { limits } from '../core/limits.js';
import type { Received } from './subscriptions.js';

interface Held {
  readonly messageId: number;
  done: boolean;
}

/** By which the library goes on to the next packet without an acknowledgement of its own. */
const later = new Error('acknowledged later');

export class Inbox {
  readonly #client: MqttClient;
  readonly #receive: (message: Received) => void | Promise<void>;
  readonly #held: Held[] = [];
  #goOn: (() => void) | null = null;
  #inARow = 0;

  constructor(client: MqttClient, receive: (message: Received) => void | Promise<void>) {
    this.#client = client;
    this.#receive = receive;
  }

  take(packet: IPublishPacket, done: (error?: Error) => void): void {
    const { topic, payload, retain, dup, qos, messageId = 0 } = packet;
    const ids = packet.properties?.subscriptionIdentifier ?? null;
    const answer = this.#receive({ topic, payload: payload as Buffer, retain, duplicate: dup, ids });
    if (qos === 0 && answer !== undefined) {
      void answer.then(() => done());
      return;
    }
    if (qos !== 1 || (answer === undefined && this.#held.length === 0)) {
      // The library reads all that came in one piece of the stream before any promise moves on: what was offered must be able to be taken.
      if (++this.#inARow % limits.mqttInARowMax === 0) queueMicrotask(done);
      else done();
      return;
    }
    const held = { messageId, done: answer === undefined };
    this.#held.push(held);
    void answer?.then(() => {
      held.done = true;
      this.#acknowledge();
    });
    if (this.#held.length < limits.mqttHeldMax) done(later);
    else this.#goOn = () => done(later);
  }

  #acknowledge(): void {
    while (this.#held[0]?.done === true) {
      const { messageId } = this.#held.shift() as Held;
      // biome-ignore lint/complexity/useLiteralKeys: the library's own way to answer, which it calls private.
      this.#client['_sendPacket']({ cmd: 'puback', messageId, reasonCode: 0 });
    }
    const goOn = this.#goOn;
    if (goOn === null || this.#held.length >= limits.mqttHeldMax) return;
    this.#goOn = null;
    goOn();
  }
}
