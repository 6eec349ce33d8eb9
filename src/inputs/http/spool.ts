/**
 * The spool on disk: what is being brought, and how it becomes an arrival.
 *
 *   <spool>/            arrivals, each named by the claim it will be (arrivals.ts)
 *   <spool>/incoming/   bodies that are being written, named by the id they may get; an unfinished one goes at the next start
 *   <spool>/keys/       idempotency keys (keys.ts)
 *   <spool>/work/ done/ failed/   as in a watched folder
 *
 * Guarantees: an arrival is durable when `store` resolves, body, name and key together; whatever happens before leaves nothing that is ever
 * offered. In order: body and fsync, key and fsync of its folder, rename into the spool and fsync. A body in `incoming/` at a start was never
 * answered for, so its key goes first, then it.
 */
import { type FileHandle, mkdir, open, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { InputContext } from '../../core/contracts.js';
import { captureId } from '../../core/id.js';
import { formatClaimName } from '../folder/claim-name.js';
import { isCode } from '../folder/errno.js';
import { names } from '../folder/names.js';
import type { Places } from '../folder/places.js';
import type { Arrivals } from './arrivals.js';
import { broughtName } from './brought-name.js';
import { Keys } from './keys.js';

/** A body that is being written. */
export interface Incoming {
  readonly id: string;
  /** All of the piece is written when it resolves. */
  write(piece: Uint8Array): Promise<void>;
  /** Makes it an arrival. Rejects with what the system said; then it is discarded, too. */
  store(name: Buffer | null, key: string | null): Promise<void>;
  /** Leaves nothing of it; of no effect once it is stored. Never rejects. */
  discard(): Promise<void>;
}

export class Spool {
  readonly keys: Keys;
  readonly #places: Places;
  readonly #arrivals: Arrivals;
  readonly #context: InputContext;
  /** Ids of what is being written in this life. */
  readonly #writing = new Set<string>();

  constructor(places: Places, arrivals: Arrivals, keyHours: number, context: InputContext) {
    this.#places = places;
    this.#arrivals = arrivals;
    this.#context = context;
    this.keys = new Keys(join(places.path, 'keys'), keyHours, context.clock);
  }

  /** Makes the folders, clears away what was never finished, and finds what waits. Rejects with what the system said. */
  async open(): Promise<void> {
    for (const folder of [this.#places.path, this.#incoming, join(this.#places.path, 'keys')])
      await mkdir(folder, { recursive: true, mode: 0o700 });
    await this.#places.ensure();
    await this.keys.load();
    const unfinished: string[] = [];
    for await (const name of names(this.#incoming))
      if (!this.#writing.has(name.toString('latin1'))) unfinished.push(name.toString('latin1'));
    await this.keys.forget(new Set(unfinished));
    for (const name of unfinished) await rm(join(this.#incoming, name), { force: true });
    await this.#arrivals.load();
  }

  /** Free bytes of its disk, for others than root. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#places.path);
    return bavail * bsize;
  }

  async begin(): Promise<Incoming> {
    const id = captureId(this.#context.clock.wallMs());
    const path = join(this.#incoming, id);
    this.#writing.add(id);
    const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
      this.#writing.delete(id);
      throw error;
    });
    let bytes = 0;
    let ended = false;
    const discard = async () => {
      if (ended) return;
      ended = true;
      await file.close().catch(() => {});
      await rm(path, { force: true }).catch(() => {});
      this.#writing.delete(id);
    };
    return {
      id,
      discard,
      write: async (piece) => {
        await writeAll(file, piece);
        bytes += piece.length;
      },
      store: async (name, key) => {
        try {
          await file.sync();
          await file.close();
          if (key !== null) await this.keys.keep(key, id);
          await this.#arrive(path, id, bytes, name);
          ended = true;
          this.#writing.delete(id);
        } catch (error) {
          await discard();
          await this.keys.forget(new Set([id])).catch(() => {});
          throw error;
        }
      },
    };
  }

  async #arrive(path: string, id: string, bytes: number, said: Buffer | null): Promise<void> {
    const { clock, boot } = this.#context;
    const fresh = { crashes: 0, deaths: 0, state: 'w' } as const;
    const claim = { id, boot, seq: this.#context.nextSeq(), clockSynced: clock.synced(), original: broughtName(said, id), ...fresh };
    const arrival = this.#places.at(undefined, Buffer.from(formatClaimName(claim)));
    await rename(path, arrival);
    this.#arrivals.add(id, { bytes, monoMs: clock.monoMs() });
    try {
      await this.#places.sync(undefined);
    } catch (error) {
      // It may be claimed already: then it is worked on, though nobody was told so.
      await rm(arrival, { force: true });
      throw error;
    }
  }

  get #incoming(): string {
    return join(this.#places.path, 'incoming');
  }
}

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length; ) at += (await file.write(piece, at)).bytesWritten;
}

/** Whether the disk, or the share of it that is ours, has no room. */
export function isFull(error: unknown): boolean {
  return isCode(error, 'ENOSPC', 'EDQUOT');
}
