/**
 * One engine process, seen from the core: from fork to death.
 *
 * Guarantees: every run settles exactly once; a process that babbles, hangs beyond a job's `hangMs` or is
 * not ready in time is killed with SIGKILL, never asked; replies that were in the channel when it died still count.
 * Never holds more than `limits.jobsPerEngine` runs, of one job or a batch of small ones, nor any while the channel is congested. Deliberately does not
 * restart anything: that is the pool's.
 *
 *   starting --ready--> ready --retire--> (drains) --stop--> gone
 */

import type { ChildProcess } from 'node:child_process';
import type { Log } from '../core/contracts.js';
import { EngineLoss, reasonOf, ShoalError } from '../core/errors.js';
import type { EngineAnswer, EngineJob } from '../core/job.js';
import { limits } from '../core/limits.js';
import { StderrTail } from '../core/stderr-tail.js';
import { type EngineConfig, type FromEngine, readReply, type ToEngine } from './protocol.js';
import { spawnEngine } from './spawn.js';

/** `start` is a death before ready; `stop` was asked for. */
export type Cause = 'crash' | 'hang' | 'protocol' | 'memory' | 'start' | 'stop';

export interface Gone {
  readonly cause: Cause;
  /** For a person. */
  readonly reason: string;
  /** Jobs that were in it. */
  readonly jobs: number;
}

export interface HostEvents {
  ready(reply: Extract<FromEngine, { type: 'ready' }>): void;
  /** Of one run, or a part of one. */
  answered(answers: readonly EngineAnswer[], rssBytes: number): void;
  /** There may be room for a job. */
  free(): void;
  gone(gone: Gone): void;
}

export interface HostOptions {
  /** Absolute path of the engine's module. */
  readonly entry: string;
  readonly config: EngineConfig;
  readonly log: Log;
  readonly readyMs?: number;
}

/** A run, and what of it is answered. */
interface Held {
  readonly seq: number;
  readonly jobs: readonly EngineJob[];
  readonly answers: EngineAnswer[];
  resolve(answers: readonly EngineAnswer[]): void;
  reject(error: ShoalError): void;
}

export class EngineHost {
  readonly #options: HostOptions;
  readonly #events: HostEvents;
  readonly #stderr: StderrTail;
  /** In the order given; the first one runs. */
  readonly #runs: Held[] = [];
  #child: ChildProcess | null = null;
  #state: 'new' | 'starting' | 'ready' | 'gone' = 'new';
  #retired = false;
  #stopping = false;
  #congested = false;
  #verdict: { readonly cause: Cause; readonly reason: string } | null = null;
  #clock: NodeJS.Timeout | undefined;
  #seq = 0;
  #ended: Promise<void> = Promise.resolve();
  #end: () => void = () => {};

  constructor(options: HostOptions, events: HostEvents) {
    this.#options = options;
    this.#events = events;
    this.#stderr = new StderrTail(options.log);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get ready(): boolean {
    return this.#state === 'ready';
  }

  get jobs(): number {
    return this.#runs.length;
  }

  /** Resolves when the process is gone. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Whether `run` would take a job now. */
  accepts(solo: boolean): boolean {
    if (this.#state !== 'ready' || this.#retired || this.#stopping || this.#congested || this.#verdict !== null) return false;
    return this.#runs.length < (solo ? 1 : limits.jobsPerEngine) && !this.#runs.some(({ jobs }) => jobs.some((job) => job.solo));
  }

  start(): void {
    this.#state = 'starting';
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const readyMs = this.#options.readyMs ?? limits.engineReadyMs;
    this.#clock = setTimeout(() => this.kill('start', `it was not ready within ${readyMs} ms`), readyMs);
    spawnEngine(this.#options.entry, this.#options.log).then(
      (child) => this.#attach(child),
      (error: unknown) => this.#fail(`it cannot be started: ${reasonOf(error)}`),
    );
  }

  /** Of a single job. Rejects as `runBatch`. */
  async run(job: EngineJob): Promise<EngineAnswer> {
    const [answer] = await this.runBatch([job]);
    if (answer === undefined) throw new ShoalError('SHOAL_INTERNAL', 'a run of one job had no answer');
    return answer;
  }

  /** An answer a job, in their order. Rejects with an EngineLoss, or with ENGINE_UNAVAILABLE when it was stopped or does not accept. */
  runBatch(jobs: readonly EngineJob[]): Promise<readonly EngineAnswer[]> {
    if (!this.accepts(jobs.some(({ solo }) => solo)))
      return Promise.reject(new ShoalError('ENGINE_UNAVAILABLE', 'this engine takes no job now'));
    return new Promise((resolve, reject) => {
      const seq = this.#seq++;
      this.#runs.push({ seq, jobs, answers: [], resolve, reject });
      if (this.#runs.length === 1) this.#startClock();
      this.#send({ type: 'run', seq, jobs });
    });
  }

  /** Takes no more jobs. */
  retire(): void {
    this.#retired = true;
  }

  /** Lets the running job end for `graceMs`, then kills. A prefetched job rejects with ENGINE_UNAVAILABLE. Safe at any time. */
  async stop(graceMs: number): Promise<void> {
    if (this.#state === 'new' || this.#state === 'gone') return;
    this.#stopping = true;
    if (this.#state === 'starting') this.kill('stop', 'the daemon stopped during its start');
    else this.#send({ type: 'stop' });
    const timer = setTimeout(() => this.kill('stop', `it was still busy ${graceMs} ms after it was asked to stop`), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /** The first reason given stays. */
  kill(cause: Cause, reason: string): void {
    this.#verdict ??= { cause, reason };
    this.#child?.kill('SIGKILL');
  }

  #attach(child: ChildProcess): void {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => this.#stderr.push(chunk));
    child.on('message', (message) => this.#receive(message));
    child.on('error', (error) => {
      if (child.pid === undefined) this.#fail(`it cannot be started: ${reasonOf(error)}`);
    });
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`));
    });
    const drained = new Promise<void>((resolve) => child.once('disconnect', resolve));
    exited
      .then(async (how) => {
        // The channel may still hold answers when the exit is reported; the kernel closes it right after.
        await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
        this.#gone(how);
      })
      .catch((error: unknown) =>
        this.#options.log.error({ error: reasonOf(error) }, 'the end of an engine was not handled: please report this'),
      );
    if (this.#verdict !== null) child.kill('SIGKILL');
    else this.#send({ type: 'configure', config: this.#options.config });
  }

  #send(message: ToEngine): void {
    const child = this.#child;
    if (child === null || !child.connected) return;
    const sent = (error: Error | null): void => {
      if (error !== null) this.kill('crash', `nothing can be sent to it: ${reasonOf(error)}`);
      else if (this.#congested) {
        this.#congested = false;
        this.#events.free();
      }
    };
    try {
      this.#congested = !child.send(message, sent);
    } catch (error) {
      this.kill('crash', `a ${message.type} message cannot be sent to it: ${reasonOf(error)}`);
    }
  }

  #receive(message: unknown): void {
    // A killed engine's last answers count; what follows its own nonsense does not.
    if (this.#state === 'gone' || this.#verdict?.cause === 'protocol') return;
    try {
      this.#handle(readReply(message));
    } catch (error) {
      this.kill('protocol', reasonOf(error));
    }
  }

  #handle(reply: FromEngine): void {
    if (reply.type === 'ready') this.#becomeReady(reply);
    else if (reply.type === 'started') {
      this.#head(reply.seq, 'started');
      this.#startClock();
    } else if (reply.type === 'answer') this.#answer(reply);
    else this.kill(this.#state === 'starting' ? 'start' : 'crash', `${reply.error.code}: ${reply.error.message}`);
  }

  #becomeReady(reply: Extract<FromEngine, { type: 'ready' }>): void {
    if (this.#state !== 'starting') throw new ShoalError('ENGINE_PROTOCOL', 'it said twice that it is ready');
    clearTimeout(this.#clock);
    this.#state = 'ready';
    this.#events.ready(reply);
    this.#events.free();
  }

  #answer(reply: Extract<FromEngine, { type: 'answer' }>): void {
    const held = this.#head(reply.seq, 'answered');
    const { answers, rssBytes } = reply;
    for (const answer of answers) {
      if (!isAbout(answer, held.jobs[held.answers.length])) {
        throw new ShoalError('ENGINE_PROTOCOL', 'its answer is not about the pipelines of the job');
      }
      held.answers.push(answer);
    }
    const complete = held.answers.length === held.jobs.length;
    if (complete) this.#runs.shift();
    this.#startClock();
    if (complete) held.resolve(held.answers);
    this.#events.answered(answers, rssBytes);
    if (complete) this.#events.free();
  }

  #head(seq: number, verb: string): Held {
    const head = this.#runs[0];
    if (head?.seq === seq) return head;
    throw new ShoalError('ENGINE_PROTOCOL', `it ${verb} job ${seq}, which is not the one it has to run`);
  }

  /** The hang clock of the first job: from its turn, and again from the moment the engine says that it started. */
  #startClock(): void {
    clearTimeout(this.#clock);
    const head = this.#runs[0];
    const job = head?.jobs[head.answers.length];
    if (head === undefined || job === undefined) return;
    const hangMs = Math.max(...head.jobs.map((each) => each.hangMs));
    const fire = (): void => {
      // If it was this process that stood still, the answer is in the channel: read before judging.
      this.#clock = setTimeout(() => {
        if (this.#runs[0] === head) this.kill('hang', `"${job.header.name}" ran longer than hang_ms (${hangMs})`);
      }, 10);
    };
    this.#clock = setTimeout(fire, hangMs);
  }

  #fail(reason: string): void {
    this.#verdict ??= { cause: 'start', reason };
    this.#gone(reason);
  }

  #gone(how: string): void {
    if (this.#state === 'gone') return;
    const cause = this.#verdict?.cause ?? (this.#stopping ? 'stop' : this.#state === 'starting' ? 'start' : 'crash');
    const said = this.#stderr.text();
    const reason = `${this.#verdict?.reason ?? how}${said === '' ? '' : `; it said: ${said}`}`;
    this.#state = 'gone';
    clearTimeout(this.#clock);
    const lost = this.#runs.splice(0);
    const jobs = lost.reduce((sum, held) => sum + held.jobs.length, 0);
    for (const [index, held] of lost.entries()) held.reject(lossOf(cause, reason, index, jobs));
    this.#end();
    this.#events.gone({ cause, reason, jobs });
  }
}

function isAbout({ pipelines }: EngineAnswer, job: EngineJob | undefined): boolean {
  return (
    job !== undefined && job.pipelines.length === pipelines.length && job.pipelines.every((name, i) => pipelines[i]?.pipeline === name)
  );
}

function lossOf(cause: Cause, reason: string, index: number, jobs: number): ShoalError {
  if (cause === 'stop') return new ShoalError('ENGINE_UNAVAILABLE', 'the engine was stopped before it came to this job');
  if (index > 0) return new EngineLoss('ENGINE_CRASHED', `the engine was lost while it ran another capture: ${reason}`, false);
  const code = cause === 'hang' ? 'ENGINE_HUNG' : cause === 'protocol' ? 'ENGINE_PROTOCOL' : 'ENGINE_CRASHED';
  const verb = cause === 'hang' || cause === 'protocol' || cause === 'memory' ? 'was killed' : 'died';
  return new EngineLoss(code, `the engine ${verb}: ${reason}`, jobs === 1);
}
