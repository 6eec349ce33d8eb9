/**
 * When to connect again, and in which version of the protocol.
 *
 * Guarantees: two connects never begin within `gapMs`; waits grow while links are worthless, and grow more where another client
 * keeps taking our client id. Pure: time and chance come in.
 */
import { Backoff } from '../core/backoff.js';
import { limits } from '../core/limits.js';
import type { Ending } from './link.js';
import { isVersionRefusal, type Protocol, takenOverCode } from './packet.js';

/** How fast a connection may be rebuilt; tests are faster than the field. */
export interface Pace {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly gapMs: number;
}

export const fieldPace: Pace = { firstMs: limits.mqttReconnectFirstMs, maxMs: limits.mqttReconnectMaxMs, gapMs: limits.mqttConnectGapMs };

/** Short-lived links closed by the broker without a word, in a row: what a takeover looks like in MQTT 3.1.1. */
const silentClosesMax = 3;

export class Reconnect {
  readonly #pace: Pace;
  readonly #backoff: Backoff;
  readonly #takeover = new Backoff({ firstMs: limits.mqttTakeoverFirstMs, maxMs: limits.mqttTakeoverMaxMs });
  #silentCloses = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
    this.#backoff = new Backoff(pace);
  }

  /** Milliseconds from `nowMs` to the next connect, and whether another client seems to use our id. */
  after(ending: Ending, startedMs: number, nowMs: number): { readonly waitMs: number; readonly takenOver: boolean } {
    const livedMs = nowMs - startedMs;
    const silent = ending.accepted && ending.byPeer && ending.code === null && livedMs < limits.mqttStableMs;
    this.#silentCloses = silent ? this.#silentCloses + 1 : 0;
    const takenOver = ending.code === takenOverCode || this.#silentCloses >= silentClosesMax;
    if (takenOver) return { waitMs: this.#takeover.next(), takenOver };
    if (livedMs > limits.mqttTakeoverMaxMs) this.#takeover.reset();
    if (ending.proven || (ending.accepted && livedMs >= limits.mqttStableMs)) this.#backoff.reset();
    return { waitMs: Math.max(this.#backoff.next(), this.#pace.gapMs - livedMs), takenOver };
  }
}

export class ProtocolChoice {
  readonly #wanted: 'auto' | '5' | '3.1.1';
  #refused = false;
  #doubted = false;

  constructor(wanted: 'auto' | '5' | '3.1.1') {
    this.#wanted = wanted;
  }

  get next(): Protocol {
    if (this.#wanted === 'auto') return this.#refused || this.#doubted ? 4 : 5;
    return this.#wanted === '5' ? 5 : 4;
  }

  /**
   * A clear refusal of 5 is remembered. A peer that closes before it answers may be an old broker or a dying one: the next
   * connect tries 3.1.1, the one after it 5 again.
   */
  learn(protocol: Protocol, ending: Ending): void {
    if (protocol === 4) {
      this.#doubted = false;
      if (!ending.accepted && isVersionRefusal(ending.code)) this.#refused = false;
      return;
    }
    if (ending.accepted) return;
    this.#refused = isVersionRefusal(ending.code);
    this.#doubted = ending.reached && ending.code === null;
  }
}
