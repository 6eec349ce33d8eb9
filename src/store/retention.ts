/**
 * What leaves the file, and when.
 *
 * By size (the file stays within `max_bytes`): dead letters first, then results that owe nothing, oldest first, and owed
 * deliveries only when nothing else is left, again the oldest: the newest truth is kept. By age (`keep_days`): results
 * that owe nothing; what is owed never expires. Age is told only by a clock that has been synchronized and steady.
 *
 * Guarantees: every delivery given up is counted by reason and sink, durably, in the transaction that gave it up. Work
 * comes in turns of `limits.storeRetentionBatch` rows. Deliberately knows nothing of commits: it is called between them.
 */
import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { limits } from '../core/limits.js';
import type { Boots } from './boots.js';
import type { Counts } from './counts.js';
import { pageBytes } from './open.js';
import type { StoreOptions } from './options.js';
import type { Now, StoreEvent } from './protocol.js';
import { Removal } from './removal.js';

const dayMs = 86_400_000;
/** Turns in a row before commits get their chance again. */
const turnsMax = 4;
/** Rows removed between two looks at the size. */
const lookEvery = 8;

export class Retention {
  readonly #db: Database;
  readonly #path: string;
  readonly #boots: Boots;
  readonly #removal: Removal;
  readonly #keepMs: number;
  readonly #highBytes: number;
  readonly #lowBytes: number;
  /** Every result below it owes something, so nothing below it needs looking at. */
  #cursor = 0;

  constructor(db: Database, path: string, options: StoreOptions, boots: Boots, counts: Counts, emit: (event: StoreEvent) => void) {
    this.#db = db;
    this.#path = path;
    this.#boots = boots;
    this.#removal = new Removal(db, counts, emit);
    this.#keepMs = options.keep_days * dayMs;
    this.#highBytes = options.max_bytes - Math.min(limits.storeHeadroomBytesMax, options.max_bytes / 4);
    this.#lowBytes = this.#highBytes - Math.floor(this.#highBytes / 64);
  }

  /** Bytes of the file that hold something. */
  get usedBytes(): number {
    const pages = Number(this.#db.pragma('page_count', { simple: true })) - Number(this.#db.pragma('freelist_count', { simple: true }));
    return pages * pageBytes;
  }

  /** Says that results from this sequence on may owe nothing any more. */
  freed(fromSeq: number): void {
    this.#cursor = Math.min(this.#cursor, fromSeq);
  }

  /** After a commit: makes room when the file has come near its quota. Usually does nothing. */
  enforce(): void {
    if (this.usedBytes <= this.#highBytes) return;
    for (let turn = 0; turn < turnsMax && this.usedBytes > this.#lowBytes; turn++) {
      if (!this.#evict(this.#lowBytes)) return;
    }
  }

  /** When a commit found the file full: frees at least `bytes` below the quota's wall, if there is anything to free. False when not. */
  makeRoom(bytes: number): boolean {
    const target = Math.max(0, Math.min(this.#lowBytes, this.usedBytes - bytes - pageBytes));
    const before = this.usedBytes;
    while (this.usedBytes > target) if (!this.#evict(target)) break;
    return this.usedBytes < before;
  }

  /** The slow, regular part: age, bounds of the small tables, space given back to the file system. */
  tend(now: Now): void {
    this.#boots.observe(now);
    if (this.#boots.trusted(now)) for (let turn = 0; turn < turnsMax && this.#expire(now.wallMs - this.#keepMs); turn++);
    this.#removal.transaction(() => {
      if (this.#boots.trusted(now)) this.#expireClaims(now.wallMs - Math.max(this.#keepMs, limits.storeClaimMs));
      this.#removal.boundTables();
    });
    this.#giveBack();
  }

  /** One turn of making room; false when there was nothing left to remove. */
  #evict(targetBytes: number): boolean {
    return this.#removal.transaction(() => {
      const removed = this.#evictDead(targetBytes) + this.#evictFree(targetBytes);
      return removed > 0;
    });
  }

  #evictDead(targetBytes: number): number {
    let removed = 0;
    while (removed < limits.storeRetentionBatch) {
      if (removed % lookEvery === 0 && this.usedBytes <= targetBytes) break;
      const seq = this.#removal.oldestDead();
      if (seq === null) break;
      if (this.#removal.owed(seq)) this.#removal.forgetDead(seq);
      else this.#removal.remove(seq, 'quota');
      removed++;
    }
    return removed;
  }

  #evictFree(targetBytes: number): number {
    if (this.usedBytes <= targetBytes) return 0;
    let removed = 0;
    const page = this.#removal.page(this.#cursor, limits.storeRetentionBatch);
    for (const row of page) {
      if (row.owed === 0) {
        this.#removal.remove(row.seq, 'quota');
        if (++removed % lookEvery === 0 && this.usedBytes <= targetBytes) return removed;
      }
      this.#cursor = row.seq + 1;
    }
    // A page of owed rows is progress too: the cursor has passed them.
    return page.length > 0 ? page.length : this.#evictOwed(targetBytes);
  }

  #evictOwed(targetBytes: number): number {
    let removed = 0;
    while (removed < limits.storeRetentionBatch) {
      if (removed % lookEvery === 0 && this.usedBytes <= targetBytes) break;
      const seq = this.#removal.oldestOwed();
      if (seq === null) break;
      this.#removal.remove(seq, 'quota');
      removed++;
    }
    return removed;
  }

  /** One turn of removing what is older than `cutoffWallMs`; false when the rest is younger, or of unknown age. */
  #expire(cutoffWallMs: number): boolean {
    return this.#removal.transaction(() => {
      const page = this.#removal.page(this.#cursor, limits.storeRetentionBatch);
      for (const row of page) {
        const wallMs = this.#boots.latestWallMs(row.boot, row.mono_ms);
        if (wallMs === null || wallMs >= cutoffWallMs) return false;
        if (row.owed === 0) this.#removal.remove(row.seq, 'age');
        this.#cursor = row.seq + 1;
      }
      return page.length === limits.storeRetentionBatch;
    });
  }

  /** A claim whose capture went while the daemon died is never closed; it must outlive the results by which its id is known. */
  #expireClaims(cutoffWallMs: number): void {
    this.#removal.expireClaims((boot, monoMs) => {
      const wallMs = this.#boots.latestWallMs(boot, monoMs);
      return wallMs !== null && wallMs < cutoffWallMs;
    });
  }

  #giveBack(): void {
    const pages = Number(this.#db.pragma('page_count', { simple: true }));
    const free = Number(this.#db.pragma('freelist_count', { simple: true }));
    // Pages that will be filled again soon are left alone: moving them is wear for nothing.
    if (free > 1024 && free > pages / 4) this.#db.exec('PRAGMA incremental_vacuum(1024)');
    const log = statSync(`${this.#path}-wal`, { throwIfNoEntry: false });
    if (log !== undefined && log.size > limits.storeLogBytesMax) this.#db.pragma('wal_checkpoint(TRUNCATE)');
  }
}
