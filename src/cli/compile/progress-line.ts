/**
 * Progress for a person: one line that is written over on a terminal, a line a step anywhere else.
 */
import type { Output } from '../command-context.js';
import type { Progress } from './run-compile.js';

/** Between two versions of the line, milliseconds: faster is not read. */
const repaintMs = 100;

export class ProgressLine {
  readonly #out: Output;
  readonly #terminal: boolean;
  #step = '';
  #paintedMs = 0;

  constructor(out: Output) {
    this.#out = out;
    this.#terminal = 'isTTY' in out && out.isTTY === true;
  }

  show({ step, detail, share }: Progress): void {
    const fresh = step !== this.#step;
    this.#step = step;
    const percent = `${Math.floor(share * 100)} %`.padStart(5);
    if (!this.#terminal) {
      if (fresh) this.#out.write(`shoal: ${percent}  ${step}\n`);
      return;
    }
    const now = performance.now();
    if (!fresh && now - this.#paintedMs < repaintMs) return;
    this.#paintedMs = now;
    this.#out.write(`\r\x1b[2K${percent}  ${step}${detail === '' ? '' : `, ${detail}`}`);
  }

  /** Leaves the line to what is written next. */
  end(): void {
    if (this.#terminal && this.#paintedMs > 0) this.#out.write('\r\x1b[2K');
  }
}
