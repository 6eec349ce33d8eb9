/**
 * A capture as the stages of a job ask for it: its bytes as they are, its pixels or samples once a stage needs them.
 *
 * Guarantees: whatever is asked how often, a job decodes once, and what decoding fails with is the same answer to all who asked.
 * Reading is not counted as decoding.
 */
import type { CaptureHeader } from '../core/capture.js';
import { ShoalError } from '../core/errors.js';
import { canRead } from '../core/pipeline.js';
import type { StageTrace } from '../core/result.js';
import type { OpenContent } from './content.js';
import { type Decoded, hundredths } from './stage.js';

type Header = Pick<CaptureHeader, 'kind' | 'mediaType'>;

export class Decoding {
  readonly #header: Header;
  readonly #content: OpenContent;
  /** Begun before anybody asked. */
  #ahead: Promise<Decoded> | undefined;
  #decoded: Promise<Decoded> | undefined;
  #ms = 0;

  constructor(header: Header, content: OpenContent) {
    this.#header = header;
    this.#content = content;
  }

  /** What decoding took, or how long who asked for it had to wait where it had begun before; 0 while nobody needed it. */
  get ms(): number {
    return this.#ms;
  }

  /** Whether somebody asked for what had begun before. */
  get wasAhead(): boolean {
    return this.#ahead !== undefined && this.#decoded !== undefined;
  }

  get raw(): Decoded {
    return { image: null, audio: null, file: this.#content };
  }

  /** Begins before anybody asks, once. */
  begin(): void {
    this.#ahead ??= this.#decode();
    // What it fails with is told to those who ask.
    this.#ahead.catch(() => {});
  }

  /** Rejects with CAPTURE_UNSUPPORTED, CAPTURE_DECODE, CAPTURE_TOO_LARGE, or as reading does. */
  decoded(): Promise<Decoded> {
    this.#decoded ??= this.#ahead === undefined ? this.#decode() : this.#await(this.#ahead);
    return this.#decoded;
  }

  /** Why a stage that reads such a thing has nothing to look at here; null where it has. */
  unfit(reads: 'image' | 'audio' | 'file'): StageTrace['state'] | null {
    const { kind, mediaType } = this.#header;
    if (reads === 'file' || canRead({ reads: [reads] }, this.#header)) return null;
    if (kind === reads) return `skipped: no engine decodes ${mediaType}`;
    return reads === 'image' ? 'skipped: the capture is no image' : 'skipped: the capture is no sound';
  }

  async #await(ahead: Promise<Decoded>): Promise<Decoded> {
    const began = performance.now();
    try {
      return await ahead;
    } finally {
      this.#ms = hundredths(performance.now() - began);
    }
  }

  async #decode(): Promise<Decoded> {
    const bytes = await this.#content.whole();
    const began = performance.now();
    try {
      return await this.#open(bytes);
    } finally {
      this.#ms = hundredths(performance.now() - began);
    }
  }

  async #open(bytes: Uint8Array): Promise<Decoded> {
    if (this.#header.kind === 'image') {
      const { openImage } = await import('./image.js');
      return { ...this.raw, image: await openImage(bytes) };
    }
    if (this.#header.kind === 'audio') {
      const { openAudio } = await import('./audio.js');
      return { ...this.raw, audio: openAudio(bytes) };
    }
    throw new ShoalError('CAPTURE_UNSUPPORTED', `the capture is ${this.#header.mediaType}; images and audio can be looked at`);
  }
}
