/**
 * What the daemon says of itself: in the retained `info` message, in the `health` message, and to commands that ask for its status.
 *
 * Part of the composition root. Guarantees: says what is known at the moment, also while it starts.
 */
import type { Loaded } from './config/load-config.js';
import type { Clock } from './core/contracts.js';
import { allChoicesOf } from './core/pipeline.js';
import type { Crew } from './crew.js';
import type { BoardWatch } from './ops/board-watch.js';
import type { HealthBoard } from './ops/health.js';
import type { Parts } from './parts.js';

/** What changes while it runs. */
export interface Present {
  /** 0 until the store is open. */
  readonly boot: number;
  /** Claimed since the start. */
  readonly captures: number;
  readonly crew: Crew | undefined;
}

export interface Observed {
  readonly clock: Clock;
  readonly health: HealthBoard;
  readonly board: BoardWatch;
}

export class SelfReport {
  readonly #loaded: Loaded<Parts['sections']>;
  readonly #version: string;
  readonly #observed: Observed;
  readonly #present: () => Present;

  constructor(loaded: Loaded<Parts['sections']>, version: string, observed: Observed, present: () => Present) {
    this.#loaded = loaded;
    this.#version = version;
    this.#observed = observed;
    this.#present = present;
  }

  /** Versions and hashes: schema `shoal/info/1`. */
  info(): Readonly<Record<string, unknown>> {
    const { boot, crew } = this.#present();
    return {
      schema: 'shoal/info/1',
      device: this.#loaded.settings.device,
      version: this.#version,
      node: process.version,
      config_hash: this.#loaded.configHash,
      boot,
      pipelines: crew?.pipelines.map(({ name }) => name) ?? [],
      models: crew?.models ?? [],
      pins: crew?.pins ?? {},
      variants: crew?.variants.byModel ?? {},
      variant_changes: crew?.variants.changes ?? [],
    };
  }

  /** By pipeline, `name@version` of the models its stages run; of one that does not run, the models its stages name. */
  uses(): Readonly<Record<string, readonly string[]>> {
    const running = this.#present().crew?.pipelines ?? [];
    return Object.fromEntries(
      Object.entries(this.#loaded.settings.pipelines).map(([name, { stages }]) => {
        const spec = running.find((pipeline) => pipeline.name === name);
        const models = spec === undefined ? stages.flatMap(({ model }) => model ?? []) : allChoicesOf(spec).map(({ model }) => model);
        return [name, [...new Set(models)]];
      }),
    );
  }

  /** Numbers: schema `shoal/health/1`. */
  vitals(): Readonly<Record<string, unknown>> {
    const { clock, health, board } = this.#observed;
    const { boot, captures } = this.#present();
    const { ready, reasons } = health.report();
    return {
      schema: 'shoal/health/1',
      at: new Date(clock.wallMs()).toISOString(),
      clock_synced: clock.synced(),
      boot,
      uptime_s: Math.round(process.uptime()),
      ready,
      reasons,
      rss_bytes: process.memoryUsage.rss(),
      captures,
      board: board.vitals,
    };
  }
}
