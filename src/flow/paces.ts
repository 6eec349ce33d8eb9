/**
 * The rates that pipelines may not exceed (`max_rate_hz`), each counted over all its inputs.
 */
import type { PipelineSpec } from '../core/pipeline.js';
import { Rate } from '../core/rate.js';

export class Paces {
  readonly #rates: ReadonlyMap<string, Rate>;

  constructor(pipelines: readonly PipelineSpec[]) {
    this.#rates = new Map(pipelines.flatMap(({ name, maxRateHz }) => (maxRateHz === undefined ? [] : [[name, new Rate(maxRateHz)]])));
  }

  /** Milliseconds until all of them take one more. */
  waitMs(pipelines: readonly PipelineSpec[], nowMs: number): number {
    return Math.max(0, ...pipelines.map(({ name }) => this.#rates.get(name)?.waitMs(nowMs) ?? 0));
  }

  take(pipelines: readonly PipelineSpec[], nowMs: number): void {
    for (const { name } of pipelines) this.#rates.get(name)?.take(nowMs);
  }

  /** What they took is not looked at after all. */
  giveBack(pipelines: readonly PipelineSpec[]): void {
    for (const { name } of pipelines) this.#rates.get(name)?.giveBack();
  }

  /** Those that take one now, and it is counted; and those for which it comes too soon. */
  sift(
    pipelines: readonly PipelineSpec[],
    nowMs: number,
  ): { readonly taken: readonly PipelineSpec[]; readonly beyond: readonly PipelineSpec[] } {
    const beyond = pipelines.filter((pipeline) => this.waitMs([pipeline], nowMs) > 0);
    const taken = pipelines.filter((pipeline) => !beyond.includes(pipeline));
    this.take(taken, nowMs);
    return { taken, beyond };
  }
}
