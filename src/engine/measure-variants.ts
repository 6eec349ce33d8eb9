/**
 * Measures variants of one model in this process: a task on one capture, over and over, the variants in turns.
 *
 * Guarantees: what is timed is what a pipeline pays for the stage (pre-processing, runs, post-processing), after the capture is decoded
 * anew; a variant that fails is left out and said, the others go on. CPU time is that of every thread of the process, so nothing else may
 * run in it.
 */
import { readFile } from 'node:fs/promises';
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { asVariant, type Model } from '../core/model.js';
import type { Task } from '../core/task.js';
import type { Measurement, MeasureRequest, VariantRuns } from './measure-protocol.js';
import { openFor } from './open-form.js';
import { selfTest } from './self-test.js';
import { Session } from './session.js';

interface Opened {
  readonly runs: { -readonly [Key in keyof VariantRuns]: VariantRuns[Key] };
  readonly model: Model;
  readonly session: Session | null;
}

export class VariantMeasure {
  readonly #request: MeasureRequest;
  readonly #task: Task;
  readonly #opened: Opened[] = [];
  #encoded: Uint8Array = new Uint8Array();
  #residentBytes = 0;

  constructor(request: MeasureRequest, task: Task) {
    this.#request = request;
    this.#task = task;
  }

  /**
   * Opens every variant and runs each twice, unmeasured: the first run of a session lays out its memory. Decoder and runtime are loaded
   * before, as in an engine, and so are no variant's.
   */
  async open(): Promise<void> {
    const { model, variants, capture } = this.#request;
    this.#encoded = await readFile(capture);
    await openFor(this.#task.reads, this.#encoded);
    await selfTest();
    this.#residentBytes = process.memoryUsage.rss();
    for (const name of variants) this.#opened.push(await this.#openVariant(model, name));
    for (const opened of this.#opened) {
      for (let run = 0; run < 2; run++) await this.#attempt(opened, false);
    }
  }

  async measure(): Promise<Measurement> {
    const began = performance.now();
    const endMs = this.#request.seconds * 1000;
    for (let round = 0; round < limits.tuneRunsMax; round++) {
      if (round >= limits.tuneRunsMin && performance.now() - began >= endMs) break;
      const order = round % 2 === 0 ? this.#opened : [...this.#opened].reverse();
      for (const opened of order) await this.#attempt(opened, true);
    }
    const elapsedMs = performance.now() - began;
    const memoryBytes = Math.max(0, process.resourceUsage().maxRSS * 1024 - this.#residentBytes);
    return { variants: this.#opened.map(({ runs }) => runs), elapsedMs, memoryBytes };
  }

  async #openVariant(model: Model, name: string): Promise<Opened> {
    const runs = { variant: name, loadMs: 0, cpuMs: [], wallMs: [], found: 0 };
    const variant = model.variants.find((each) => each.name === name);
    if (variant === undefined) return { runs: { ...runs, failure: 'there is no such variant' }, model, session: null };
    const began = performance.now();
    const own = asVariant(model, variant);
    try {
      this.#task.fit(own);
      const session = await Session.open(model, variant, this.#request);
      return { runs: { ...runs, loadMs: performance.now() - began }, model: own, session };
    } catch (error) {
      return { runs: { ...runs, failure: cut(reasonOf(error)) }, model: own, session: null };
    }
  }

  async #attempt({ runs, model, session }: Opened, measured: boolean): Promise<void> {
    if (session === null || runs.failure !== undefined) return;
    try {
      const decoded = await openFor(this.#task.reads, this.#encoded);
      const cpu = process.cpuUsage();
      const began = performance.now();
      const found = await this.#task.run({
        ...decoded,
        each: this.#request.each,
        model,
        options: this.#task.options.parse({}),
        infer: (feeds) => session.run(feeds),
        measure: async (_phase, work) => work(),
      });
      const wallMs = performance.now() - began;
      const { user, system } = process.cpuUsage(cpu);
      runs.found = found.length;
      if (!measured) return;
      runs.cpuMs.push((user + system) / 1000);
      runs.wallMs.push(wallMs);
    } catch (error) {
      runs.failure = cut(reasonOf(error));
    }
  }
}

function cut(reason: string): string {
  return reason.slice(0, limits.textCharsMax);
}
