/**
 * One task with one model on sample after sample, in an engine of its own: what it observes, as it observes it.
 *
 * Guarantees: a sample that kills the engine, or that the task cannot read, is an error that names it.
 */
import { ShoalError } from '../../../core/errors.js';
import { captureId } from '../../../core/id.js';
import { limits } from '../../../core/limits.js';
import { type Model, modelRef } from '../../../core/model.js';
import type { PipelineSpec } from '../../../core/pipeline.js';
import type { Observation } from '../../../core/result.js';
import type { Task } from '../../../core/task.js';
import { type EngineOptions, engineOptions } from '../../../engine/options.js';
import { KeptEngine } from '../../../engine/run-once.js';
import { quietSurroundings } from '../../plan-runner.js';
import type { FileSample } from './read-samples.js';

const pipeline = 'learn';
const answer = 'answer';

export class TaskEngine {
  readonly #surroundings = quietSurroundings();
  readonly #engine: KeptEngine;

  /** `options` as written in a configuration. */
  constructor(
    task: Task,
    model: Model,
    variant: string,
    options: Readonly<Record<string, unknown>>,
    engine: EngineOptions = engineOptions.parse({}),
  ) {
    const spec: PipelineSpec = {
      name: pipeline,
      from: [],
      reads: [task.reads],
      stages: [
        { as: answer, task: task.name, model: modelRef(model), variant, options: task.options.parse(options) as Record<string, unknown> },
      ],
      budgetMs: null,
      hangMs: limits.hangMsMin,
      priority: 5,
      report: { trace: 'none' },
      sinks: [],
    };
    this.#engine = new KeptEngine({ options: engine, pipelines: [spec], models: [model], surroundings: this.#surroundings });
  }

  /** Throws what the task throws, with the name of the sample before it. */
  async run({ name, content, kind, mediaType, bytes }: FileSample): Promise<readonly Observation[]> {
    const wallMs = this.#surroundings.clock.wallMs();
    const header = {
      id: captureId(wallMs),
      input: 'learn',
      name,
      kind,
      mediaType,
      bytes,
      capturedAt: new Date(wallMs).toISOString(),
      clockSynced: true,
      boot: 1,
      seq: 1,
    };
    const job = { header, content, pipelines: [pipeline], solo: true, hangMs: limits.hangMsMin };
    const [found] = (await this.#engine.run(job)).pipelines;
    if (found?.state === 'done') return found.observations[answer] ?? [];
    throw new ShoalError('LEARN_REFUSED', `${name} cannot be learned from: ${found?.error?.message ?? 'the engine gave no answer'}`);
  }

  stop(): Promise<void> {
    return this.#engine.stop();
  }
}
