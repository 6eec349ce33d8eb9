/**
 * The way of captures whose turn it is: through an engine, and what was said of them into the store.
 *
 * Guarantees: each capture of a batch goes its way by itself once the engine has answered: what befalls one (a result that cannot be told, a store
 * that does not take it) holds no other. One whose engine died runs alone next time, and is quarantined after `limits.soloCrashesMax` solo crashes
 * (law 5); a live one is lost with its engine, and said to be. Deliberately knows no turns: when a capture goes is the schedule's.
 */
import type { Engines, Surroundings } from '../core/contracts.js';
import { EngineLoss, reasonOf, ShoalError } from '../core/errors.js';
import type { EngineAnswer, EngineJob } from '../core/job.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec } from '../core/pipeline.js';
import type { Pressure } from '../core/pressure.js';
import type { Settled } from '../core/settled.js';
import { keptOf, type Waiting } from './arrivals.js';
import type { DriftWatch } from './drift-watch.js';
import { type JobPlan, JobPlanner } from './job-planner.js';
import { type Reported, type Reporter, together } from './report.js';
import type { Settler } from './settler.js';
import type { StreamStates } from './stream-states.js';

export interface PassageParts extends Surroundings {
  readonly pipelines: readonly PipelineSpec[];
  readonly engines: Engines;
  readonly reporter: Reporter;
  /** Keeps the distributions of what comes and of what is said of it. */
  readonly drift?: Pick<DriftWatch, 'saw'>;
  readonly pressure: () => Pressure;
}

/** What whoever gives the turns is told. */
export interface Turns {
  /** An engine spent so much on a capture of this input. */
  spent(input: string, ms: number): void;
  /** No engine has it any more, whatever became of it. */
  done(waiting: Waiting): void;
  /** Its engine died: it is to run again, alone. */
  again(waiting: Waiting): void;
  /** It was not worked on, and goes back to its input. */
  giveBack(waiting: Waiting): void;
}

/** A capture on its way through an engine. */
interface Look {
  readonly waiting: Waiting;
  readonly plan: JobPlan;
  readonly queueMs: number;
  readonly reports: Reported[];
}

export class Passage {
  readonly #parts: PassageParts;
  readonly #planner: JobPlanner;
  readonly #states: StreamStates;
  readonly #settler: Settler;
  readonly #turns: Turns;

  constructor(parts: PassageParts, states: StreamStates, settler: Settler, turns: Turns) {
    this.#parts = parts;
    this.#planner = new JobPlanner(parts.pipelines, parts.pressure, parts);
    this.#states = states;
    this.#settler = settler;
    this.#turns = turns;
  }

  /** In one crossing; resolves for each when it is settled, given back or waits for another turn. */
  run(batch: readonly Waiting[]): readonly Promise<void>[] {
    const looks = batch.map((waiting) => this.#plan(waiting));
    const asked = looks.filter(({ plan }) => plan.asked.length > 0);
    const jobs = asked.map((look) => jobOf(look, this.#states.before(look.waiting.capture.header, specsOf(look))));
    const answers = jobs.length === 0 ? Promise.resolve([]) : this.#parts.engines.runBatch(jobs);
    // Told to each of those that were asked.
    answers.catch(() => {});
    return looks.map((look) => {
      const at = asked.indexOf(look);
      return this.#pass(look, at < 0 ? null : answers.then((all) => all[at]));
    });
  }

  /** Whether the durable mark was made; without it the capture must not run, and goes back to its input. */
  async marked(mark: () => Promise<unknown> | undefined, waiting: Waiting): Promise<boolean> {
    try {
      await mark();
      return true;
    } catch (error) {
      const { input, name } = waiting.capture.header;
      this.#parts.log.warn(
        { input, capture: name, err: reasonOf(error) },
        'an attempt could not be marked on disk, so the capture goes back to its input',
      );
      this.#turns.giveBack(waiting);
      return false;
    }
  }

  async quarantine(waiting: Waiting, reason: string): Promise<void> {
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
    await this.settle(waiting, [failed], quarantine);
  }

  settle({ capture, receipt, said }: Waiting, reports: readonly Reported[], quarantine?: Settled['quarantine']): Promise<void> {
    return this.#settler.settle(capture, receipt, together([...said, ...reports]), quarantine);
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
    return { waiting, plan, queueMs, reports };
  }

  async #pass(look: Look, answer: Promise<EngineAnswer | undefined> | null): Promise<void> {
    const { waiting, reports } = look;
    try {
      if (answer !== null && !(await this.#heard(look, answer))) return;
    } finally {
      this.#turns.done(waiting);
    }
    try {
      await this.settle(waiting, reports);
    } catch (error) {
      // A result the store will never take must not hold its capture for ever; that it failed can still be said.
      await this.#fail(waiting, `its result could not be stored: ${reasonOf(error)}`);
    }
  }

  /** Adds to a look what an engine said of it; false where it is taken care of otherwise. */
  async #heard(look: Look, answer: Promise<EngineAnswer | undefined>): Promise<boolean> {
    try {
      const said = await answer;
      if (said === undefined) throw new ShoalError('SHOAL_INTERNAL', 'a capture of a batch has no answer');
      look.reports.push(this.#answered(look, said));
      return true;
    } catch (error) {
      return this.#unanswered(look, error);
    }
  }

  #answered(look: Look, answer: EngineAnswer): Reported {
    const { waiting, plan, queueMs } = look;
    const { header, claim } = waiting.capture;
    this.#states.answered(header, specsOf(look), answer);
    this.#turns.spent(waiting.input, answer.totalMs);
    this.#planner.answered(plan.asked, answer);
    const live = claim === undefined ? { liveMs: this.#parts.clock.monoMs() } : {};
    const attempt = { queueMs: queueMs + answer.waitedMs, attempt: waiting.attempt, ...live };
    const reported = this.#parts.reporter.answered(header, plan.asked, answer, attempt);
    this.#parts.drift?.saw(header, plan.asked, answer, reported);
    return reported;
  }

  async #unanswered(look: Look, error: unknown): Promise<boolean> {
    const { waiting, queueMs, reports } = look;
    const { header } = waiting.capture;
    this.#states.lost(header, specsOf(look), `the window before it was lost: ${reasonOf(error)}`);
    if (error instanceof EngineLoss) {
      await this.#lost(waiting, error);
      return false;
    }
    if (error instanceof ShoalError && error.code === 'ENGINE_UNAVAILABLE') {
      this.#turns.giveBack(waiting);
      return false;
    }
    const attempt = { queueMs, attempt: waiting.attempt };
    reports.push(this.#parts.reporter.unanswered(header, specsOf(look), { outcome: 'failed', reason: reasonOf(error) }, attempt));
    return true;
  }

  async #lost(waiting: Waiting, loss: EngineLoss): Promise<void> {
    const { claim } = waiting.capture;
    if (claim === undefined) return this.#fail(waiting, loss.message);
    let crashes = 0;
    const counted = await this.marked(async () => {
      if (loss.alone) crashes = await claim.markCrash();
    }, waiting);
    if (!counted) return;
    if (crashes >= limits.soloCrashesMax) return this.quarantine(waiting, `${loss.message}, ${crashes} times, running alone`);
    this.#turns.again(waiting);
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
