/**
 * The five ways in which the file changes on request, each to be called inside a transaction.
 *
 * Guarantees: a result id that is known keeps its bytes and gets no second delivery; a capture whose claim is open is
 * settled once, even when its results have left; an acknowledgement or burial of what is not owed changes nothing.
 */
import type { Database } from 'better-sqlite3';
import type { ResultRecord, Settled } from '../core/settled.js';
import type { WatchChange } from '../core/watch.js';
import type { Boots } from './boots.js';
import type { Counts } from './counts.js';
import type { Now, WriteCalls, WriteRequest } from './protocol.js';
import { deadState, owedState } from './schema.js';
import { WatchRows } from './watch-rows.js';

/** What a transaction did, for those who keep count of it once it is on disk. */
export interface Effects {
  /** The first sequence given out, with its time; null when nothing was inserted. */
  first: { seq: number; monoMs: number } | null;
  deliveries: boolean;
  /** In the order in which they came about. */
  changes: WatchChange[];
  /** The smallest sequence that may owe nothing any more. */
  freedFrom: number;
}

export function noEffects(): Effects {
  return { first: null, deliveries: false, changes: [], freedFrom: Number.POSITIVE_INFINITY };
}

export class Writes {
  readonly #boots: Boots;
  readonly #counts: Counts;
  readonly #watches: WatchRows;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database, boots: Boots, counts: Counts) {
    this.#boots = boots;
    this.#watches = new WatchRows(db, boots);
    this.#counts = counts;
    this.#statements = prepare(db);
  }

  apply(request: WriteRequest, effects: Effects): void {
    if (request.call === 'commit') this.#settle(request.args.settled, request.args.now, effects);
    else if (request.call === 'acknowledge') for (const seq of request.args.seqs) this.#acknowledge(request.args.sink, seq, effects);
    else if (request.call === 'bury') this.#bury(request.args.sink, request.args.seq, request.args.reason, effects);
    else if (request.call === 'lapse') this.#lapse(request.args, effects);
    else for (const id of request.args.captureIds) this.#statements.close.run(id);
  }

  #settle(settled: Settled, now: Now, effects: Effects): void {
    const statements = this.#statements;
    if (statements.claimed.get(settled.captureId) !== undefined) return;
    for (const { record, sinks, watched } of settled.results) {
      if (!this.#insert('result', record, sinks, now, effects) || watched === undefined) continue;
      const change = this.#watches.sight(watched, now);
      for (const message of change.messages) this.#insert('event', message.record, message.sinks, now, effects);
      effects.changes.push(...change.changes);
    }
    const sick = settled.quarantine;
    if (sick !== undefined) statements.quarantine.run(sick.captureId, sick.input, sick.name, sick.reason, now.wallMs);
    if (settled.replayable) statements.claim.run(settled.captureId, settled.input, outcomesOf(settled), this.#boots.boot, now.monoMs);
  }

  /** False when the id is known already: then nothing was done. */
  #insert(kind: 'result' | 'event', record: ResultRecord, sinks: readonly string[], now: Now, effects: Effects): boolean {
    const names = [...new Set(sinks)];
    const inserted = this.#statements.insert.run({
      ...record,
      kind,
      boot: this.#boots.boot,
      monoMs: now.monoMs,
      wallMs: now.wallMs,
      sinks: JSON.stringify(names),
      payload: Buffer.from(record.payload.buffer, record.payload.byteOffset, record.payload.byteLength),
    });
    if (inserted.changes === 0) return false;
    const seq = Number(inserted.lastInsertRowid);
    effects.first ??= { seq, monoMs: now.monoMs };
    for (const sink of names) {
      this.#statements.owe.run(sink, seq);
      this.#counts.add(sink, { owed: 1 });
      effects.deliveries = true;
    }
    return true;
  }

  #lapse({ watches, sinks, sinceMs, now }: WriteCalls['lapse']['args'], effects: Effects): void {
    const { messages, changes } = this.#watches.lapse(watches, sinks, sinceMs, now);
    for (const message of messages) this.#insert('event', message.record, message.sinks, now, effects);
    effects.changes.push(...changes);
  }

  #acknowledge(sink: string, seq: number, effects: Effects): void {
    if (this.#statements.paid.run(sink, seq).changes === 0) return;
    this.#counts.add(sink, { owed: -1 });
    effects.freedFrom = Math.min(effects.freedFrom, seq);
  }

  #bury(sink: string, seq: number, reason: string, effects: Effects): void {
    if (this.#statements.bury.run(reason, sink, seq).changes === 0) return;
    this.#counts.add(sink, { owed: -1, dead: 1 });
    effects.freedFrom = Math.min(effects.freedFrom, seq);
  }
}

/** JSON of a `SettledOutcome[]`. */
function outcomesOf({ results }: Settled): string {
  return JSON.stringify(
    results.map(({ record: { pipeline, outcome, reason } }) => ({ pipeline, outcome, ...(reason === null ? {} : { reason }) })),
  );
}

function prepare(db: Database) {
  return {
    claimed: db.prepare('SELECT 1 FROM claims WHERE capture_id = ?'),
    insert: db.prepare(
      `INSERT INTO results (id, kind, boot, mono_ms, wall_ms, pipeline, input, outcome, reason, capture_id, capture_name, sinks, payload, trace)
       VALUES (@id, @kind, @boot, @monoMs, @wallMs, @pipeline, @input, @outcome, @reason, @captureId, @captureName, @sinks, @payload, @trace)
       ON CONFLICT (id) DO NOTHING`,
    ),
    owe: db.prepare(`INSERT INTO deliveries (sink, state, seq) VALUES (?, ${owedState}, ?)`),
    paid: db.prepare(`DELETE FROM deliveries WHERE sink = ? AND state = ${owedState} AND seq = ?`),
    bury: db.prepare(`UPDATE deliveries SET state = ${deadState}, reason = ? WHERE sink = ? AND state = ${owedState} AND seq = ?`),
    quarantine: db.prepare(
      'INSERT INTO quarantine (capture_id, input, name, reason, wall_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    ),
    claim: db.prepare('INSERT INTO claims (capture_id, input, outcomes, boot, mono_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    close: db.prepare('DELETE FROM claims WHERE capture_id = ?'),
  };
}
