/**
 * A camera: pictures of a V4L2, Raspberry Pi or network camera, each a capture.
 *
 * Guarantees: live and lossy, the newest picture counts; pictures exist in memory only, masked before the core sees them. A dead or a frozen
 * camera is never "nothing there": without a picture for `stale_ms`, or with the very same picture for `frozen_ms`, the input is down with the
 * reason and the camera is opened anew, and a frozen picture is not offered. A half picture is dropped and counted.
 * Deliberately decodes nothing here: ffmpeg and rpicam-vid do, as processes that come and go.
 */
import { createHash } from 'node:crypto';
import type { Input, InputContext, InputKind, Offer } from '../core/contracts.js';
import { captureId } from '../core/id.js';
import { limits } from '../core/limits.js';
import { adviseOnCamera, withoutUrls } from './camera/advice.js';
import { cameraCommand } from './camera/command.js';
import { JpegSplitter } from './camera/jpeg-splitter.js';
import { type CameraOptions, cameraOptions } from './camera/options.js';
import { Child } from './live/child.js';
import { LiveFeed } from './live/feed.js';
import { Freeze } from './live/freeze.js';

export const cameraInput: InputKind<CameraOptions> = {
  type: 'camera',
  options: cameraOptions,
  create: (name, options, context) => new CameraInput(name, options, context),
};

class CameraInput implements Input {
  readonly replayable = false;
  readonly whenFull = 'keep_latest';
  readonly #context: InputContext;
  readonly #feed: LiveFeed;
  readonly #child: Child;
  readonly #splitter: JpegSplitter;
  readonly #freeze: Freeze;
  #pictures = 0;
  /** A camera that is opened begins another. */
  #stream = '';
  readonly #frozenMs: number;

  constructor(name: string, options: CameraOptions, context: InputContext) {
    this.#context = context;
    this.#frozenMs = options.frozen_ms;
    this.#freeze = new Freeze(options.frozen_ms);
    const silentMs = Math.max(options.stale_ms, 3000 / options.rate_hz);
    this.#feed = new LiveFeed(name, { piece: 'picture', silentMs, onSilent: (reason) => this.#child.restart(reason) }, context);
    this.#splitter = new JpegSplitter(limits.cameraPictureBytesMax, {
      onPicture: (bytes) => this.#picture(bytes),
      onDropped: (reason) => this.#dropped(reason),
    });
    this.#child = new Child(
      {
        plan: () => cameraCommand(options),
        onStart: () => {
          this.#feed.opened();
          this.#stream = captureId(context.clock.wallMs());
        },
        onOutput: (bytes) => this.#splitter.push(bytes),
        onEnd: (reason) => {
          this.#splitter.end();
          this.#feed.trouble(reason);
        },
        explain: (words, well) => adviseOnCamera(options, words, well),
        clean: withoutUrls,
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

  #picture(bytes: Buffer): void {
    const hash = createHash('sha1').update(bytes).digest('base64');
    const state = this.#freeze.look(hash, this.#context.clock.monoMs());
    if (state === 'well') {
      this.#feed.heard();
      const from = this.#pictures++;
      this.#feed.push({ name: `picture ${from + 1}`, bytes, stream: { id: this.#stream, from, to: from + 1 } });
      return;
    }
    this.#feed.skipped('frozen');
    this.#feed.seen();
    if (state === 'frozen') return;
    const reason = `the very same picture for ${this.#frozenMs / 1000} s: the camera is frozen, or shows a drawn picture (then set frozen_ms: 0)`;
    this.#feed.trouble(reason);
    this.#child.restart(reason);
  }

  #dropped(reason: 'half' | 'too_large'): void {
    this.#feed.skipped(reason);
    const mostKib = limits.cameraPictureBytesMax / 1024;
    if (reason !== 'too_large') return;
    this.#feed.seen();
    this.#feed.trouble(`a picture has more than ${mostKib} KiB: set a smaller size`);
  }
}
