/**
 * The watched folder: each file put there becomes a capture, and is gone (or kept aside) once its results are on disk.
 *
 *   <path>/            what the world puts in; dot files, *.part, *.tmp, *.crdownload and subfolders are left alone
 *   <path>/work/       claimed, named by their header and attempts (folder/claim-name.ts); private to the daemon
 *   <path>/done/       with `done: keep`
 *   <path>/failed/     refused or failed, each with NAME.reason.txt; both bounded in hours, bytes and number
 *
 * Guarantees: as folder/taker.ts. Finished files are taken oldest first among those of one turn of reading (`limits.scanBatch`).
 * Does not: know whether a writer that pauses longer than `settle_ms` has finished (rename into place, or raise it); a
 * file written to after its claim ends in `failed/`, never deleted.
 */
import type { Input, InputContext, InputKind, Offer } from '../core/contracts.js';
import { type FolderOptions, folderOptions } from './folder/options.js';
import { Places } from './folder/places.js';
import { Scan } from './folder/scan.js';
import { sightOf } from './folder/sight.js';
import { Taker } from './folder/taker.js';

export const folderInput: InputKind<FolderOptions> = {
  type: 'folder',
  options: folderOptions,
  create: (name, options, context) => new FolderInput(name, options, context),
};

class FolderInput implements Input {
  readonly replayable = true;
  readonly whenFull = 'block';
  readonly #taker: Taker;
  readonly #places: Places;

  constructor(name: string, options: FolderOptions, context: InputContext) {
    this.#places = new Places(options.path);
    this.#taker = new Taker(name, this.#places, new Scan(this.#places, options, context), options, context);
  }

  /** Resolves when the folder was opened, or could not be: then it is tried again, and health says why. */
  start(offer: Offer): Promise<void> {
    return this.#taker.start(offer);
  }

  /** Also waits for what is being closed at the moment; called again after a drain it waits for the last closings. */
  stop(): Promise<void> {
    return this.#taker.stop();
  }

  look(): Promise<string> {
    return sightOf(this.#places.path);
  }
}
