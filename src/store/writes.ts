/**
 * The five ways in which the file changes on request, each to be called inside a transaction.
 *
 * Guarantees: a result id that is known keeps its bytes and gets no second delivery; a capture whose claim is open is
 * settled once, even when its results have left; an acknowledgement or burial of what is not owed changes nothing.
 */
import type { Database } from 'better-sqlite3';
import type { SettledOutcome } from '../core/receipt.js';
import { decided, type ResultRecord, type Settled, type SettledResult } from '../core/settled.js';
import type { WatchChange } from '../core/watch.js';
import type { Boots } from './boots.js';
import type { Counts } from './counts.js';
import type { Now, WriteCalls, WriteRequest } from './protocol.js';
import { deadState, owedState } from './schema.js';
import { type Turned, WatchRows } from './watch-rows.js';

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

  /** Answers what was decided by a commit, else null. */
  apply(request: WriteRequest, effects: Effects): readonly SettledOutcome[] | null {
    if (request.call === 'commit') return this.#settle(request.args.settled, request.args.now, effects);
    if (request.call === 'acknowledge') for (const seq of request.args.seqs) this.#acknowledge(request.args.sink, seq, effects);
    else if (request.call === 'bury') this.#bury(request.args.sink, request.args.seq, request.args.reason, effects);
    else if (request.call === 'lapse') this.#lapse(request.args, effects);
    else for (const id of request.args.captureIds) this.#statements.close.run(id);
    return null;
  }

  #settle(settled: Settled, now: Now, effects: Effects): readonly SettledOutcome[] {
    const statements = this.#statements;
    const decidedHere = new Set(settled.results.flatMap(({ record, said }) => (said === undefined ? [] : [record.pipeline])));
    const answer = (outcomes: readonly SettledOutcome[]) => outcomes.filter(({ pipeline }) => decidedHere.has(pipeline));
    const claimed = statements.claimed.get(settled.captureId);
    if (claimed !== undefined) return answer(JSON.parse(claimed.outcomes) as SettledOutcome[]);
    const outcomes = settled.results.map((result) => this.#keep(result, now, effects));
    const sick = settled.quarantine;
    if (sick !== undefined) statements.quarantine.run(sick.captureId, sick.input, sick.name, sick.reason, now.wallMs);
    const text = JSON.stringify(outcomes);
    if (settled.replayable) statements.claim.run(settled.captureId, settled.input, text, this.#boots.boot, now.monoMs);
    return answer(outcomes);
  }

  /** Answers the outcome that is on disk: that of an earlier commit where the result is known. */
  #keep({ record, sinks, watched, said }: SettledResult, now: Now, effects: Effects): SettledOutcome {
    const judged = said === undefined ? null : this.#watches.judge(said, now);
    const kept = judged === null ? record : decided(record, judged.isTold, judged.reason, judged.sameAs);
    const told = said === undefined ? sinks : judged?.isTold ? said.watch.sinks : [];
    if (!this.#insert('result', kept, told, now, effects)) return outcomeOf(this.#statements.outcome.get(record.id) ?? record);
    if (said !== undefined && judged !== null) this.#watches.remember(said.watch, judged.state);
    if (watched !== undefined) this.#owe(this.#watches.sight(watched, now), now, effects);
    return outcomeOf(kept);
  }

  #owe({ messages, changes }: Turned, now: Now, effects: Effects): void {
    for (const { record, sinks } of messages) this.#insert('event', record, sinks, now, effects);
    effects.changes.push(...changes);
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
    this.#owe(this.#watches.lapse(watches, sinks, sinceMs, now), now, effects);
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

function outcomeOf({ pipeline, outcome, reason }: Pick<ResultRecord, 'pipeline' | 'outcome' | 'reason'>): SettledOutcome {
  return { pipeline, outcome, ...(reason === null ? {} : { reason }) };
}

function prepare(db: Database) {
  return {
    claimed: db.prepare<[string], { outcomes: string }>('SELECT outcomes FROM claims WHERE capture_id = ?'),
    outcome: db.prepare<[string], Pick<ResultRecord, 'pipeline' | 'outcome' | 'reason'>>(
      'SELECT pipeline, outcome, reason FROM results WHERE id = ?',
    ),
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
