/**
 * What the file answers: owed deliveries in pages, results by filter, one result in full, settled captures, quarantine.
 *
 * Every answer is bounded, so that no read holds up a commit for long; none sees an open transaction.
 *
 * `redelivery` says that a delivery was owed already when an earlier start of the daemon ran, which may have sent it and died
 * before the acknowledgement was on disk. That is true of some that were never sent, and never false of one that was:
 * a mark before each send would cost a write a delivery. What this start has sent, the relay knows by itself.
 */
import type { Database } from 'better-sqlite3';
import type { Delivery, Explanation, StoredResult } from '../core/contracts.js';
import { limits } from '../core/limits.js';
import type { Outcome } from '../core/result.js';
import type { WatchChange } from '../core/watch.js';
import type { Boots } from './boots.js';
import type { Fresh } from './fresh.js';
import type { DirectCalls, Quarantined, ResultFilter, ResultPage } from './protocol.js';
import { deadState, owedState } from './schema.js';
import { readWatchState, type WatchRow } from './watch-rows.js';

interface OwedRow {
  kind: Delivery['kind'];
  seq: number;
  id: string;
  pipeline: string;
  input: string;
  payload: Buffer;
  boot: number;
}

interface ResultRow {
  seq: number;
  id: string;
  pipeline: string;
  input: string;
  outcome: string;
  reason: string | null;
  capture_id: string;
  capture_name: string;
  wall_ms: number;
}

interface FullRow extends ResultRow {
  sinks: string;
  payload: Buffer;
  trace: string;
}

export class Reads {
  readonly #boots: Boots;
  readonly #fresh: Fresh;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database, boots: Boots, fresh: Fresh) {
    this.#boots = boots;
    this.#fresh = fresh;
    this.#statements = prepare(db);
  }

  owed(query: DirectCalls['owed']['args']): readonly Delivery[] {
    const boundary = this.#fresh.boundary(query.now.monoMs);
    const after = query.lane === 'live' ? Math.max(query.afterSeq, boundary - 1) : query.afterSeq;
    const before = query.lane === 'backlog' ? boundary : Number.POSITIVE_INFINITY;
    if (after === Number.POSITIVE_INFINITY) return [];
    const rows = this.#statements.owed.all(query.sink, after, before, Math.min(query.limit, limits.relayBatch));
    return rows.map((row) => ({
      kind: row.kind,
      seq: row.seq,
      resultId: row.id,
      pipeline: row.pipeline,
      input: row.input,
      lane: row.seq < boundary ? 'backlog' : 'live',
      payload: row.payload,
      redelivery: row.boot < this.#boots.boot,
    }));
  }

  /** One turn over at most `limits.storeScanRows` sequences, newest first. */
  results(filter: ResultFilter): ResultPage {
    const span = this.#statements.span.get();
    const newest = (span?.newest ?? 0) + 1;
    const before = Math.min(filter.beforeSeq ?? newest, newest);
    const from = before - limits.storeScanRows;
    const rows = this.#statements.page.all({ ...filter, beforeSeq: before, from });
    const last = rows.at(-1);
    const nextBefore = rows.length === filter.limit && last !== undefined ? last.seq : from;
    return { rows: rows.map(stored), nextBefore: nextBefore > (span?.oldest ?? 0) ? nextBefore : null };
  }

  explain(resultId: string): Explanation | null {
    const row = this.#statements.full.get(resultId);
    if (row === undefined) return null;
    const sinks: string[] = JSON.parse(row.sinks);
    const deliveries = sinks.map((sink) => {
      if (this.#statements.owes.get(sink, row.seq) !== undefined) return { sink, state: 'owed' as const, reason: null };
      const dead = this.#statements.dead.get(sink, row.seq);
      return dead === undefined
        ? { sink, state: 'delivered' as const, reason: null }
        : { sink, state: 'dead' as const, reason: dead.reason };
    });
    return { ...stored(row), payload: row.payload.toString('utf8'), trace: row.trace, deliveries };
  }

  settled(captureIds: readonly string[]): DirectCalls['settled']['answer'] {
    return captureIds.flatMap((id) => {
      const claim = this.#statements.claimed.get(id);
      return claim === undefined ? [] : [[id, JSON.parse(claim.outcomes)] as const];
    });
  }

  watchStates(): readonly WatchChange[] {
    return this.#statements.watches.all().flatMap(({ pipeline, input, source, json }) => {
      const state = readWatchState(json);
      return state === null ? [] : [{ pipeline, input, ...(source === '' ? {} : { source }), state, phases: [] }];
    });
  }

  quarantined(): readonly Quarantined[] {
    return this.#statements.quarantined.all().map((row) => ({
      captureId: row.capture_id,
      input: row.input,
      name: row.name,
      reason: row.reason,
      at: timestamp(row.wall_ms),
    }));
  }
}

function stored(row: ResultRow): StoredResult {
  return {
    seq: row.seq,
    id: row.id,
    captureId: row.capture_id,
    captureName: row.capture_name,
    pipeline: row.pipeline,
    input: row.input,
    outcome: row.outcome as Outcome,
    reason: row.reason,
    committedAt: timestamp(row.wall_ms),
  };
}

/** RFC 3339 UTC; a clock beyond what a Date can hold shows as the epoch. */
function timestamp(wallMs: number): string {
  const date = new Date(wallMs);
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString();
}

function prepare(db: Database) {
  const columns = 'seq, id, pipeline, input, outcome, reason, capture_id, capture_name, wall_ms';
  return {
    owed: db.prepare<[string, number, number, number], OwedRow>(
      `SELECT r.kind, r.seq, r.id, r.pipeline, r.input, r.payload, r.boot FROM deliveries d JOIN results r ON r.seq = d.seq
       WHERE d.sink = ? AND d.state = ${owedState} AND d.seq > ? AND d.seq < ? ORDER BY d.seq LIMIT ?`,
    ),
    span: db.prepare<[], { oldest: number | null; newest: number | null }>(
      'SELECT (SELECT min(seq) FROM results) AS oldest, (SELECT max(seq) FROM results) AS newest',
    ),
    page: db.prepare<[ResultFilter & { beforeSeq: number; from: number }], ResultRow>(
      `SELECT ${columns} FROM results WHERE seq < @beforeSeq AND seq >= @from AND kind = 'result' AND (@pipeline IS NULL OR pipeline = @pipeline)
       AND (@input IS NULL OR input = @input) AND (@outcome IS NULL OR outcome = @outcome)
       AND (@capture IS NULL OR capture_id = @capture) ORDER BY seq DESC LIMIT @limit`,
    ),
    full: db.prepare<[string], FullRow>(`SELECT ${columns}, sinks, payload, trace FROM results WHERE id = ? AND kind = 'result'`),
    owes: db.prepare<[string, number]>(`SELECT 1 FROM deliveries WHERE sink = ? AND state = ${owedState} AND seq = ?`),
    dead: db.prepare<[string, number], { reason: string | null }>(
      `SELECT reason FROM deliveries WHERE sink = ? AND state = ${deadState} AND seq = ?`,
    ),
    watches: db.prepare<[], WatchRow>('SELECT pipeline, input, source, json FROM report_state'),
    claimed: db.prepare<[string], { outcomes: string }>('SELECT outcomes FROM claims WHERE capture_id = ?'),
    quarantined: db.prepare<[], { capture_id: string; input: string; name: string; reason: string; wall_ms: number }>(
      `SELECT capture_id, input, name, reason, wall_ms FROM quarantine ORDER BY number DESC LIMIT ${limits.quarantineRowsMax}`,
    ),
  };
}
