/**
 * What runs since this start: which variant of which model, why, and what is different from the last start.
 *
 * Guarantees: a change is said, in one log line each, before it is remembered and before any capture is looked at; it stays in the
 * retained messages. Nothing of it changes while the daemon runs.
 */
import type { Health, Log } from '../core/contracts.js';
import { reasonOf } from '../core/errors.js';
import { modelRef } from '../core/model.js';
import type { VariantPolicy } from './choose-variant.js';
import { modelsMessage } from './models-message.js';
import type { VariantRun } from './resolve.js';
import { compareVariants, readVariantMemory, type VariantChange, type VariantMemory } from './variant-memory.js';

export interface VariantTelling {
  /** Where the last start is remembered (absolute path), and how it is written. */
  readonly file: string;
  readonly write: (file: string, text: string) => Promise<void>;
  readonly boot: number;
  /** RFC 3339. */
  readonly at: string;
  readonly log: Log;
}

export class RunningVariants {
  readonly #policy: VariantPolicy;
  readonly #runs: readonly VariantRun[];
  #memory: VariantMemory = { schema: 'shoal/variants/1', models: {} };
  #changes: readonly VariantChange[] = [];

  constructor(policy: VariantPolicy, runs: readonly VariantRun[]) {
    this.#policy = policy;
    this.#runs = runs;
  }

  /** Variants by `name@version`. */
  get byModel(): Readonly<Record<string, readonly string[]>> {
    const refs = [...new Set(this.#runs.map(({ model }) => modelRef(model)))];
    const variantsOf = (ref: string): string[] =>
      this.#runs.filter(({ model }) => modelRef(model) === ref).map(({ variant }) => variant.name);
    return Object.fromEntries(refs.map((ref) => [ref, variantsOf(ref)]));
  }

  /** Against the last start; for the `info` message. */
  get changes(): readonly VariantChange[] {
    return this.#changes;
  }

  /** The retained `models` message. */
  message(device: string, configHash: string, boot: number): Readonly<Record<string, unknown>> {
    return modelsMessage({ device, configHash, boot, policy: this.#policy, runs: this.#runs, memory: this.#memory });
  }

  /** Says where `variants: auto` was asked for and something else runs. */
  tellPolicy(log: Log, health: Pick<Health, 'set'>): void {
    const { mode, tuning } = this.#policy;
    if (tuning.state === 'unusable') log.warn({ part: 'models' }, `the tuning is not used: ${tuning.reason}`);
    if (mode !== 'auto') return;
    const pinned = this.#runs.filter(({ by }) => by === 'pinned');
    const reason =
      tuning.state === 'usable' ? pinned.map(({ model, reason: why }) => `${modelRef(model)}: ${why}`).join('; ') : tuning.reason;
    if (pinned.length === 0) {
      health.set('variants', 'ok');
      return;
    }
    health.set('variants', 'degraded', `variants: auto is set, but pinned ones run: ${reason}`);
    if (tuning.state !== 'unusable') log.warn({ part: 'models' }, `variants: auto is set, but pinned ones run: ${reason}`);
  }

  /** Compares with the last start, says each change, remembers. Never throws. */
  async tellChanges({ file, write, boot, at, log }: VariantTelling): Promise<void> {
    const { memory, problem } = await readVariantMemory(file);
    if (problem !== undefined) log.warn({ part: 'models' }, problem);
    const { next, changes } = compareVariants(memory, this.#runs, { boot, at });
    this.#memory = next;
    this.#changes = changes;
    for (const { model, from, to, reason } of changes) {
      log.warn(
        { part: 'models', model, from, to, reason },
        `${model} runs as ${to.join(' and ')} from now on, no longer as ${from.join(' and ')}`,
      );
    }
    try {
      const text = `${JSON.stringify(next)}\n`;
      if (JSON.stringify(memory) !== JSON.stringify(next)) await write(file, text);
    } catch (error) {
      log.warn({ part: 'models', err: reasonOf(error) }, `${file} cannot be written: the next start will say this change again, or none`);
    }
  }
}
