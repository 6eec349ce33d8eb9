/**
 * Decides when `done/` and `failed/` are swept: at first, when what was added passes a bound, and every ten minutes for
 * the hours. Between sweeps it counts; it never reads a folder for each file.
 */
import type { Clock } from '../../core/contracts.js';
import { limits } from '../../core/limits.js';
import { isCode } from './errno.js';
import type { FolderOptions } from './options.js';
import type { Kept, Places } from './places.js';
import { sweep } from './retention.js';

const sweepMs = 600_000;

interface Account {
  files: number;
  bytes: number;
  sweptAt: number;
}

export class Keeper {
  readonly #places: Places;
  readonly #options: FolderOptions;
  readonly #clock: Clock;
  readonly #onGone: (place: Kept, files: number) => void;
  readonly #accounts = new Map<Kept, Account>();
  #busy = false;

  constructor(places: Places, options: FolderOptions, clock: Clock, onGone: (place: Kept, files: number) => void) {
    this.#places = places;
    this.#options = options;
    this.#clock = clock;
    this.#onGone = onGone;
  }

  added(place: Kept, bytes: number): void {
    const account = this.#accounts.get(place);
    if (account === undefined) return;
    account.files++;
    account.bytes += bytes;
  }

  /** Sweeps what is due. Throws what the system said, but for a folder that is gone. */
  async tidy(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (const place of ['done', 'failed'] as const) if (this.#due(place)) await this.#sweep(place);
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw error;
    } finally {
      this.#busy = false;
    }
  }

  #due(place: Kept): boolean {
    const account = this.#accounts.get(place);
    if (account === undefined) return true;
    const { files, bytes, sweptAt } = account;
    return files > limits.keptFilesMax || bytes > this.#options.keep_bytes || this.#clock.monoMs() - sweptAt >= sweepMs;
  }

  async #sweep(place: Kept): Promise<void> {
    const { gone, files, bytes } = await sweep(this.#places, place, this.#options, this.#clock.synced() ? this.#clock.wallMs() : null);
    this.#accounts.set(place, { files, bytes, sweptAt: this.#clock.monoMs() });
    if (gone > 0) this.#onGone(place, gone);
  }
}
