/**
 * A microphone: windows of sound, each a capture as a WAV file in memory.
 *
 * Guarantees: live and lossy; windows are whole and in order, and none reaches over samples that the device lost (overruns), which are counted.
 * Silence is no trouble, a dead microphone is: without samples for `stale_ms`, or with one and the same sample for `frozen_ms`, the input is down
 * with the reason and the device is opened anew. Deliberately does not resample or mix: arecord and the engine do.
 */
import type { Input, InputContext, InputKind, Offer } from '../core/contracts.js';
import { captureId } from '../core/id.js';
import { wavOf } from './framing/pcm.js';
import { Child } from './live/child.js';
import { LiveFeed } from './live/feed.js';
import { Freeze } from './live/freeze.js';
import { adviseOnMicrophone } from './microphone/advice.js';
import { lostMs, microphoneCommand } from './microphone/command.js';
import { type MicrophoneOptions, microphoneOptions } from './microphone/options.js';
import { type PcmWindow, PcmWindows } from './microphone/windows.js';

export const microphoneInput: InputKind<MicrophoneOptions> = {
  type: 'microphone',
  options: microphoneOptions,
  create: (name, options, context) => new MicrophoneInput(name, options, context),
};

class MicrophoneInput implements Input {
  readonly replayable = false;
  readonly whenFull = 'drop_newest';
  readonly #options: MicrophoneOptions;
  readonly #context: InputContext;
  readonly #feed: LiveFeed;
  readonly #child: Child;
  readonly #freeze: Freeze;
  #windows: PcmWindows;
  #stream = '';
  #count = 0;
  /** When the last window ended. */
  #endedMs = 0;

  constructor(name: string, options: MicrophoneOptions, context: InputContext) {
    this.#options = options;
    this.#context = context;
    this.#freeze = new Freeze(options.frozen_ms);
    this.#windows = this.#opened();
    const silentMs = Math.max(options.stale_ms, 2 * Math.max(options.hop_ms ?? 0, options.window_ms));
    this.#feed = new LiveFeed(name, { piece: 'window', silentMs, onSilent: (reason) => this.#child.restart(reason) }, context);
    this.#child = new Child(
      {
        plan: () => microphoneCommand(options),
        onStart: () => {
          this.#feed.opened();
          this.#windows = this.#opened();
        },
        onOutput: (bytes) => this.#sound(bytes),
        onWords: (line) => this.#words(line),
        onEnd: (reason) => this.#feed.trouble(reason),
        explain: (words, well) => adviseOnMicrophone(options, words, well),
      },
      context,
    );
  }

  async start(offer: Offer): Promise<void> {
    this.#feed.start(offer);
    this.#child.start();
  }

  async stop(): Promise<void> {
    await this.#child.stop();
    this.#feed.stop();
  }

  /** A device that is opened begins another stream. */
  #opened(): PcmWindows {
    this.#stream = captureId(this.#context.clock.wallMs());
    const { channels, window_ms, hop_ms = window_ms, before_ms } = this.#options;
    return new PcmWindows({
      frameBytes: channels * 2,
      window: this.#frames(window_ms),
      hop: this.#frames(hop_ms),
      before: this.#frames(before_ms),
    });
  }

  #frames(ms: number): number {
    return Math.round((ms * this.#options.rate_hz) / 1000);
  }

  #sound(bytes: Buffer): void {
    const nowMs = this.#context.clock.monoMs();
    for (const window of this.#windows.push(bytes)) this.#window(window, nowMs);
  }

  #window({ pcm, from, to, behind }: PcmWindow, nowMs: number): void {
    const { rate_hz, channels, frozen_ms } = this.#options;
    // Sound that waited in the pipe comes in one go; what it waited behind is as late, never later.
    this.#endedMs = Math.max(this.#endedMs, nowMs - (behind / rate_hz) * 1000);
    const state = this.#freeze.look(isFlat(pcm, channels * 2) ? pcm.toString('latin1', 0, channels * 2) : null, nowMs);
    if (state === 'well') {
      this.#feed.heard();
      const stream = { id: this.#stream, from, to };
      const bytes = wavOf(pcm, { format: 's16le', channels, rateHz: rate_hz });
      this.#feed.push({ name: `window ${++this.#count}`, bytes, stream, monoMs: this.#endedMs });
      return;
    }
    this.#feed.skipped('frozen');
    this.#feed.seen();
    if (state === 'frozen') return;
    const reason = `one and the same sample for ${frozen_ms / 1000} s: the microphone is muted ("alsamixer", capture) or dead`;
    this.#feed.trouble(reason);
    this.#child.restart(reason);
  }

  #words(line: string): void {
    const ms = lostMs(line);
    if (ms === null) return;
    this.#feed.skipped('overrun');
    this.#windows.gap(Math.max(1, this.#frames(ms)));
  }
}

/** Whether every frame is the same. */
function isFlat(pcm: Buffer, frameBytes: number): boolean {
  return pcm.subarray(frameBytes).equals(pcm.subarray(0, -frameBytes));
}
