/**
 * Which capture a caller's idempotency key stands for: an empty file a key, named by the key's hash and the capture's id.
 *
 * Guarantees: a key is durable before the capture it stands for is (upload.ts), so a caller who never heard of the first try can try again; it is
 * remembered for at least `key_hours` while no more than `limits.idempotencyKeysMax` came since, and a restart begins its time anew, so that no
 * wrong clock cuts it short. Semantics as in draft-ietf-httpapi-idempotency-key-header, but a body that differs under a known key is not noticed.
 */
import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/contracts.js';
import { limits } from '../../core/limits.js';
import { names } from '../folder/names.js';
import { syncFolder } from '../folder/places.js';

interface Kept {
  readonly capture: string;
  readonly sinceMs: number;
}

export class Keys {
  readonly #folder: string;
  readonly #keepMs: number;
  readonly #clock: Clock;
  /** By hash, the oldest first. */
  readonly #kept = new Map<string, Kept>();

  constructor(folder: string, hours: number, clock: Clock) {
    this.#folder = folder;
    this.#keepMs = hours * 3_600_000;
    this.#clock = clock;
  }

  /** Reads what an earlier life kept; again after trouble with the folder, and then what is known stays. The folder must be there. */
  async load(): Promise<void> {
    const found: { hash: string; capture: string }[] = [];
    for await (const name of names(this.#folder)) {
      const [, hash, capture] = /^([0-9a-f]{32})_([0-9a-z]{26})$/.exec(name.toString('latin1')) ?? [];
      if (hash !== undefined && capture !== undefined) found.push({ hash, capture });
    }
    // Ids sort by time.
    found.sort((a, b) => (a.capture < b.capture ? -1 : 1));
    for (const { hash, capture } of found) {
      const before = this.#kept.get(hash);
      // Known since before the folder was read anew: its file is the one that was found.
      if (before?.capture === capture) continue;
      if (before !== undefined) await this.#drop(hash, before);
      this.#kept.set(hash, { capture, sinceMs: this.#clock.monoMs() });
    }
  }

  /** The capture it stands for; null where it is not known. */
  find(key: string): string | null {
    const kept = this.#kept.get(hashOf(key));
    return kept === undefined || this.#isOld(kept) ? null : kept.capture;
  }

  /** Resolves when it is on disk; a key that was known stands for the new capture. */
  async keep(key: string, capture: string): Promise<void> {
    const hash = hashOf(key);
    const before = this.#kept.get(hash);
    if (before !== undefined) await this.#drop(hash, before);
    await this.#makeRoom();
    await (await open(this.#path(hash, capture), 'wx', 0o600)).close();
    await syncFolder(this.#folder);
    this.#kept.set(hash, { capture, sinceMs: this.#clock.monoMs() });
  }

  /** The capture it stood for never came to be. Resolves when that is on disk. */
  async forget(captures: ReadonlySet<string>): Promise<void> {
    const gone = [...this.#kept].filter(([, { capture }]) => captures.has(capture));
    for (const [hash, kept] of gone) await this.#drop(hash, kept);
    if (gone.length > 0) await syncFolder(this.#folder);
  }

  /** Of those that are too old a few at a time, and the oldest where there are too many. */
  async #makeRoom(): Promise<void> {
    let tidied = 0;
    for (const [hash, kept] of this.#kept) {
      if (this.#kept.size < limits.idempotencyKeysMax && (!this.#isOld(kept) || ++tidied > 16)) return;
      await this.#drop(hash, kept);
    }
  }

  async #drop(hash: string, { capture }: Kept): Promise<void> {
    this.#kept.delete(hash);
    await rm(this.#path(hash, capture), { force: true });
  }

  #isOld({ sinceMs }: Kept): boolean {
    return this.#clock.monoMs() - sinceMs > this.#keepMs;
  }

  #path(hash: string, capture: string): string {
    return join(this.#folder, `${hash}_${capture}`);
  }
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32);
}
