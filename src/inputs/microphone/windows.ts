/**
 * A stream of samples cut into windows, each with what came before it.
 *
 * Guarantees: windows are `hop` apart and whole; none reaches over a gap; what came before is as much of `before` as was heard since the stream
 * began or the gap was. At most `window + before` and what came last are held. Frames are samples of all channels at one time. Pure.
 */

export interface WindowShape {
  readonly frameBytes: number;
  /** All in frames. */
  readonly window: number;
  readonly hop: number;
  readonly before: number;
}

export interface PcmWindow {
  /** A view, until the next call. */
  readonly pcm: Buffer;
  /** Frames since the stream began, lost ones too: from the first of `pcm`, up to the one behind its last. */
  readonly from: number;
  readonly to: number;
  /** Frames that have come after it already. */
  readonly behind: number;
}

export class PcmWindows {
  readonly #shape: WindowShape;
  #held = Buffer.alloc(0);
  /** The frame at the start of `#held`. */
  #start = 0;
  /** The frame behind the next window. */
  #next: number;

  constructor(shape: WindowShape) {
    this.#shape = shape;
    this.#next = shape.window;
  }

  push(bytes: Buffer): PcmWindow[] {
    const { frameBytes, window, hop, before } = this.#shape;
    this.#held = Buffer.concat([this.#held, bytes]);
    const all = this.#held;
    const first = this.#start;
    const end = first + Math.floor(all.length / frameBytes);
    const windows: PcmWindow[] = [];
    for (; this.#next <= end; this.#next += hop) {
      const from = Math.max(first, this.#next - window - before);
      const pcm = all.subarray((from - first) * frameBytes, (this.#next - first) * frameBytes);
      windows.push({ pcm, from, to: this.#next, behind: end - this.#next });
    }
    this.#forget(Math.min(end, this.#next - window - before));
    return windows;
  }

  /** The device lost so many frames, about here; what was half a window is dropped. */
  gap(frames: number): void {
    const { frameBytes, window } = this.#shape;
    this.#start += Math.floor(this.#held.length / frameBytes) + frames;
    this.#held = Buffer.alloc(0);
    this.#next = this.#start + window;
  }

  #forget(before: number): void {
    if (before <= this.#start) return;
    this.#held = Buffer.from(this.#held.subarray((before - this.#start) * this.#shape.frameBytes));
    this.#start = before;
  }
}
