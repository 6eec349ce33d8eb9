/**
 * The schedule: bounded queues by priority in front of the engines, and the way back to the store.
 *
 * Guarantees: every accepted capture ends in exactly one committed settlement, or is returned to its input unharmed
 * when the daemon stops; the receipt settles only after the commit (law 3). A capture whose engine died runs alone
 * next time, and is quarantined after `limits.soloCrashesMax` solo crashes (law 5). Deliberately decides nothing about
 * what a result means (report) or who gets it (relay).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../core/backoff.js';
import type { Capture } from '../core/capture.js';
import type { Engines, Offer, Store, Surroundings } from '../core/contracts.js';
import { EngineLoss, reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec } from '../core/pipeline.js';
import { PriorityQueue } from '../core/queue.js';
import type { Receipt } from '../core/receipt.js';
import type { Settled } from '../core/settled.js';
import type { Reported, Reporter } from './report.js';
import { route } from './router.js';

export interface ScheduleParts extends Surroundings {
  readonly pipelines: readonly PipelineSpec[];
  readonly engines: Engines;
  readonly store: Store;
  readonly reporter: Reporter;
}

interface Waiting {
  readonly capture: Capture;
  readonly receipt: Receipt;
  readonly pipelines: readonly PipelineSpec[];
  readonly priority: number;
  readonly hangMs: number;
  readonly since: number;
  solo: boolean;
  attempt: number;
}

export class Schedule {
  readonly #parts: ScheduleParts;
  readonly #queue = new PriorityQueue<Waiting>(limits.queueCapturesMax);
  readonly #space: (() => void)[] = [];
  readonly #settling = new Set<Promise<void>>();
  #unwatch: (() => void) | undefined;
  readonly #stop = new AbortController();
  #pumping = false;

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#unwatch = this.#parts.engines.watch(() => void this.#pump());
  }

  /** Returns what waits to its inputs; what runs is settled or returned by the time the engines have stopped. */
  stop(): void {
    this.#stop.abort();
    this.#unwatch?.();
    for (let waiting = this.#queue.shift(); waiting !== undefined; waiting = this.#queue.shift()) this.#giveBack(waiting);
    for (const wake of this.#space.splice(0)) wake();
  }

  /** Resolves when nothing is on its way to the store any more. */
  async drained(): Promise<void> {
    while (this.#settling.size > 0) await Promise.all(this.#settling);
  }

  readonly offer: Offer = async (capture, receipt) => {
    const { header } = capture;
    const routed = route(header, this.#parts.pipelines);
    if ('unrouted' in routed) return this.#settle(capture, receipt, { results: [], outcomes: [dropped(routed.unrouted)] });
    const solo = capture.claim?.suspect ?? false;
    const waiting: Waiting = { capture, receipt, ...routed, since: this.#parts.clock.monoMs(), solo, attempt: solo ? 2 : 1 };
    const exhausted = capture.claim?.exhausted;
    if (typeof exhausted === 'string') return this.#quarantine(waiting, exhausted);
    while (this.#queue.full && !this.#stopping) await new Promise<void>((wake) => this.#space.push(wake));
    if (this.#stopping) return this.#giveBack(waiting);
    this.#queue.push(waiting.priority, waiting);
    void this.#pump();
  };

  /** Hands out as long as engines take; one at a time, since marking a solo run waits for the disk. */
  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    for (let next = this.#queue.peek(); next !== undefined && !this.#stopping; next = this.#queue.peek()) {
      // A suspect at the head waits for an empty engine; letting others pass would starve it.
      if (!this.#parts.engines.free(next.solo)) break;
      this.#queue.shift();
      this.#space.shift()?.();
      const waiting = next;
      const marked = waiting.solo ? await this.#marked(() => waiting.capture.claim?.markSolo(), waiting) : true;
      if (marked) this.#track(this.#run(waiting));
    }
    this.#pumping = false;
  }

  /** Whether the durable mark was made; without it the capture must not run, and goes back to its input. */
  async #marked(mark: () => Promise<unknown> | undefined, waiting: Waiting): Promise<boolean> {
    try {
      await mark();
      return true;
    } catch (error) {
      const { input, name } = waiting.capture.header;
      this.#parts.log.warn(
        { input, capture: name, err: reasonOf(error) },
        'an attempt could not be marked on disk, so the capture goes back to its input',
      );
      this.#giveBack(waiting);
      return false;
    }
  }

  async #run(waiting: Waiting): Promise<void> {
    const { engines, reporter, clock } = this.#parts;
    const { capture, pipelines, solo, hangMs, attempt } = waiting;
    const queueMs = clock.monoMs() - waiting.since;
    let reported: Reported;
    try {
      const names = pipelines.map((pipeline) => pipeline.name);
      const answer = await engines.run({ header: capture.header, content: capture.content, pipelines: names, solo, hangMs });
      reported = reporter.answered(capture.header, pipelines, answer, queueMs, attempt);
    } catch (error) {
      if (error instanceof EngineLoss) return this.#lost(waiting, error);
      if (error instanceof ShoalError && error.code === 'ENGINE_UNAVAILABLE') return this.#giveBack(waiting);
      reported = reporter.failed(capture.header, pipelines, reasonOf(error), queueMs, attempt);
    }
    try {
      await this.#settle(capture, waiting.receipt, reported);
    } catch (error) {
      // A result the store will never take must not hold its capture for ever; that it failed can still be said.
      await this.#fail(waiting, `its result could not be stored: ${reasonOf(error)}`);
    }
  }

  async #lost(waiting: Waiting, loss: EngineLoss): Promise<void> {
    const { claim } = waiting.capture;
    if (claim === undefined) return this.#fail(waiting, loss.message);
    let crashes = 0;
    const counted = await this.#marked(async () => {
      if (loss.alone) crashes = await claim.markCrash();
    }, waiting);
    if (!counted) return;
    if (crashes >= limits.soloCrashesMax) return this.#quarantine(waiting, `${loss.message}, ${crashes} times, running alone`);
    if (this.#stopping) return this.#giveBack(waiting);
    waiting.solo = true;
    waiting.attempt++;
    this.#queue.unshift(waiting.priority, waiting);
    void this.#pump();
  }

  async #quarantine(waiting: Waiting, reason: string): Promise<void> {
    const { header } = waiting.capture;
    this.#parts.log.error(
      { input: header.input, capture: header.name, reason },
      'capture quarantined: it is not tried again; see "shoal quarantine" and the failed folder of its input',
    );
    await this.#fail(waiting, `quarantined: ${reason}`, { captureId: header.id, input: header.input, name: header.name, reason });
  }

  async #fail(waiting: Waiting, reason: string, quarantine?: Settled['quarantine']): Promise<void> {
    const { clock, reporter } = this.#parts;
    const reported = reporter.failed(waiting.capture.header, waiting.pipelines, reason, clock.monoMs() - waiting.since, waiting.attempt);
    await this.#settle(waiting.capture, waiting.receipt, reported, quarantine);
  }

  /** Commits and settles. A store that is full or away is tried again until the daemon stops; the capture stays claimed meanwhile. Throws what is no matter of time. */
  async #settle(capture: Capture, receipt: Receipt, reported: Reported, quarantine?: Settled['quarantine']): Promise<void> {
    const { store, log, health } = this.#parts;
    const { id, input } = capture.header;
    const settled: Settled = {
      captureId: id,
      input,
      replayable: capture.claim !== undefined,
      results: reported.results,
      ...(quarantine === undefined ? {} : { quarantine }),
    };
    const backoff = new Backoff({ firstMs: 100, maxMs: 5_000 });
    while (!this.#stopping || backoff.failures === 0) {
      try {
        await store.commit(settled);
      } catch (error) {
        if (!isPassing(error)) throw error;
        log.warn(
          { input, err: reasonOf(error) },
          'a result could not be committed; it is tried again, and nothing is acknowledged until then',
        );
        await sleep(backoff.next(), undefined, { signal: this.#stop.signal }).catch(() => {});
        continue;
      }
      this.#count(input, reported);
      health.progress('schedule');
      receipt.settle({ kind: 'stored', outcomes: reported.outcomes });
      return;
    }
    receipt.settle({ kind: 'returned', reason: 'the store took no more before the daemon stopped' });
  }

  get #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  #giveBack(waiting: Waiting): void {
    waiting.receipt.settle({ kind: 'returned', reason: 'it was not worked on' });
  }

  #count(input: string, reported: Reported): void {
    const counter = this.#parts.metrics.counter({
      name: 'shoal_outcomes_total',
      help: 'What became of captures, by pipeline.',
      labels: ['input', 'pipeline', 'outcome'],
    });
    for (const { pipeline, outcome } of reported.outcomes) counter.inc({ input, pipeline, outcome });
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((error: unknown) =>
        this.#parts.log.error({ err: reasonOf(error) }, 'a capture was left unsettled; it is taken up at the next start'),
      )
      .finally(() => this.#settling.delete(tracked));
    this.#settling.add(tracked);
  }
}

function dropped(reason: string): { pipeline: string; outcome: 'dropped'; reason: string } {
  return { pipeline: '-', outcome: 'dropped', reason };
}

/** Whether the same commit may succeed later: the store is full or away. Anything else is wrong with the commit itself. */
function isPassing(error: unknown): boolean {
  return error instanceof ShoalError && (error.code === 'STORE_FULL' || error.code === 'STORE_UNAVAILABLE');
}
