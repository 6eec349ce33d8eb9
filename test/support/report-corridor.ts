import type { CaptureHeader } from '../../src/core/capture.js';
import type { Explanation } from '../../src/core/contracts.js';
import type { PipelineAnswer } from '../../src/core/job.js';
import type { PipelineSpec } from '../../src/core/pipeline.js';
import type { Zones } from '../../src/core/zone.js';
import { type Reported, Reporter } from '../../src/flow/report.js';
import { States, watchesOf } from '../../src/flow/states.js';
import { compileWorthTelling } from '../../src/flow/worth-telling.js';
import { storeOptions } from '../../src/store/options.js';
import { SqliteStore } from '../../src/store/store.js';
import { ManualClock } from './settled.js';
import { testSurroundings } from './surroundings.js';
import { doors, everyMs, walkHeader } from './walk.js';

/** A daemon's part from the reporter to the store, started again and again on one file. */
export class Corridor {
  readonly clock = new ManualClock();
  readonly #path: string;
  #store: SqliteStore | null = null;
  #states: States | null = null;
  #reporter: Reporter | null = null;
  #seen = 0;
  readonly troubles: string[] = [];
  boot = 0;

  constructor(path: string) {
    this.#path = path;
    this.clock.mono = 5000;
  }

  get store(): SqliteStore {
    if (this.#store === null) throw new Error('it is not started');
    return this.#store;
  }

  async restart(pipelines: readonly PipelineSpec[] = [doors], zones: Readonly<Record<string, Zones>> = {}): Promise<void> {
    await this.stop();
    const around = testSurroundings(this.clock);
    this.#store = new SqliteStore(this.#path, storeOptions.parse({ commit_interval_ms: 1 }), around, () => {});
    this.boot = (await this.#store.start(['lan'])).boot;
    this.#states = new States(watchesOf(pipelines, 'dock-7', 'abc'), this.#store, around);
    await this.#states.start();
    const worthTelling = await compileWorthTelling(pipelines, (...words) => this.troubles.push(words.join(' ')), zones);
    this.#reporter = new Reporter({ device: 'dock-7', configHash: 'abc', worthTelling });
  }

  async stop(): Promise<void> {
    this.#states?.stop();
    await this.#store?.stop();
  }

  async take(header: CaptureHeader, report: (reporter: Reporter) => Reported): Promise<Reported> {
    if (this.#reporter === null) throw new Error('it is not started');
    const reported = report(this.#reporter);
    await this.store.commit({ captureId: header.id, input: header.input, replayable: false, results: reported.results });
    return reported;
  }

  /** The daemon's next capture, in which a pipeline finds this; answers its stored result. */
  async find(pipeline: PipelineSpec, found: PipelineAnswer['observations'], change: Partial<PipelineAnswer> = {}): Promise<Explanation> {
    const header = walkHeader(this.#seen++, this.boot, this.clock.mono);
    const answer = { pipelines: [{ pipeline: pipeline.name, state: 'done', observations: found, stages: [], ...change }] as const };
    const { results } = await this.take(header, (reporter) =>
      reporter.answered(header, [{ spec: pipeline }], { ...answer, decodeMs: 1, waitedMs: 0, totalMs: 2 }, { queueMs: 1, attempt: 1 }),
    );
    this.clock.advance(everyMs);
    const stored = await this.store.explain(results[0]?.record.id ?? '');
    if (stored === null) throw new Error('it was not stored');
    return stored;
  }

  state(): { state: string; event?: { id: string }; events?: { id: string }[] } {
    const [message] = this.#states?.all() ?? [];
    return JSON.parse(Buffer.from(message?.payload ?? []).toString());
  }
}
