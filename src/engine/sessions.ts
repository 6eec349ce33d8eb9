/**
 * The open sessions of an engine: opened on first use, the least recently used closed when they need too much memory.
 *
 * Guarantees: the session just asked for is never the one closed. The memory of a session is an estimate: twice its file
 * (weights and their packed copy), or what the process grew by when it was opened and first run, whichever is larger.
 */
import type { Calibration } from '../core/calibration.js';
import { ShoalError } from '../core/errors.js';
import { asVariant, type Model, type ModelVariant, modelRef } from '../core/model.js';
import { Session } from './session.js';

interface Entry {
  /** The same for as long as it is open, so that whatever is derived from its card is derived once. */
  readonly open: OpenModel;
  bytes: number;
  settled: boolean;
}

export interface SessionsOptions {
  readonly models: readonly Model[];
  readonly threads: number;
  readonly arena: boolean;
  readonly maxMemoryBytes: number;
}

export interface OpenModel {
  /** With the tensors of the variant. */
  readonly model: Model;
  readonly session: Session;
  /** Of the variant's scores; undefined where they are as the model gives them. */
  readonly calibration: Calibration | undefined;
  /** Names of tasks that have found its card to suit them. */
  readonly fits: Set<string>;
}

export class Sessions {
  readonly #options: SessionsOptions;
  /** In order of use, the least recent first. */
  readonly #open = new Map<string, Entry>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Throws MODEL_MISSING when the engine was not given it, and what `Session.open` throws. */
  async get(ref: string, variantName: string): Promise<OpenModel> {
    const { model, variant } = this.#find(ref, variantName);
    const key = `${ref}:${variantName}`;
    let entry = this.#open.get(key);
    if (entry === undefined) {
      await this.#makeRoom(variant.bytes * 2, key);
      const before = process.memoryUsage.rss();
      const session = await Session.open(model, variant, this.#options);
      const open = { model: asVariant(model, variant), session, calibration: variant.calibration, fits: new Set<string>() };
      entry = { open, bytes: Math.max(variant.bytes * 2, process.memoryUsage.rss() - before), settled: false };
    }
    this.#open.delete(key);
    this.#open.set(key, entry);
    return entry.open;
  }

  /** Whether it is known what memory a run of it takes: asking the kernel costs more than a small model does. */
  settled(ref: string, variantName: string): boolean {
    return this.#open.get(`${ref}:${variantName}`)?.settled === true;
  }

  /** Says by how much the process grew during the first stage a session served: its working memory. */
  async settle(ref: string, variantName: string, grownBytes: number): Promise<void> {
    const key = `${ref}:${variantName}`;
    const entry = this.#open.get(key);
    if (entry === undefined || entry.settled) return;
    entry.settled = true;
    entry.bytes += Math.max(0, grownBytes);
    await this.#makeRoom(0, key);
  }

  async #makeRoom(bytes: number, keep: string): Promise<void> {
    let total = bytes;
    for (const entry of this.#open.values()) total += entry.bytes;
    for (const [key, entry] of this.#open) {
      if (total <= this.#options.maxMemoryBytes) return;
      if (key === keep) continue;
      this.#open.delete(key);
      total -= entry.bytes;
      await entry.open.session.release();
    }
  }

  #find(ref: string, variantName: string): { model: Model; variant: ModelVariant } {
    const model = this.#options.models.find((candidate) => modelRef(candidate) === ref);
    const variant = model?.variants.find((candidate) => candidate.name === variantName);
    if (model === undefined || variant === undefined) {
      throw new ShoalError('MODEL_MISSING', `model ${ref}, variant ${variantName}, is not among those this engine was given`);
    }
    return { model, variant };
  }
}
