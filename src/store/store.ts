/**
 * The store as the corridor sees it: results, what is owed of them, settled captures and quarantine, in one SQLite file.
 *
 * Guarantees: `commit` resolves when the transaction is on disk, and never before; it may be repeated, a known result is
 * left as it is. A full disk rejects with STORE_FULL and the store goes on when there is room again. An I/O error or
 * damage rejects with STORE_UNAVAILABLE and calls `onLost` once: the process must end then, and the next start checks the
 * file. Deliberately does not retry, and does not decide what is worth storing.
 */
import type { Delivery, Explanation, Lane, Store, StoredResult, Surroundings } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import type { PurgeRequest, StorePurge } from '../core/keep.js';
import { limits } from '../core/limits.js';
import type { SettledOutcome } from '../core/receipt.js';
import type { Outcome } from '../core/result.js';
import type { Settled } from '../core/settled.js';
import type { Watch, WatchChange } from '../core/watch.js';
import { Line } from './line.js';
import type { StoreOptions } from './options.js';
import type { Backlog, Now, PurgeTurn, Quarantined, StartReport, StoreEvent } from './protocol.js';
import { StoreGauges } from './store-gauges.js';

interface ResultQuery {
  pipeline?: string;
  input?: string;
  outcome?: Outcome;
  capture?: string;
  beforeSeq?: number;
  limit: number;
}

export class SqliteStore implements Store {
  readonly #path: string;
  readonly #options: StoreOptions;
  readonly #surroundings: Surroundings;
  readonly #gauges: StoreGauges;
  readonly #onLost: (error: ShoalError) => void;
  readonly #watchers = new Set<() => void>();
  readonly #stateWatchers = new Set<(changes: readonly WatchChange[]) => void>();
  #sinks: readonly string[] = [];
  #line: Line | null = null;
  #tending: NodeJS.Timeout | null = null;
  #looking: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | null = null;
  #lost = false;
  #report: StartReport | null = null;

  /** `onLost` is called at most once, when the file or the thread that owns it is gone for good. */
  constructor(path: string, options: StoreOptions, surroundings: Surroundings, onLost: (error: ShoalError) => void) {
    this.#path = path;
    this.#options = options;
    this.#surroundings = surroundings;
    this.#gauges = new StoreGauges(surroundings);
    this.#onLost = onLost;
  }

  /** SQLite's settings as read back after opening; null before the start. */
  get pragmas(): Readonly<Record<string, unknown>> | null {
    return this.#report?.pragmas ?? null;
  }

  async start(sinks: readonly string[]): Promise<{ readonly boot: number }> {
    if (this.#line !== null) throw new ShoalError('SHOAL_INTERNAL', 'the store was started twice');
    this.#surroundings.health.set('store', 'starting');
    const line = new Line({ path: this.#path, options: this.#options }, (event) => this.#receive(event));
    this.#line = line;
    this.#sinks = sinks;
    try {
      const report = await line.call('start', { sinks, now: this.#now() });
      this.#report = report;
      this.#gauges.started(report, this.#path);
      void line.gone.then(() => {
        if (this.#stopping === null) this.#lose(new ShoalError('STORE_UNAVAILABLE', "the store's thread ended unasked"));
      });
      this.#tending = setInterval(() => this.#tend(line), limits.storeTendMs);
      this.#tending.unref();
      this.#looking = setInterval(() => this.#look(line), limits.storeLookMs);
      this.#looking.unref();
      return { boot: report.boot };
    } catch (error) {
      this.#surroundings.health.set('store', 'down', reasonOf(error));
      await line.gone;
      this.#line = null;
      throw error;
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#close();
    return this.#stopping;
  }

  async commit(settled: Settled): Promise<readonly SettledOutcome[]> {
    for (const { record } of settled.results) {
      if (record.payload.byteLength <= limits.payloadBytesMax) continue;
      const size = `${record.payload.byteLength} bytes where ${limits.payloadBytesMax} are allowed`;
      throw new ShoalError('SHOAL_INTERNAL', `the payload of result ${record.id} has ${size}: report must cap it`);
    }
    const decided = await this.#write(this.#open().call('commit', { settled, now: this.#now() }));
    this.#surroundings.health.progress('store');
    return decided;
  }

  async owed(sink: string, afterSeq: number, limit: number, lane?: Lane): Promise<readonly Delivery[]> {
    return this.#open().call('owed', { sink, afterSeq, limit, lane: lane ?? null, now: this.#now() });
  }

  async acknowledge(sink: string, seqs: readonly number[]): Promise<void> {
    if (seqs.length > 0) await this.#write(this.#open().call('acknowledge', { sink, seqs }));
  }

  async bury(sink: string, seq: number, reason: string): Promise<void> {
    await this.#write(this.#open().call('bury', { sink, seq, reason }));
  }

  async settled(captureIds: readonly string[]): Promise<ReadonlyMap<string, readonly SettledOutcome[]>> {
    return new Map(await this.#open().call('settled', { captureIds }));
  }

  async close(captureIds: readonly string[]): Promise<void> {
    if (captureIds.length > 0) await this.#write(this.#open().call('close', { captureIds }));
  }

  async results(query: ResultQuery): Promise<readonly StoredResult[]> {
    const limit = Math.max(1, Math.min(query.limit, limits.pageRowsMax));
    const rows: StoredResult[] = [];
    let beforeSeq = query.beforeSeq ?? null;
    for (;;) {
      const page = await this.#open().call('results', {
        pipeline: query.pipeline ?? null,
        input: query.input ?? null,
        outcome: query.outcome ?? null,
        capture: query.capture ?? null,
        beforeSeq,
        limit: limit - rows.length,
      });
      rows.push(...page.rows);
      if (rows.length >= limit || page.nextBefore === null) return rows;
      beforeSeq = page.nextBefore;
    }
  }

  async explain(resultId: string): Promise<Explanation | null> {
    return this.#open().call('explain', { resultId });
  }

  async quarantined(): Promise<readonly Quarantined[]> {
    return this.#open().call('quarantined', null);
  }

  async purge(request: PurgeRequest): Promise<StorePurge> {
    let sum: StorePurge = { results: 0, events: 0, left_owed: 0, given_up: 0, quarantine: 0 };
    for (let afterSeq: number | null = 0; afterSeq !== null; ) {
      const { count, nextAfter }: PurgeTurn = await this.#open().call('purge', { request, afterSeq });
      sum = {
        results: sum.results + count.results,
        events: sum.events + count.events,
        left_owed: sum.left_owed + count.left_owed,
        given_up: sum.given_up + count.given_up,
        quarantine: sum.quarantine + count.quarantine,
      };
      afterSeq = nextAfter;
    }
    return sum;
  }

  async backlog(): Promise<Readonly<Backlog>> {
    return this.#open().call('backlog', null);
  }

  watch(onCommit: () => void): () => void {
    this.#watchers.add(onCommit);
    return () => this.#watchers.delete(onCommit);
  }

  async lapse(watches: readonly Watch[], sinceMs: number): Promise<void> {
    await this.#write(this.#open().call('lapse', { watches, sinks: this.#sinks, sinceMs, now: this.#now() }));
  }

  async watchStates(): Promise<readonly WatchChange[]> {
    return this.#open().call('watchStates', null);
  }

  onWatchChange(onChange: (changes: readonly WatchChange[]) => void): () => void {
    this.#stateWatchers.add(onChange);
    return () => this.#stateWatchers.delete(onChange);
  }

  /** Ages and bounds what is stored, as the timer does each minute; resolves when done. */
  async tend(): Promise<void> {
    await this.#open().call('tend', { now: this.#now() });
  }

  #open(): Line {
    if (this.#line === null || this.#report === null) throw new ShoalError('STORE_UNAVAILABLE', 'the store is not open');
    return this.#line;
  }

  async #write<Value>(answer: Promise<Value>): Promise<Value> {
    try {
      const value = await answer;
      this.#gauges.took();
      return value;
    } catch (error) {
      if (error instanceof ShoalError && error.code === 'STORE_FULL') this.#gauges.full(error);
      throw error;
    }
  }

  /** An idle store proves that it lives by answering; a stuck one feeds no watchdog. */
  #look(line: Line): void {
    line.call('settled', { captureIds: [] }).then(
      () => this.#surroundings.health.progress('store'),
      () => {},
    );
  }

  #tend(line: Line): void {
    line.call('tend', { now: this.#now() }).catch((error) => {
      if (!this.#lost && this.#stopping === null)
        this.#surroundings.log.warn({ error: reasonOf(error) }, 'the store could not be tidied; it is tried again in a minute');
    });
  }

  #now(): Now {
    const { clock } = this.#surroundings;
    return { monoMs: clock.monoMs(), wallMs: clock.wallMs(), synced: clock.synced() };
  }

  #receive(event: StoreEvent): void {
    if (event.event === 'lost') this.#lose(new ShoalError(event.error.code, event.error.message));
    else if (event.event === 'watches') for (const watcher of this.#stateWatchers) watcher(event.changes);
    else this.#gauges.count(event);
    if (event.event === 'committed' && event.deliveries) for (const watcher of this.#watchers) watcher();
  }

  #lose(error: ShoalError): void {
    if (this.#lost || this.#report === null) return;
    this.#lost = true;
    this.#surroundings.health.set('store', 'down', error.message);
    this.#surroundings.log.error({ path: this.#path }, `the store is lost, the daemon ends and starts anew: ${error.message}`);
    this.#onLost(error);
  }

  async #close(): Promise<void> {
    const line = this.#line;
    if (this.#tending !== null) clearInterval(this.#tending);
    clearInterval(this.#looking);
    if (line === null) return;
    const late = new Promise<void>((resolve) => setTimeout(resolve, limits.storeStopMs).unref());
    // A start under way is answered first; a lost thread rejects, and is gone already.
    await Promise.race([line.call('stop', null).catch(() => null), late]);
    await Promise.race([line.gone, late]);
    this.#watchers.clear();
    this.#stateWatchers.clear();
  }
}
