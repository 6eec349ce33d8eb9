/**
 * What is said of messages that could not be read: each reason once, then now and again with how many there were.
 */
import type { Clock, Log } from '../../core/contracts.js';
import { limits } from '../../core/limits.js';
import type { Malformed } from './samples.js';

/** Bytes of a payload that are shown: the start of any JSON, and no secrets worth the name. */
const shownBytes = 48;

export class Complaints {
  readonly #log: Log;
  readonly #clock: Clock;
  /** By reason, of which there is a fixed list. */
  readonly #said = new Map<string, { atMs: number; since: number }>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  say({ reason, expected }: Malformed, topic: string, payload: Buffer): void {
    const nowMs = this.#clock.monoMs();
    const before = this.#said.get(reason);
    if (before !== undefined && nowMs - before.atMs < limits.logFoldMs) {
      before.since++;
      return;
    }
    this.#said.set(reason, { atMs: nowMs, since: 0 });
    const fields = { topic, bytes: payload.length, begins: begins(payload), ...(before === undefined ? {} : { more: before.since }) };
    this.#log.warn(fields, `a message could not be read (${reason}): ${expected}`);
  }
}

/** As text where it is such, as hex where not. */
function begins(payload: Buffer): string {
  const start = payload.subarray(0, shownBytes);
  const text = start.toString('utf8');
  return /^[\p{L}\p{N}\p{P}\p{S}\p{Zs}\s]*\uFFFD?$/u.test(text) ? text.replace(/\s/g, ' ') : start.toString('hex');
}
