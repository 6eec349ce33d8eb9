/**
 * A capture as the stages of a job ask for it: its bytes as they are, its pixels or samples once a stage needs them.
 *
 * Guarantees: whatever is asked how often, a job decodes once, and what decoding fails with is the same answer to all who asked.
 * Reading is not counted as decoding.
 */
import type { CaptureHeader } from '../core/capture.js';
import { ShoalError } from '../core/errors.js';
import { type Form, formOf, type Reads } from '../core/form.js';
import type { Polygon } from '../core/keep.js';
import type { StageTrace } from '../core/result.js';
import type { OpenContent } from './content.js';
import { nothingOpened, openForm } from './open-form.js';
import { type Decoded, hundredths } from './stage.js';

type Header = Pick<CaptureHeader, 'kind' | 'mediaType'>;

const notOf: Readonly<Record<Form, string>> = { image: 'no image', audio: 'no sound', series: 'no series', text: 'no text' };

export class Decoding {
  readonly #header: Header;
  readonly #content: OpenContent;
  readonly #mask: readonly Polygon[];
  /** Begun before anybody asked. */
  #ahead: Promise<Decoded> | undefined;
  #decoded: Promise<Decoded> | undefined;
  #ms = 0;

  /** `mask` is hidden in an image before anything sees it. */
  constructor(header: Header, content: OpenContent, mask: readonly Polygon[] = []) {
    this.#header = header;
    this.#content = content;
    this.#mask = mask;
  }

  /** What decoding took, or how long who asked for it had to wait where it had begun before; 0 while nobody needed it. */
  get ms(): number {
    return this.#ms;
  }

  /** Whether somebody asked for what had begun before. */
  get wasAhead(): boolean {
    return this.#ahead !== undefined && this.#decoded !== undefined;
  }

  /** Where somebody asked for it, and it could be decoded. */
  async asked(): Promise<Decoded | null> {
    return (await this.#decoded?.catch(() => null)) ?? null;
  }

  get raw(): Decoded {
    return { ...nothingOpened, file: this.#content };
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
  unfit(reads: Reads): StageTrace['state'] | null {
    const { kind, mediaType } = this.#header;
    if (reads === 'file' || formOf(mediaType) === reads) return null;
    return kind === reads ? `skipped: no engine decodes ${mediaType}` : `skipped: the capture is ${notOf[reads]}`;
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
    const { mediaType } = this.#header;
    const form = formOf(mediaType);
    if (form === null)
      throw new ShoalError('CAPTURE_UNSUPPORTED', `the capture is ${mediaType}; images, audio, series and texts can be looked at`);
    return { ...(await openForm(form, bytes, mediaType, this.#mask)), file: this.#content };
  }
}
