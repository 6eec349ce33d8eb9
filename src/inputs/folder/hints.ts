/**
 * Sleeps until a time has passed, someone wakes it, or the system says that a name came or went in the folder.
 *
 * A hint only shortens a sleep: the truth is read from the folder. Where the system cannot watch (no watches left,
 * a network folder), rescans alone find everything. Hints are gathered for `limits.folderHintMs`.
 */
import { type FSWatcher, watch } from 'node:fs';
import { limits } from '../../core/limits.js';

export class Hints {
  #watcher: FSWatcher | null = null;
  #hinted = false;
  #wake: (() => void) | null = null;

  /** Watches anew; answers whether the system does. Throws nothing. */
  arm(path: string): boolean {
    this.disarm();
    try {
      this.#watcher = watch(path, { persistent: false, encoding: 'buffer' }, (event) => {
        // `change` is writing: a growing file has a time of its own at which to look again.
        if (event === 'rename') this.#hint();
      });
      this.#watcher.on('error', () => this.disarm());
    } catch {
      return false;
    }
    this.#hint();
    return true;
  }

  get armed(): boolean {
    return this.#watcher !== null;
  }

  disarm(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  #hint(): void {
    this.#hinted = true;
    this.#wake?.();
  }

  wake(): void {
    this.#hint();
  }

  /** At once again when a hint came since the last sleep, but for the time in which hints are gathered. */
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#hinted) await this.#pause(ms, signal);
    if (this.#hinted) {
      this.#hinted = false;
      await this.#pause(limits.folderHintMs, signal, false);
      this.#hinted = false;
    }
  }

  #pause(ms: number, signal: AbortSignal, wakeable = true): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      if (wakeable) this.#wake = done;
    });
  }
}
