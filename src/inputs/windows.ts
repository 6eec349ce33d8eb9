/**
 * Samples of one source, one by one, made into windows.
 *
 * Guarantees: a window is one stretch of one clock: never across a pause longer than `maxGapMs` or a jump of the clock, both of which end it
 * unfinished and are counted; a sample that is older than the one before it, or is that one again, is left out and counted; what is given out is finite. The cost of a
 * sample does not depend on the length of a window, and nothing is allocated for one. Deliberately sorts nothing: a late sample would hold
 * up all others. Resampling is linear interpolation on a grid that begins with the first sample (no filter: what is faster than
 * half of `rate_hz` folds down, so the rate should be about the source's own).
 */

import { limits } from '../core/limits.js';
import type { Series } from '../core/series.js';
import type { WindowPlan } from './window-options.js';

/** Why samples were left out, or a window was broken off. */
export type WindowSkip = 'duplicate' | 'out_of_order' | 'no_number' | 'gap' | 'clock_jump' | 'window_full';

export interface WindowOut {
  /**
   * A window is full. `series.data` is written over when this returns. `startMs` of the series and `endMs`, the time of its last sample, are
   * by the clock of the samples; `arrivedMs` is when the last of it came, by the monotonic clock.
   */
  window(series: Series, endMs: number, arrivedMs: number): void;
  skipped(reason: WindowSkip, count: number): void;
}

/** Whose clock the samples' times are from: our own monotonic one, which is never wrong but for the delay, or the source's. */
export type SampleClock = 'arrival' | 'device';

export class Windows {
  readonly channels: readonly string[];
  readonly #plan: WindowPlan;
  readonly #clock: SampleClock;
  readonly #out: WindowOut;
  /** channels x capacity, channel after channel; the first `#count` samples of each are the window at hand. */
  #data: Float32Array;
  #times: Float64Array;
  #filled: Uint8Array;
  #capacity: number;
  #count = 0;
  /** Samples to pass over, where windows are further apart than they are long. */
  #passOver = 0;
  /** Of a window by time: when it began. */
  #beganMs = 0;
  readonly #last: Float64Array;
  #lastMs = Number.NaN;
  #lastArrivedMs = 0;
  /** The next point of the grid is `#originMs + #step * periodMs`. */
  #originMs = 0;
  #step = 0;

  constructor(plan: WindowPlan, channels: readonly string[], clock: SampleClock, out: WindowOut) {
    this.channels = channels;
    this.#plan = plan;
    this.#clock = clock;
    this.#out = out;
    this.#capacity = plan.by === 'samples' ? plan.length : firstCapacity;
    this.#data = new Float32Array(channels.length * this.#capacity);
    this.#times = new Float64Array(this.#capacity);
    this.#filled = new Uint8Array(this.#capacity);
    this.#last = new Float64Array(channels.length);
  }

  /**
   * One sample: a value of each channel, from `offset` on. `deviceMs` is its time by the source's clock, ms since 1970, and is not looked at where
   * the clock is that of arrival.
   */
  push(values: ArrayLike<number>, offset: number, arrivedMs: number, deviceMs = 0): void {
    let timeMs = deviceMs;
    if (this.#clock === 'arrival') timeMs = arrivedMs > this.#lastMs || Number.isNaN(this.#lastMs) ? arrivedMs : this.#lastMs + tickMs;
    const refusal = this.#refusal(values, offset, timeMs);
    if (refusal !== null) {
      this.#out.skipped(refusal, 1);
      return;
    }
    this.#follow(timeMs, arrivedMs);
    if (this.#plan.periodMs === null) this.#keep(values, offset, timeMs, arrivedMs);
    else this.#resample(values, offset, timeMs, arrivedMs, this.#plan.periodMs);
    for (let c = 0; c < this.#last.length; c++) this.#last[c] = values[offset + c] as number;
    this.#lastMs = timeMs;
    this.#lastArrivedMs = arrivedMs;
  }

  /**
   * `count` samples that were taken `periodMs` apart and came together, sample after sample in `values`. `deviceMs` is the time of the first of them;
   * by arrival the last is taken to be of now, and blocks that follow each other are joined without the jitter of their arrival.
   */
  pushBlock(values: ArrayLike<number>, count: number, periodMs: number, arrivedMs: number, deviceMs = 0): void {
    const width = this.#last.length;
    if (this.#clock === 'device') {
      for (let i = 0; i < count; i++) this.push(values, i * width, arrivedMs, deviceMs + i * periodMs);
      return;
    }
    let startMs = arrivedMs - (count - 1) * periodMs;
    const expectedMs = this.#lastMs + periodMs;
    const offMs = startMs - expectedMs;
    // A tenth of the difference follows a clock that runs fast or slow, and hides a late packet.
    if (Math.abs(offMs) <= Math.min(this.#plan.maxGapMs, limits.windowLateMs)) startMs = expectedMs + Math.max(offMs / 10, -periodMs / 2);
    for (let i = 0; i < count; i++) this.push(values, i * width, startMs + i * periodMs);
  }

  /** What it holds in memory. */
  get bytes(): number {
    return this.#data.byteLength + this.#times.byteLength + this.#filled.byteLength;
  }

  /** Forgets the window at hand; how many samples it had. The next sample begins anew. */
  end(): number {
    const count = this.#count;
    this.#lastMs = Number.NaN;
    this.#count = 0;
    return count;
  }

  #refusal(values: ArrayLike<number>, offset: number, timeMs: number): WindowSkip | null {
    if (!Number.isFinite(timeMs)) return 'no_number';
    for (let c = 0; c < this.#last.length; c++) {
      // A double may be finite and its float not.
      if (!Number.isFinite(Math.fround(values[offset + c] as number))) return 'no_number';
    }
    if (timeMs === this.#lastMs && this.#repeats(values, offset)) return 'duplicate';
    return timeMs < this.#lastMs && this.#lastMs - timeMs <= limits.windowLateMs ? 'out_of_order' : null;
  }

  /** Whether it is the last sample once more; other values at the same time come from a clock that is coarser than the samples. */
  #repeats(values: ArrayLike<number>, offset: number): boolean {
    for (let c = 0; c < this.#last.length; c++) if (values[offset + c] !== this.#last[c]) return false;
    return true;
  }

  /** Begins a window where there is none, or where this sample does not belong to the one at hand. */
  #follow(timeMs: number, arrivedMs: number): void {
    const elapsedMs = timeMs - this.#lastMs;
    if (Number.isNaN(elapsedMs)) this.#begin(timeMs);
    else if (elapsedMs < 0) this.#breakOff('clock_jump', timeMs);
    else if (elapsedMs > this.#plan.maxGapMs) {
      const jumped = elapsedMs > arrivedMs - this.#lastArrivedMs + limits.windowJumpMs;
      this.#breakOff(jumped ? 'clock_jump' : 'gap', timeMs);
    }
  }

  #begin(timeMs: number): void {
    this.#count = 0;
    this.#passOver = 0;
    this.#beganMs = timeMs;
    this.#originMs = timeMs;
    this.#step = 0;
  }

  #breakOff(reason: WindowSkip, timeMs: number): void {
    this.#out.skipped(reason, 1);
    this.#begin(timeMs);
    this.#lastMs = Number.NaN;
  }

  /** Every point of the grid up to `timeMs`, from the sample before and this one. */
  #resample(values: ArrayLike<number>, offset: number, timeMs: number, arrivedMs: number, periodMs: number): void {
    const fromMs = this.#lastMs;
    const spanMs = timeMs - fromMs;
    // Times that were added up elsewhere may miss the grid by their last digits.
    const untilMs = timeMs + periodMs * 1e-3;
    let first = true;
    for (let atMs = this.#originMs + this.#step * periodMs; atMs <= untilMs; atMs = this.#originMs + ++this.#step * periodMs) {
      const share = spanMs > 0 ? Math.min(1, Math.max(0, (atMs - fromMs) / spanMs)) : 1;
      this.#put(values, offset, share, atMs, arrivedMs, first ? 0 : 1);
      first = false;
    }
  }

  #keep(values: ArrayLike<number>, offset: number, timeMs: number, arrivedMs: number): void {
    if (this.#plan.by === 'time') {
      this.#turn(timeMs);
      if (timeMs < this.#beganMs) return;
    }
    this.#put(values, offset, 1, timeMs, arrivedMs, 0);
  }

  /** Writes one sample: `share` of the way from the last one to this. */
  #put(values: ArrayLike<number>, offset: number, share: number, timeMs: number, arrivedMs: number, filled: 0 | 1): void {
    if (this.#passOver > 0) {
      this.#passOver--;
      return;
    }
    const width = this.#last.length;
    const at = this.#count++;
    for (let c = 0; c < width; c++) {
      const value = values[offset + c] as number;
      this.#data[c * this.#capacity + at] = share === 1 ? value : (this.#last[c] as number) * (1 - share) + value * share;
    }
    this.#times[at] = timeMs;
    this.#filled[at] = filled;
    if (this.#plan.by === 'time') {
      if (this.#count === this.#capacity) this.#grow();
      return;
    }
    if (this.#count < this.#plan.length) return;
    this.#give(arrivedMs);
    this.#drop(Math.min(this.#plan.hop, this.#count));
    this.#passOver = Math.max(0, this.#plan.hop - this.#plan.length);
  }

  /** Gives out every window by time that is over at `timeMs` and has a sample. */
  #turn(timeMs: number): void {
    const { length, hop } = this.#plan;
    while (timeMs >= this.#beganMs + length) {
      if (this.#count > 0) this.#give(this.#lastArrivedMs);
      // Those without a sample are passed over at once: there may be thousands.
      else this.#beganMs += hop * Math.floor((timeMs - this.#beganMs - length) / hop);
      this.#beganMs += hop;
      let gone = 0;
      while (gone < this.#count && (this.#times[gone] as number) < this.#beganMs) gone++;
      this.#drop(gone);
    }
  }

  #give(arrivedMs: number): void {
    const { periodMs } = this.#plan;
    const width = this.channels.length;
    const length = this.#count;
    const endMs = this.#times[length - 1] as number;
    let filled = 0;
    for (let i = 0; i < length; i++) filled += this.#filled[i] as number;
    const data = length === this.#capacity ? this.#data : this.#packed(length);
    const rateHz = periodMs === null ? null : 1000 / periodMs;
    const startMs = this.#times[0] as number;
    this.#out.window({ channels: this.channels, rateHz, length, data, startMs, filled: filled * width }, endMs, arrivedMs);
  }

  #packed(length: number): Float32Array {
    const data = new Float32Array(this.channels.length * length);
    for (let c = 0; c < this.channels.length; c++) {
      data.set(this.#data.subarray(c * this.#capacity, c * this.#capacity + length), c * length);
    }
    return data;
  }

  /** The first `gone` samples of each channel. */
  #drop(gone: number): void {
    if (gone === 0) return;
    for (let c = 0; c < this.channels.length; c++) {
      const from = c * this.#capacity;
      this.#data.copyWithin(from, from + gone, from + this.#count);
    }
    this.#times.copyWithin(0, gone, this.#count);
    this.#filled.copyWithin(0, gone, this.#count);
    this.#count -= gone;
  }

  /** More samples came within the time than there was room for. */
  #grow(): void {
    const width = this.channels.length;
    const capacity = this.#capacity * 2;
    if (capacity > limits.windowSamplesMax) {
      this.#out.skipped('window_full', 1);
      this.#begin(this.#times[this.#count - 1] as number);
      return;
    }
    const data = new Float32Array(width * capacity);
    for (let c = 0; c < width; c++) data.set(this.#data.subarray(c * this.#capacity, (c + 1) * this.#capacity), c * capacity);
    const times = new Float64Array(capacity);
    times.set(this.#times);
    const filled = new Uint8Array(capacity);
    filled.set(this.#filled);
    this.#data = data;
    this.#times = times;
    this.#filled = filled;
    this.#capacity = capacity;
  }
}

/** Of a window by time, whose number of samples nobody knows beforehand. */
const firstCapacity = 64;

/** Between two samples that arrived in the same instant. */
const tickMs = 0.001;
