/**
 * Takes rows out of the file, and counts them: the hands of retention.
 *
 * Guarantees: counters (in memory, in the `drops` table, in events) move only with the transaction that removed the rows.
 */
import type { Database } from 'better-sqlite3';
import { limits } from '../core/limits.js';
import type { Counts } from './counts.js';
import type { DropReason, StoreEvent } from './protocol.js';
import { deadState, owedState } from './schema.js';

const deadReason = { age: 'dead_age', quota: 'dead_quota', purge: 'purge' } as const satisfies Record<string, DropReason>;

interface PageRow {
  seq: number;
  boot: number;
  mono_ms: number;
  owed: number;
}

export class Removal {
  readonly #db: Database;
  readonly #counts: Counts;
  readonly #emit: (event: StoreEvent) => void;
  readonly #statements: ReturnType<typeof prepare>;
  #events = new Map<string, StoreEvent & { count: number }>();

  constructor(db: Database, counts: Counts, emit: (event: StoreEvent) => void) {
    this.#db = db;
    this.#counts = counts;
    this.#emit = emit;
    this.#statements = prepare(db);
  }

  transaction<T>(work: () => T): T {
    this.#events.clear();
    this.#counts.begin();
    try {
      const value = this.#db.transaction(() => {
        const answer = work();
        for (const event of this.#events.values()) {
          if (event.event === 'dropped') this.#statements.count.run(event.reason, event.sink, event.count);
        }
        return answer;
      })();
      this.#counts.keep();
      for (const event of this.#events.values()) this.#emit(event);
      return value;
    } catch (error) {
      this.#counts.rollback();
      throw error;
    }
  }

  /** The next rows from a sequence on, with whether any sink is still owed them. */
  page(fromSeq: number, limit: number): readonly PageRow[] {
    return this.#statements.page.all({ from: fromSeq, limit, sinks: JSON.stringify(this.#counts.sinks) });
  }

  owed(seq: number): boolean {
    return this.#counts.sinks.some((sink) => this.#statements.has.get(sink, owedState, seq) !== undefined);
  }

  oldestDead(): number | null {
    return this.#counts.anyDead ? this.#oldest(deadState) : null;
  }

  oldestOwed(): number | null {
    return this.#oldest(owedState);
  }

  /** Removes a result with everything that hangs on it. */
  remove(seq: number, why: 'quota' | 'age' | 'purge'): void {
    for (const sink of this.#counts.sinks) {
      if (this.#statements.forget.run(sink, owedState, seq).changes > 0) {
        this.#counts.add(sink, { owed: -1 });
        this.#dropped(why === 'purge' ? 'purge' : 'quota', sink, 1);
      }
    }
    this.#forgetDead(seq, deadReason[why]);
    this.#statements.remove.run(seq);
    const known = this.#events.get(why);
    this.#events.set(why, { event: 'expired', reason: why, count: (known?.count ?? 0) + 1 });
  }

  /** Removes the dead letters of a result that another sink is still owed. */
  forgetDead(seq: number): void {
    this.#forgetDead(seq, 'dead_quota');
  }

  boundTables(): void {
    const claims = this.#statements.boundClaims.run().changes;
    if (claims > 0) this.#dropped('claims', '', claims);
    const quarantine = this.#statements.boundQuarantine.run().changes;
    if (quarantine > 0) this.#dropped('quarantine', '', quarantine);
  }

  /** One turn over the open claims, the oldest first, for as long as `isOld` says so; the rest is younger. */
  expireClaims(isOld: (boot: number, monoMs: number) => boolean): void {
    const rows = this.#statements.oldClaims.all();
    const young = rows.findIndex(({ boot, mono_ms: monoMs }) => !isOld(boot, monoMs));
    const last = rows.at(young < 0 ? -1 : young - 1);
    if (young === 0 || last === undefined) return;
    this.#dropped('claims', '', this.#statements.forgetClaims.run(last.number).changes);
  }

  #forgetDead(seq: number, reason: DropReason): void {
    for (const sink of this.#counts.sinks) {
      if (this.#statements.forget.run(sink, deadState, seq).changes === 0) continue;
      this.#counts.add(sink, { dead: -1 });
      this.#dropped(reason, sink, 1);
    }
  }

  #oldest(state: number): number | null {
    const first = this.#counts.sinks.map((sink) => this.#statements.oldest.get(sink, state)?.seq ?? Number.POSITIVE_INFINITY);
    const seq = Math.min(...first);
    return Number.isFinite(seq) ? seq : null;
  }

  #dropped(reason: DropReason, sink: string, count: number): void {
    const key = `${reason} ${sink}`;
    const known = this.#events.get(key);
    this.#events.set(key, { event: 'dropped', reason, sink, count: (known?.count ?? 0) + count });
  }
}

function prepare(db: Database) {
  const excess = (table: string, max: number) =>
    `DELETE FROM ${table} WHERE number IN
     (SELECT number FROM ${table} ORDER BY number LIMIT max(0, (SELECT count(*) FROM ${table}) - ${max}))`;
  return {
    page: db.prepare<[{ from: number; limit: number; sinks: string }], PageRow>(
      `SELECT seq, boot, mono_ms, EXISTS (
         SELECT 1 FROM json_each(@sinks) s JOIN deliveries d ON d.sink = s.value AND d.state = ${owedState} AND d.seq = r.seq
       ) AS owed FROM results r WHERE seq >= @from ORDER BY seq LIMIT @limit`,
    ),
    has: db.prepare<[string, number, number]>('SELECT 1 FROM deliveries WHERE sink = ? AND state = ? AND seq = ?'),
    oldest: db.prepare<[string, number], { seq: number }>('SELECT seq FROM deliveries WHERE sink = ? AND state = ? ORDER BY seq LIMIT 1'),
    forget: db.prepare<[string, number, number]>('DELETE FROM deliveries WHERE sink = ? AND state = ? AND seq = ?'),
    remove: db.prepare<[number]>('DELETE FROM results WHERE seq = ?'),
    count: db.prepare<[string, string, number]>(
      'INSERT INTO drops (reason, sink, total) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET total = total + excluded.total',
    ),
    oldClaims: db.prepare<[], { number: number; boot: number; mono_ms: number }>(
      `SELECT number, boot, mono_ms FROM claims ORDER BY number LIMIT ${limits.storeRetentionBatch}`,
    ),
    forgetClaims: db.prepare<[number]>('DELETE FROM claims WHERE number <= ?'),
    boundClaims: db.prepare(excess('claims', limits.storeClaimsMax)),
    boundQuarantine: db.prepare(excess('quarantine', limits.quarantineRowsMax)),
  };
}
