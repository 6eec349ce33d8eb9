/**
 * The schedule: bounded queues in front of the engines, and the way of every capture to its settlement.
 *
 * Guarantees: every accepted capture ends in exactly one committed settlement, or is returned to its input unharmed when the daemon stops.
 * Urgent pipelines come first, inputs get equal shares of the engines, and nothing waits for ever (core/fair-queue.ts); what does not fit waits
 * or is dropped as its input's `when_full` says, counted. A capture whose engine died runs alone next time, and is quarantined after
 * `limits.soloCrashesMax` solo crashes (law 5). Deliberately decides nothing about what a result means (report) or who gets it (relay).
 */
import type { Engines, Offer, Store, Surroundings } from '../core/contracts.js';
import { EngineLoss, reasonOf, ShoalError } from '../core/errors.js';
import { FairQueue } from '../core/fair-queue.js';
import type { EngineJob } from '../core/job.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec } from '../core/pipeline.js';
import type { Pressure } from '../core/pressure.js';
import type { Settled } from '../core/settled.js';
import type { WaitingRules } from '../core/waiting.js';
import { Arrivals, keptOf, type Waiting } from './arrivals.js';
import { Batch, BatchCosts } from './batch.js';
import type { DriftWatch } from './drift-watch.js';
import { type JobPlan, JobPlanner } from './job-planner.js';
import type { Keeper } from './keeper.js';
import { Paces } from './paces.js';
import { type Reported, type Reporter, together } from './report.js';
import { route } from './router.js';
import { Settler } from './settler.js';
import { StreamStates } from './stream-states.js';

export interface ScheduleParts extends Surroundings {
  readonly pipelines: readonly PipelineSpec[];
  readonly engines: Engines;
  readonly store: Store;
  readonly reporter: Reporter;
  /** Keeps the distributions of what comes and of what is said of it. */
  readonly drift?: Pick<DriftWatch, 'saw'>;
  /** Makes copies of captures; absent where none are wanted. */
  readonly keeper?: Pick<Keeper, 'before' | 'after' | 'letGo'>;
  /** By input. */
  readonly waiting: (input: string) => WaitingRules;
  readonly pressure: () => Pressure;
}

/** A capture on its way through an engine. */
interface Look {
  readonly waiting: Waiting;
  readonly plan: JobPlan;
  readonly queueMs: number;
  readonly reports: Reported[];
  /** It is settled, given back or run again otherwise. */
  elsewhere: boolean;
}

export class Schedule {
  readonly #parts: ScheduleParts;
  readonly #queue = new FairQueue<Waiting>();
  readonly #planner: JobPlanner;
  readonly #paces: Paces;
  readonly #states: StreamStates;
  readonly #costs = new BatchCosts();
  readonly #arrivals: Arrivals;
  readonly #settler: Settler;
  /** Who waits for room, by input. */
  readonly #space = new Map<string, (() => void)[]>();
  readonly #settling = new Set<Promise<void>>();
  #unwatch: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #stop = new AbortController();
  #pumping = false;

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
    this.#planner = new JobPlanner(parts.pipelines, parts.pressure, parts);
    this.#paces = new Paces(parts.pipelines);
    this.#states = new StreamStates(parts.pipelines);
    this.#arrivals = new Arrivals(parts.clock, parts.reporter, this.#paces);
    this.#settler = new Settler(parts.store, parts, parts.keeper);
  }

  start(): void {
    this.#unwatch = this.#parts.engines.watch(() => void this.#pump());
  }

  /** Returns what waits to its inputs; what runs is settled or returned by the time the engines have stopped. */
  stop(): void {
    this.#stop.abort();
    this.#settler.stop();
    this.#unwatch?.();
    clearTimeout(this.#timer);
    for (const waiting of this.#queue.drain()) this.#giveBack(waiting);
    for (const input of this.#space.keys()) this.#wake(input);
  }

  /** Resolves when nothing is on its way to the store any more. */
  async drained(): Promise<void> {
    while (this.#settling.size > 0) await Promise.all(this.#settling);
  }

  readonly offer: Offer = async (capture, receipt) => {
    const { header } = capture;
    const routed = route(header, this.#parts.pipelines);
    if ('unrouted' in routed)
      return this.#soon(this.#settler.settle(capture, receipt, keptOf(capture, this.#parts.reporter.unrouted(header, routed.unrouted))));
    const rules = this.#parts.waiting(header.input);
    const waiting = this.#arrivals.arrival(capture, receipt, routed, rules);
    const exhausted = capture.claim?.exhausted;
    if (typeof exhausted === 'string') return this.#quarantine(waiting, exhausted);
    if (waiting.pipelines.length === 0) return this.#soon(this.#settle(waiting, []));
    if (!(await this.#room(header.input, rules))) return this.#soon(this.#settle(waiting, [this.#arrivals.dropped(waiting, 'queue_full')]));
    if (this.#stopping) return this.#giveBack(waiting);
    this.#queue.push(waiting);
    void this.#pump();
  };

  /** Whether there is, or has been made, room for one more. Waits for it where the input blocks. */
  async #room(input: string, { whenFull, maxWaiting }: WaitingRules): Promise<boolean> {
    while (this.#queue.waiting(input) >= maxWaiting && !this.#stopping) {
      if (whenFull === 'drop_newest') return false;
      if (whenFull === 'keep_latest') {
        const oldest = this.#queue.takeOldest(input);
        if (oldest !== undefined) await this.#soon(this.#settle(oldest, [this.#arrivals.dropped(oldest, 'overtaken')]));
      } else {
        await new Promise<void>((wake) => {
          this.#space.set(input, [...(this.#space.get(input) ?? []), wake]);
        });
      }
    }
    return true;
  }

  /** Hands out as long as engines take; one at a time, since marking a solo run waits for the disk. */
  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    // Where the store is away, what engines said waits for it: nothing more is handed out than there is room for.
    const mayGoOn = () => !this.#stopping && this.#settling.size <= limits.settlingMax;
    for (let next = this.#next(); next !== undefined && mayGoOn(); next = this.#next()) {
      // A suspect whose turn it is waits for an empty engine; letting others pass would starve it.
      if (!this.#parts.engines.free(next.solo)) break;
      const waiting = next;
      this.#take(waiting);
      const marked = waiting.solo ? await this.#marked(() => waiting.capture.claim?.markSolo(), waiting) : true;
      if (marked) this.#track(this.#run(this.#withMore(waiting)));
      else this.#nextOfStream(waiting);
    }
    this.#pumping = false;
  }

  #take(waiting: Waiting): void {
    this.#queue.take(waiting);
    this.#wake(waiting.input, 1);
    if (!waiting.paced) this.#paces.take(waiting.pipelines, this.#parts.clock.monoMs());
    waiting.paced = true;
    this.#states.begin(waiting.capture.header);
  }

  /** With what comes next, as long as all of it is small: one crossing for many windows of sensors. */
  #withMore(first: Waiting): Waiting[] {
    const batch = new Batch(this.#costs);
    while (true) {
      const next = batch.size === 0 ? first : this.#next(true);
      if (next === undefined || !batch.add(next)) return batch.size === 0 ? [first] : batch.all;
      if (next !== first) this.#take(next);
    }
  }

  /** Whose turn it is; where rates, or the hope for company, hold everything back, looks again when the first of them lets go. `along`: as company. */
  #next(along = false): Waiting | undefined {
    clearTimeout(this.#timer);
    const nowMs = this.#parts.clock.monoMs();
    let waitMs = Number.POSITIVE_INFINITY;
    const next = this.#queue.next(nowMs, (waiting) => {
      const { paced, pipelines, capture } = waiting;
      if (!this.#states.mayGo(capture.header)) return false;
      const paceMs = paced ? 0 : this.#paces.waitMs(pipelines, nowMs);
      const forMs = along ? paceMs : Math.max(paceMs, this.#costs.lingerMs(waiting, this.#queue.waiting(waiting.input), nowMs));
      if (forMs > 0) waitMs = Math.min(waitMs, forMs);
      return forMs === 0;
    });
    if (next === undefined && Number.isFinite(waitMs)) this.#timer = setTimeout(() => void this.#pump(), Math.ceil(waitMs));
    return next;
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

  async #run(batch: readonly Waiting[]): Promise<void> {
    const looks = batch.map((waiting) => this.#plan(waiting));
    try {
      await this.#ask(looks.filter(({ plan }) => plan.asked.length > 0));
    } finally {
      for (const waiting of batch) this.#nextOfStream(waiting);
    }
    // Each by itself: one whose result the store does not take must not hold the others.
    await Promise.all(looks.map((look) => this.#told(look)));
  }

  /** The next window of its stream may go. */
  #nextOfStream({ capture }: Waiting): void {
    if (this.#states.end(capture.header)) void this.#pump();
  }

  #plan(waiting: Waiting): Look {
    const queueMs = this.#parts.clock.monoMs() - waiting.since;
    const plan = this.#planner.plan(waiting.pipelines, waiting.ages ? queueMs : 0);
    const { capture, attempt } = waiting;
    const reports = plan.notAsked.map(({ spec, ...verdict }) => {
      const cause = verdict.outcome === 'dropped' ? { cause: 'degraded' as const } : {};
      const said = this.#parts.reporter.unanswered(capture.header, [spec], { ...verdict, ...cause }, { queueMs, attempt });
      return verdict.outcome === 'dropped' ? keptOf(capture, said) : said;
    });
    return { waiting, plan, queueMs, reports, elsewhere: false };
  }

  async #told({ waiting, reports, elsewhere }: Look): Promise<void> {
    if (elsewhere) return;
    try {
      await this.#settle(waiting, reports);
    } catch (error) {
      // A result the store will never take must not hold its capture for ever; that it failed can still be said.
      await this.#fail(waiting, `its result could not be stored: ${reasonOf(error)}`);
    }
  }

  /** Adds to each look what an engine said, or marks it as taken care of otherwise. */
  async #ask(looks: readonly Look[]): Promise<void> {
    if (looks.length === 0) return;
    const { engines, reporter } = this.#parts;
    try {
      const answers = await engines.runBatch(
        looks.map((look) => jobOf(look, this.#states.before(look.waiting.capture.header, specsOf(look)))),
      );
      for (const [index, answer] of answers.entries()) {
        const look = looks[index];
        if (look === undefined) continue;
        const { waiting, plan, queueMs } = look;
        this.#states.answered(waiting.capture.header, specsOf(look), answer);
        this.#queue.charge(waiting.input, answer.totalMs);
        this.#costs.learn(waiting.input, answer.totalMs);
        this.#planner.answered(plan.asked, answer);
        const live = waiting.capture.claim === undefined ? { liveMs: this.#parts.clock.monoMs() } : {};
        const attempt = { queueMs: queueMs + answer.waitedMs, attempt: waiting.attempt, ...live };
        const reported = reporter.answered(waiting.capture.header, plan.asked, answer, attempt);
        this.#parts.drift?.saw(waiting.capture.header, plan.asked, answer, reported);
        look.reports.push(reported);
      }
    } catch (error) {
      for (const look of looks) await this.#unanswered(look, error);
    }
  }

  async #unanswered(look: Look, error: unknown): Promise<void> {
    const { waiting, queueMs, reports } = look;
    this.#states.lost(waiting.capture.header, specsOf(look), `the window before it was lost: ${reasonOf(error)}`);
    look.elsewhere = error instanceof EngineLoss || (error instanceof ShoalError && error.code === 'ENGINE_UNAVAILABLE');
    if (error instanceof EngineLoss) await this.#lost(waiting, error);
    else if (look.elsewhere) this.#giveBack(waiting);
    else {
      const attempt = { queueMs, attempt: waiting.attempt };
      reports.push(
        this.#parts.reporter.unanswered(waiting.capture.header, specsOf(look), { outcome: 'failed', reason: reasonOf(error) }, attempt),
      );
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
    this.#queue.putBack(waiting);
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
    const attempt = { queueMs: clock.monoMs() - waiting.since, attempt: waiting.attempt };
    const failed = reporter.unanswered(waiting.capture.header, waiting.pipelines, { outcome: 'failed', reason }, attempt);
    await this.#settle(waiting, [failed], quarantine);
  }

  #settle({ capture, receipt, said }: Waiting, reports: readonly Reported[], quarantine?: Settled['quarantine']): Promise<void> {
    return this.#settler.settle(capture, receipt, together([...said, ...reports]), quarantine);
  }

  get #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  #giveBack(waiting: Waiting): void {
    waiting.receipt.settle({ kind: 'returned', reason: 'it was not worked on' });
  }

  /** Lets so many of those who wait for room of an input look again; all of them, without a number. */
  #wake(input: string, count = Number.POSITIVE_INFINITY): void {
    for (const wake of this.#space.get(input)?.splice(0, count) ?? []) wake();
  }

  /** Settles without holding up the next capture, so that many share a commit; where the store is slow or away, it is waited for. */
  async #soon(settling: Promise<void>): Promise<void> {
    this.#track(settling);
    if (this.#settling.size > limits.settlingMax) await settling.catch(() => {});
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((error: unknown) =>
        this.#parts.log.error({ err: reasonOf(error) }, 'a capture was left unsettled; it is taken up at the next start'),
      )
      .finally(() => {
        this.#settling.delete(tracked);
        if (this.#settling.size === limits.settlingMax) void this.#pump();
      });
    this.#settling.add(tracked);
  }
}

function specsOf({ plan }: Look): readonly PipelineSpec[] {
  return plan.asked.map(({ spec }) => spec);
}

function jobOf({ waiting, plan: { asked }, queueMs }: Look, states: EngineJob['states']): EngineJob {
  const { capture, solo, ages } = waiting;
  const levels = Object.fromEntries(
    asked.flatMap(({ spec, measuredFor, level }) => (measuredFor === spec.name && level > 0 ? [[spec.name, level]] : [])),
  );
  return {
    header: capture.header,
    content: capture.content,
    pipelines: asked.map(({ spec }) => spec.name),
    levels,
    ...(states === undefined ? {} : { states }),
    ...(ages ? { spentMs: queueMs } : {}),
    solo,
    hangMs: Math.max(...asked.map(({ spec }) => spec.hangMs)),
  };
}
