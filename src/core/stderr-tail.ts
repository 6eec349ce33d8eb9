/**
 * What a child last said on stderr, for the log (debug, bounded per process) and for the reason of its death.
 */
import type { Log } from './contracts.js';
import { limits } from './limits.js';

export interface StderrEars {
  /** What of a line may be told. */
  clean?(line: string): string;
  /** Each line as it comes, cleaned. */
  onLine?(line: string): void;
}

export class StderrTail {
  readonly #log: Log;
  readonly #ears: StderrEars;
  readonly #lines: string[] = [];
  #rest = '';
  #seen = 0;

  constructor(log: Log, ears: StderrEars = {}) {
    this.#log = log;
    this.#ears = ears;
  }

  push(chunk: string): void {
    const pieces = (this.#rest + chunk).split('\n');
    this.#rest = (pieces.pop() ?? '').slice(0, limits.childStderrLineChars);
    for (const piece of pieces) this.#line(this.#cleaned(piece).slice(0, limits.childStderrLineChars));
  }

  /** The last lines as one, or the empty string. */
  text(): string {
    return [...this.#lines, this.#cleaned(this.#rest)]
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .join(' | ');
  }

  #cleaned(line: string): string {
    return this.#ears.clean?.(line) ?? line;
  }

  #line(line: string): void {
    this.#seen++;
    this.#ears.onLine?.(line);
    if (this.#seen <= limits.childStderrLogged) this.#log.debug({ line }, 'stderr of a child');
    this.#lines.push(line);
    if (this.#lines.length > limits.childStderrLines) this.#lines.shift();
  }
}
