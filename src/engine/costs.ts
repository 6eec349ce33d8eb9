/**
 * What models usually cost in this engine: a mean over recent runs, for a trace to say what another choice would have cost.
 *
 * Deliberately forgotten with the process: what decides on a board is measured by tuning.
 */
import type { ModelChoice } from '../core/pipeline.js';

/** Weight of the newest run: a mean over about the last ten. */
const newest = 0.1;

export class Costs {
  /** Milliseconds an input, by model and variant: as many as the engine was given. */
  readonly #perInput = new Map<string, number>();

  ran({ model, variant }: ModelChoice, ms: number, inputs: number): void {
    if (inputs === 0) return;
    const key = `${model}:${variant}`;
    const before = this.#perInput.get(key);
    const now = ms / inputs;
    this.#perInput.set(key, before === undefined ? now : before + newest * (now - before));
  }

  /** Milliseconds for so many inputs; null for what has not run here. */
  usual({ model, variant }: ModelChoice, inputs: number): number | null {
    const perInput = this.#perInput.get(`${model}:${variant}`);
    return perInput === undefined ? null : Math.round(perInput * inputs * 100) / 100;
  }
}
