/**
 * What a payload turns out to hold, whatever its kind.
 *
 * Guarantees: at most `limits.messageValuesMax` values of one message, in arrays that are used again. Deliberately knows no topic and
 * no clock.
 */
import { limits } from '../../core/limits.js';

export interface Samples {
  /** Names; the same array for as long as they do not change. */
  readonly channels: readonly string[];
  /** `count` times a value of each channel, sample after sample. Written over by the next payload. May hold what is no finite number. */
  readonly values: Float64Array;
  readonly count: number;
  /** When each was taken by the source's clock, ms since 1970; null where nobody asked. */
  readonly times: Float64Array | null;
  /** Where the topic does not say whose they are. */
  readonly source?: string;
}

/** Why a payload could not be read. `reason` is a label: a few words of a fixed list; `expected` is for a person. */
export class Malformed {
  readonly reason: string;
  readonly expected: string;

  constructor(reason: string, expected: string) {
    this.reason = reason;
    this.expected = expected;
  }
}

/** Of one topic: may remember what the payloads before were like. Null: there is nothing in it for us, and nothing wrong with it. */
export interface PayloadReader {
  read(payload: Buffer): Samples | Malformed | null;
}

/** The samples at hand, in arrays that are used again and again. */
export class SampleBuffer implements Samples {
  channels: readonly string[];
  values: Float64Array;
  times: Float64Array | null;
  count = 0;

  constructor(channels: readonly string[], timed: boolean) {
    this.channels = channels;
    this.values = new Float64Array(channels.length);
    this.times = timed ? new Float64Array(1) : null;
  }

  /** Makes room for so many; false when they are more than one message may hold. */
  room(count: number): boolean {
    const wanted = count * this.channels.length;
    if (wanted > limits.messageValuesMax) return false;
    this.count = count;
    if (this.values.length < wanted) this.values = new Float64Array(wanted);
    if (this.times !== null && this.times.length < count) this.times = new Float64Array(count);
    return true;
  }
}

export const tooMany = new Malformed('too_many', `at most ${limits.messageValuesMax} values in one message`);
