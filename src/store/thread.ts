/**
 * The store's thread: owns the only connection, for ever (law 6).
 *
 * It is never terminated: it ends by its `stop` request, or after it has said `lost`; then it has closed the file and the
 * port. An exception nobody foresaw ends the thread, which the client takes as a loss.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { ShoalError } from '../core/errors.js';
import { Boots } from './boots.js';
import { Committer, flat, isFatal } from './committer.js';
import { Counts } from './counts.js';
import { Fresh } from './fresh.js';
import { clearSuspect, isDamage, markSuspect, type Opened, openFile, readPragmas } from './open.js';
import type { DirectRequest, Reply, Request, StartReport, ThreadData, WriteRequest } from './protocol.js';
import { Purge } from './purge.js';
import { Reads } from './reads.js';
import { Retention } from './retention.js';
import { deadState, owedState } from './schema.js';
import { Writes } from './writes.js';

class StoreThread {
  readonly #port: MessagePort;
  readonly #data: ThreadData;
  #parts: ReturnType<StoreThread['build']> | null = null;

  constructor(port: MessagePort, data: ThreadData) {
    this.#port = port;
    this.#data = data;
  }

  receive(request: Request): void {
    try {
      if (request.call === 'start') {
        this.#reply({ answers: [{ id: request.id, value: this.#start(request.args) }] });
        return;
      }
      const parts = this.#parts;
      if (parts === null) throw new ShoalError('STORE_UNAVAILABLE', 'the store is closed');
      if (isWrite(request)) {
        parts.committer.enqueue(request);
        return;
      }
      if (request.call === 'stop') this.#close(true);
      this.#reply({ answers: [{ id: request.id, value: this.#answer(request, parts) }] });
      if (request.call === 'stop') this.#port.close();
    } catch (error) {
      this.#reply({ answers: [{ id: request.id, error: flat(error) }] });
      if (request.call === 'start') this.#port.close();
      else if (isFatal(error)) this.#lose(error);
    }
  }

  #answer(request: DirectRequest, parts: ReturnType<StoreThread['build']>): unknown {
    switch (request.call) {
      case 'owed':
        return parts.reads.owed(request.args);
      case 'settled':
        return parts.reads.settled(request.args.captureIds);
      case 'results':
        return parts.reads.results(request.args);
      case 'explain':
        return parts.reads.explain(request.args.resultId);
      case 'quarantined':
        return parts.reads.quarantined();
      case 'backlog':
        return parts.counts.all();
      case 'watchStates':
        return parts.reads.watchStates();
      case 'purge':
        return parts.purge.turn(request.args.request, request.args.afterSeq);
      case 'tend':
        parts.retention.tend(request.args.now);
        return null;
      default:
        return null;
    }
  }

  #start(args: Extract<DirectRequest, { call: 'start' }>['args']): StartReport {
    const opened = openFile(this.#data.path, this.#data.options);
    try {
      const pragmas = readPragmas(opened.db, this.#data.path);
      const parts = this.build(opened);
      parts.boots.begin(args.now);
      const buried = buryRemoved(opened, args.sinks);
      parts.counts.load(opened.db);
      parts.fresh.load(opened.db, parts.boots, args.now.monoMs);
      this.#parts = parts;
      return { boot: parts.boots.boot, movedAside: opened.movedAside, damage: opened.damage, buried, pragmas };
    } catch (error) {
      if (isDamage(error)) markSuspect(this.#data.path);
      opened.db.close();
      throw error;
    }
  }

  build(opened: Opened) {
    const { path, options } = this.#data;
    const db = opened.db;
    const emit = (event: Reply) => this.#reply(event);
    const boots = new Boots(db);
    const counts = new Counts();
    const fresh = new Fresh(options.fresh_ms);
    const retention = new Retention(db, path, options, boots, counts, emit);
    const committer = new Committer({
      db,
      writes: new Writes(db, boots, counts),
      counts,
      options,
      emit,
      answer: (answers) => {
        this.#reply({ answers });
        this.#enforce();
      },
      makeRoom: (bytes) => retention.makeRoom(bytes),
      onEffects: (effects) => {
        if (effects.first !== null) fresh.note(effects.first.seq, effects.first.monoMs);
        retention.freed(effects.freedFrom);
      },
      onLost: (error) => this.#lose(error),
    });
    const purge = new Purge(db, boots, counts, emit);
    return { db, boots, counts, fresh, retention, purge, committer, reads: new Reads(db, boots, fresh) };
  }

  /** Makes room after the callers have their answer; a failure to do so shows at the next commit. */
  #enforce(): void {
    try {
      this.#parts?.retention.enforce();
    } catch (error) {
      if (isFatal(error)) this.#lose(error);
    }
  }

  #lose(error: unknown): void {
    if (this.#parts === null) return;
    if (isDamage(error)) markSuspect(this.#data.path);
    this.#reply({ event: 'lost', error: flat(error) });
    this.#close(false);
    this.#port.close();
  }

  #close(clean: boolean): void {
    const parts = this.#parts;
    if (parts === null) return;
    if (clean) parts.committer.flush();
    // A flush may have lost the file, and closed everything on its way.
    if (this.#parts === null) return;
    this.#parts = null;
    parts.committer.close();
    parts.db.close();
    if (clean) clearSuspect(this.#data.path);
  }

  #reply(reply: Reply): void {
    this.#port.postMessage(reply);
  }
}

const writes: ReadonlySet<Request['call']> = new Set<WriteRequest['call']>(['commit', 'acknowledge', 'bury', 'close', 'lapse']);

function isWrite(request: Request): request is WriteRequest {
  return writes.has(request.call);
}

/** Buries what is owed to sinks that are not configured any more; answers how many, by sink. */
function buryRemoved({ db }: Opened, sinks: readonly string[]): Record<string, number> {
  const known = JSON.stringify(sinks);
  const where = `state = ${owedState} AND sink NOT IN (SELECT value FROM json_each(?))`;
  return db.transaction(() => {
    const rows = db
      .prepare<[string], { sink: string; n: number }>(`SELECT sink, count(*) AS n FROM deliveries WHERE ${where} GROUP BY sink`)
      .all(known);
    if (rows.length > 0)
      db.prepare(`UPDATE deliveries SET state = ${deadState}, reason = 'the sink was removed from the configuration' WHERE ${where}`).run(
        known,
      );
    return Object.fromEntries(rows.map((row) => [row.sink, row.n]));
  })();
}

if (parentPort !== null) {
  const port = parentPort;
  const thread = new StoreThread(port, workerData as ThreadData);
  port.on('message', (request: Request) => thread.receive(request));
}
