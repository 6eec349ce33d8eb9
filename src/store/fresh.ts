/**
 * Where the live lane begins: the sequence of the first result that is still fresh.
 *
 * Results age in commit order, so the lanes are a prefix (backlog) and a suffix (live) of the sequence. A result of
 * another kernel boot is never fresh. Kept in memory, a mark a commit: at most `fresh_ms / commit_interval_ms` of them.
 */
import type { Database } from 'better-sqlite3';
import type { Boots } from './boots.js';

interface Mark {
  readonly seq: number;
  readonly monoMs: number;
}

export class Fresh {
  readonly #freshMs: number;
  #marks: Mark[] = [];

  constructor(freshMs: number) {
    this.#freshMs = freshMs;
  }

  /** Finds what is still fresh after a restart of the daemon alone. */
  load(db: Database, boots: Boots, monoMs: number): void {
    const newest = db.prepare<[], { seq: number; boot: number; mono_ms: number }>(
      'SELECT seq, boot, mono_ms FROM results ORDER BY seq DESC',
    );
    this.#marks = [];
    for (const row of newest.iterate()) {
      if (row.boot < boots.sameKernelSince || row.mono_ms < monoMs - this.#freshMs) break;
      this.#marks.push({ seq: row.seq, monoMs: row.mono_ms });
    }
    this.#marks.reverse();
  }

  note(seq: number, monoMs: number): void {
    this.#marks.push({ seq, monoMs });
  }

  /** The smallest live sequence; Infinity when nothing is live. */
  boundary(monoMs: number): number {
    let stale = 0;
    while (stale < this.#marks.length && (this.#marks[stale]?.monoMs ?? 0) < monoMs - this.#freshMs) stale++;
    if (stale > 0) this.#marks.splice(0, stale);
    return this.#marks[0]?.seq ?? Number.POSITIVE_INFINITY;
  }
}
