/**
 * Closes settled claims: the file goes (or is moved), that becomes durable, and only then the ledger forgets the id.
 *
 * Guarantees: an id is forgotten only after its claimed file is durably gone from `work/`, else a crash between the two
 * would run it twice; what fails is tried again with backoff and keeps its place in flight meanwhile. Settlements that
 * arrive while a batch is being closed form the next one, so a burst shares its syncs.
 */
import { unlink } from 'node:fs/promises';
import { Backoff } from '../../core/backoff.js';
import type { Ledger } from '../../core/contracts.js';
import { limits } from '../../core/limits.js';
import { noPipeline, type Settlement } from '../../core/receipt.js';
import { isCode } from './errno.js';
import type { FolderCapture } from './folder-capture.js';
import type { Keeper } from './keeper.js';
import type { FolderOptions } from './options.js';
import type { Kept, Places } from './places.js';
import { changedText, failureText } from './reason.js';

/** How a capture ended for its input. `gone`: its file had vanished; `changed`: it was written to after the claim. */
export type Ending = 'done' | 'failed' | 'changed' | 'gone' | 'returned';

interface CloserHooks {
  /** The claim is closed, or given back: its place in flight is free. */
  ended(capture: FolderCapture, ending: Ending): void;
  /** Null when all is well again. */
  trouble(error: unknown): void;
}

interface Closing {
  readonly capture: FolderCapture;
  readonly settlement: Settlement;
  ending: Ending | null;
}

export class Closer {
  readonly #places: Places;
  readonly #options: FolderOptions;
  readonly #ledger: Ledger;
  readonly #keeper: Keeper;
  readonly #hooks: CloserHooks;
  readonly #backoff = new Backoff({ firstMs: limits.folderRetryFirstMs, maxMs: limits.folderRetryMaxMs });
  #waiting: Closing[] = [];
  #running: Promise<void> | null = null;
  #resting = false;

  constructor(places: Places, options: FolderOptions, ledger: Ledger, keeper: Keeper, hooks: CloserHooks) {
    this.#places = places;
    this.#options = options;
    this.#ledger = ledger;
    this.#keeper = keeper;
    this.#hooks = hooks;
  }

  push(capture: FolderCapture, settlement: Settlement): void {
    this.#waiting.push({ capture, settlement, ending: null });
    this.#wake();
  }

  /** Resolves when nothing is being closed; what waits for another try does not count. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  #wake(): void {
    if (this.#running !== null || this.#resting) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      if (this.#waiting.length > 0) this.#wake();
    });
  }

  async #run(): Promise<void> {
    // Settlements of one turn of the loop belong together.
    await new Promise((resolve) => setImmediate(resolve));
    const batch = this.#waiting.splice(0);
    const tries = await Promise.allSettled(batch.map((closing) => this.#closeFile(closing)));
    let trouble: unknown = tries.find((tried) => tried.status === 'rejected')?.reason ?? null;
    const closed = batch.filter(({ ending }) => ending !== null);
    const again = batch.filter(({ ending }) => ending === null);
    try {
      await this.#seal(closed);
      for (const { capture, ending } of closed) if (ending !== null) this.#hooks.ended(capture, ending);
    } catch (error) {
      trouble = error;
      again.push(...closed);
    }
    this.#waiting.unshift(...again);
    await this.#keeper.tidy().catch((error: unknown) => {
      trouble ??= error;
    });
    this.#hooks.trouble(trouble);
    if (trouble === null) this.#backoff.reset();
    else if (again.length > 0) this.#rest();
  }

  #rest(): void {
    this.#resting = true;
    const timer = setTimeout(() => {
      this.#resting = false;
      if (this.#waiting.length > 0) this.#wake();
    }, this.#backoff.next());
    // What is left undone by the end of the process is found at the next start.
    timer.unref();
  }

  async #closeFile(closing: Closing): Promise<void> {
    // Closed in an earlier try whose sync or ledger failed.
    if (closing.ending !== null) return;
    const { capture, settlement } = closing;
    if (settlement.kind === 'returned') {
      await capture.markReturned().catch((error: unknown) => {
        if (!isCode(error, 'CAPTURE_CHANGED')) throw error;
      });
      closing.ending = (await capture.unchanged()) === null ? 'gone' : 'returned';
      return;
    }
    const unchanged = await capture.unchanged();
    // What a named pipeline dropped, it dropped by the operator's own rules.
    const bad = settlement.outcomes.some(
      ({ outcome, pipeline }) => outcome === 'failed' || (outcome === 'dropped' && pipeline === noPipeline),
    );
    if (unchanged === null) closing.ending = 'gone';
    else if (bad || settlement.outcomes.length === 0)
      closing.ending = await this.#keep(capture, 'failed', 'failed', failureText(capture, settlement.outcomes));
    else if (!unchanged) closing.ending = await this.#keep(capture, 'failed', 'changed', changedText(capture));
    else if (this.#options.done === 'keep') closing.ending = await this.#keep(capture, 'done', 'done');
    else {
      await unlink(capture.path);
      closing.ending = 'done';
    }
  }

  async #keep(capture: FolderCapture, place: Kept, ending: Ending, reason?: string): Promise<Ending> {
    const name = await this.#places.moveTo(place, capture.path, capture.original, capture.header.id, reason);
    if (name === null) return 'gone';
    this.#keeper.added(place, capture.header.bytes);
    return ending;
  }

  async #seal(closed: readonly Closing[]): Promise<void> {
    if (closed.length === 0) return;
    const endings = new Set(closed.map(({ ending }) => ending));
    if (endings.has('failed') || endings.has('changed')) await this.#places.sync('failed');
    if (endings.has('done') && this.#options.done === 'keep') await this.#places.sync('done');
    await this.#places.sync('work');
    const ids = closed.filter(({ ending }) => ending !== 'returned').map(({ capture }) => capture.header.id);
    if (ids.length > 0) await this.#ledger.close(ids);
  }
}
