/**
 * The engine's side of the channel: configure, then runs of jobs strictly one after the other, until told to stop or killed.
 *
 * Guarantees: says `started` before a job and waits until it is written, so that the core's hang clock runs even if the
 * job never gives the thread back; ends at once when the core is gone; leaves SIGINT and SIGTERM to the core, which
 * a terminal or systemd sends to every process of the group. The next capture is decoded while the present one runs.
 * Deliberately keeps nothing between jobs but open sessions and what models usually cost.
 */

import { reasonOf, ShoalError } from '../core/errors.js';
import type { EngineAnswer, EngineJob } from '../core/job.js';
import { limits } from '../core/limits.js';
import type { Task } from '../core/task.js';
import { Costs } from './costs.js';
import { planOf } from './plan.js';
import { type EngineConfig, type FromEngine, type ModelOpened, type ToEngine, weigh } from './protocol.js';
import { type JobTools, type PreparedJob, prepareJob, runJob } from './run-job.js';
import { selfTest } from './self-test.js';
import { Sessions } from './sessions.js';

/** Resolves when the message is in the channel: one at a time, so nothing queues here without bound. */
function send(message: FromEngine): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) reject(new ShoalError('USAGE', 'an engine is started by the daemon, not by hand'));
    else process.send(message, undefined, undefined, (error) => (error === null ? resolve() : reject(error)));
  });
}

interface Run {
  readonly seq: number;
  readonly jobs: readonly EngineJob[];
  readonly receivedMs: number;
  /** Of a run of one job. */
  readonly ahead?: Promise<PreparedJob>;
}

class EngineLoop {
  readonly #tasks: ReadonlyMap<string, Task>;
  /** Begun at once: it needs no configuration, and the core may not be as far yet. */
  readonly #tested = selfTest();
  readonly #queue: Run[] = [];
  #tools: JobTools | null = null;
  #busy = false;
  #running = false;
  #stopping = false;

  constructor(tasks: readonly Task[]) {
    this.#tasks = new Map(tasks.map((task) => [task.name, task]));
    this.#tested.catch(() => {});
  }

  async receive(message: ToEngine): Promise<void> {
    switch (message.type) {
      case 'configure':
        return this.#configure(message.config);
      case 'run':
        this.#queue.push({ ...message, receivedMs: performance.now(), ...this.#prepare(message.jobs) });
        if (this.#queue.length > limits.jobsPerEngine)
          throw new ShoalError('ENGINE_PROTOCOL', 'the core sent more runs than an engine holds');
        return this.#work();
      case 'stop':
        this.#stopping = true;
        if (!this.#busy) process.exit(0);
    }
  }

  async #configure(config: EngineConfig): Promise<void> {
    this.#busy = true;
    const runtimeMs = await this.#tested;
    if (config.pipelines.some((pipeline) => pipeline.reads.includes('image'))) await import('./image.js');
    const sessions = new Sessions(config);
    const models: ModelOpened[] = [];
    for (const warm of config.warm) models.push(await open(sessions, warm.model, warm.variant));
    // What cannot be compiled fails its pipeline when it is asked.
    await Promise.allSettled(config.pipelines.map(planOf));
    const pipelines = new Map(config.pipelines.map((pipeline) => [pipeline.name, pipeline]));
    this.#tools = {
      tasks: this.#tasks,
      sessions,
      pipelines,
      costs: new Costs(),
      ...(config.masks === undefined ? {} : { masks: config.masks }),
    };
    await send({ type: 'ready', models, runtimeMs });
    this.#busy = false;
    if (this.#stopping) process.exit(0);
    return this.#work();
  }

  /**
   * Begins to decode a job while another runs: decoders work in threads of their own. A large one is left for its turn, since two of them at
   * once may need more memory than an engine has.
   */
  #prepare([job, ...more]: readonly EngineJob[]): { ahead?: Promise<PreparedJob> } {
    if (!this.#running || this.#tools === null || job === undefined || more.length > 0 || job.header.bytes > limits.decodeAheadBytesMax)
      return {};
    const ahead = prepareJob(job, this.#tools);
    // What it fails with is told when its turn comes.
    ahead.catch(() => {});
    return { ahead };
  }

  async #work(): Promise<void> {
    if (this.#busy || this.#tools === null) return;
    this.#busy = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      await send({ type: 'started', seq: next.seq });
      this.#running = true;
      await this.#run(next, this.#tools);
      this.#running = false;
      // One turn of the event loop, so that a stop that came meanwhile is read before the next job.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#stopping) process.exit(0);
    }
    this.#busy = false;
  }

  async #run({ seq, jobs, receivedMs, ahead }: Run, tools: JobTools): Promise<void> {
    let answers: EngineAnswer[] = [];
    let bytes = 0;
    for (const [index, job] of jobs.entries()) {
      const answer = await runJob(job, tools, { waitedMs: performance.now() - receivedMs, ...(ahead === undefined ? {} : { ahead }) });
      answers.push(answer);
      if (jobs.length > 1) bytes += weigh(answer);
      if (index < jobs.length - 1 && bytes < limits.answerBytesMax / 4) continue;
      await send({ type: 'answer', seq, answers, rssBytes: process.memoryUsage.rss() });
      answers = [];
      bytes = 0;
    }
  }
}

async function open(sessions: Sessions, model: string, variant: string): Promise<ModelOpened> {
  const began = performance.now();
  const result = await sessions.get(model, variant).then(
    () => ({ ok: true }),
    (error: unknown) => ({ ok: false, reason: reasonOf(error).slice(0, limits.textCharsMax) }),
  );
  return { model, variant, ...result, loadMs: performance.now() - began };
}

/** Serves the core that forked this process. */
export function runEngine(tasks: readonly Task[]): void {
  const loop = new EngineLoop(tasks);
  const fatal = (error: unknown): void => {
    const code = error instanceof ShoalError ? error.code : 'SHOAL_INTERNAL';
    const leave = (): void => process.exit(1);
    send({ type: 'fatal', error: { code, message: reasonOf(error).slice(0, limits.textCharsMax) } }).then(leave, leave);
  };
  process.on('message', (message: ToEngine) => {
    loop.receive(message).catch(fatal);
  });
  process.on('disconnect', () => process.exit(0));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
}
