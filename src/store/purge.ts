/**
 * Takes away what is stored of one input and older than a time, because a person asked for it.
 *
 * Guarantees: results, messages of events and quarantine rows go in turns of `limits.storeScanRows`, so that commits are not held up; what a
 * sink is still owed stays, unless that is given up too, counted as `purge`. At the end no byte of what went is left in the file or its log:
 * it is overwritten (`secure_delete`), free pages are given back, the log is cut. What the medium holds beneath the file is out of reach.
 * Left are the ids of open claims (law 2) and the state of events that go on.
 */
import type { Database } from 'better-sqlite3';
import type { PurgeRequest, StorePurge } from '../core/keep.js';
import { limits } from '../core/limits.js';
import type { Boots } from './boots.js';
import type { Counts } from './counts.js';
import type { PurgeTurn, StoreEvent } from './protocol.js';
import { Removal } from './removal.js';
import { owedState } from './schema.js';

interface Row {
  seq: number;
  kind: 'result' | 'event';
  boot: number;
  mono_ms: number;
  wall_ms: number;
  owed: number;
}

interface Sick {
  number: number;
  wall_ms: number;
}

export class Purge {
  readonly #db: Database;
  readonly #boots: Boots;
  readonly #removal: Removal;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database, boots: Boots, counts: Counts, emit: (event: StoreEvent) => void) {
    this.#db = db;
    this.#boots = boots;
    this.#removal = new Removal(db, counts, emit);
    this.#statements = prepare(db);
  }

  /** One turn over the rows after a sequence. */
  turn(request: PurgeRequest, afterSeq: number): PurgeTurn {
    const { newest } = this.#statements.newest.get() ?? { newest: null };
    const toSeq = afterSeq + limits.storeScanRows;
    const rows = this.#statements.rows.all(request.input, afterSeq, toSeq).filter((row) => this.#wallMsOf(row) < request.beforeMs);
    const gone = rows.filter(({ owed }) => owed === 0 || request.owed);
    const isLast = toSeq >= (newest ?? 0);
    const sick = isLast ? this.#statements.sick.all(request.input).filter(({ wall_ms: wallMs }) => wallMs < request.beforeMs) : [];
    if (!request.dryRun) this.#remove(gone, sick, isLast);
    const of = (kind: Row['kind']) => gone.filter((row) => row.kind === kind).length;
    const count: StorePurge = {
      results: of('result'),
      events: of('event'),
      left_owed: rows.length - gone.length,
      given_up: gone.reduce((sum, { owed }) => sum + owed, 0),
      quarantine: sick.length,
    };
    return { count, nextAfter: isLast ? null : toSeq };
  }

  #remove(gone: readonly Row[], sick: readonly Sick[], isLast: boolean): void {
    this.#db.pragma('secure_delete = ON');
    try {
      this.#removal.transaction(() => {
        for (const { seq } of gone) this.#removal.remove(seq, 'purge');
        for (const { number } of sick) this.#statements.recovered.run(number);
      });
    } finally {
      this.#db.pragma('secure_delete = FAST');
    }
    if (!isLast) return;
    // Free pages hold what left earlier, by age or quota.
    this.#db.exec('PRAGMA incremental_vacuum');
    this.#db.pragma('wal_checkpoint(TRUNCATE)');
  }

  /** As late as it can have been; where nothing tells, what the clock said. */
  #wallMsOf({ boot, mono_ms: monoMs, wall_ms: wallMs }: Row): number {
    return this.#boots.latestWallMs(boot, monoMs) ?? wallMs;
  }
}

function prepare(db: Database) {
  return {
    newest: db.prepare<[], { newest: number | null }>('SELECT max(seq) AS newest FROM results'),
    rows: db.prepare<[string, number, number], Row>(
      `SELECT seq, kind, boot, mono_ms, wall_ms,
         (SELECT count(*) FROM json_each(r.sinks) s JOIN deliveries d ON d.sink = s.value AND d.state = ${owedState} AND d.seq = r.seq) AS owed
       FROM results r WHERE input = ? AND seq > ? AND seq <= ? ORDER BY seq`,
    ),
    sick: db.prepare<[string], Sick>('SELECT number, wall_ms FROM quarantine WHERE input = ?'),
    recovered: db.prepare<[number]>('DELETE FROM quarantine WHERE number = ?'),
  };
}
