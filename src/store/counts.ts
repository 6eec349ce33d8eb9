/**
 * How many deliveries are owed and dead, by sink: counted once at the start, then kept in step with the transactions.
 */
import type { Database } from 'better-sqlite3';
import type { Backlog } from './protocol.js';
import { deadState } from './schema.js';

export class Counts {
  #now = new Map<string, { owed: number; dead: number }>();
  #kept: Map<string, { owed: number; dead: number }> | null = null;

  load(db: Database): void {
    this.#now.clear();
    const rows = db
      .prepare<[], { sink: string; state: number; n: number }>('SELECT sink, state, count(*) AS n FROM deliveries GROUP BY sink, state')
      .all();
    for (const row of rows) this.add(row.sink, row.state === deadState ? { dead: row.n } : { owed: row.n });
  }

  get sinks(): readonly string[] {
    return [...this.#now.keys()];
  }

  get anyDead(): boolean {
    return [...this.#now.values()].some((count) => count.dead > 0);
  }

  add(sink: string, change: { owed?: number; dead?: number }): void {
    const count = this.#now.get(sink) ?? { owed: 0, dead: 0 };
    this.#now.set(sink, { owed: count.owed + (change.owed ?? 0), dead: count.dead + (change.dead ?? 0) });
  }

  /** Brackets a transaction: after `begin`, `rollback` forgets what was added and `keep` makes it last. */
  begin(): void {
    this.#kept = new Map(this.#now);
  }

  keep(): void {
    this.#kept = null;
  }

  rollback(): void {
    if (this.#kept !== null) this.#now = this.#kept;
    this.#kept = null;
  }

  all(): Backlog {
    return Object.fromEntries(this.#now);
  }
}
