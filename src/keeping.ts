/**
 * Everything about copies of captures in one place of the composition root: the shelf, the snapshots, who decides, and the purge.
 *
 * Part of the composition root, as daemon.ts is. Guarantees: where no input keeps anything and no pipeline has snapshots, nothing runs but
 * the shelf, which ages what an earlier configuration left.
 */
import { join } from 'node:path';
import type { KeptShelf, Store, Surroundings } from './core/contracts.js';
import { keepRules, type PurgeCount, type PurgeRequest } from './core/keep.js';
import type { StateFeed, Watch } from './core/watch.js';
import type { Crew, DaemonSettings } from './crew.js';
import { Keeper } from './flow/keeper.js';
import { purge } from './flow/purge.js';
import { Snapshots } from './flow/snapshots.js';
import { KeptFiles } from './store/kept-files.js';

export class Keeping {
  readonly #settings: DaemonSettings;
  readonly #store: Store;
  readonly #surroundings: Surroundings;
  readonly #shelf: KeptFiles;
  readonly #snapshots = new Snapshots();
  #keeper: Keeper | undefined;
  #watches: readonly Watch[] = [];

  constructor(settings: DaemonSettings, store: Store, surroundings: Surroundings) {
    this.#settings = settings;
    this.#store = store;
    this.#surroundings = surroundings;
    this.#shelf = new KeptFiles(join(settings.paths.state_dir, 'kept'), this.#rules, surroundings);
  }

  get shelf(): KeptShelf {
    return this.#shelf;
  }

  /** For sinks; absent where no pipeline has snapshots. */
  get feed(): { readonly snapshots?: StateFeed } {
    const shown = Object.values(this.#settings.pipelines).some(({ report }) => report.snapshot === true);
    return shown ? { snapshots: this.#snapshots } : {};
  }

  /** Resolves when it is known what was kept before. */
  openShelf(): Promise<void> {
    return this.#shelf.start();
  }

  /** What the schedule is to be given; to be called before it starts. */
  start({ engines, faces, pipelines }: Crew, watches: readonly Watch[]): { readonly keeper?: Keeper } {
    this.#watches = watches;
    const rules = this.#rules;
    const keeps = Object.values(rules).some(({ mode }) => mode !== 'none') || pipelines.some(({ report }) => report.snapshot === true);
    if (!keeps) return {};
    this.#keeper = new Keeper({
      ...this.#surroundings,
      rules,
      pipelines,
      watches,
      engines,
      faces,
      store: this.#store,
      shelf: this.#shelf,
      snapshots: this.#snapshots,
      hangMs: this.#settings.engine.hang_ms,
    });
    this.#keeper.start();
    return { keeper: this.#keeper };
  }

  /** What is not copied by now is not. */
  async stop(): Promise<void> {
    await this.#keeper?.stop();
    await this.#shelf.stop();
  }

  /** Rejects with a STORE_ error. */
  purge(request: PurgeRequest): Promise<PurgeCount> {
    const [shelf, snapshots, keeper, watches] = [this.#shelf, this.#snapshots, this.#keeper, this.#watches];
    return purge(request, { shelf, snapshots, keeper, watches, store: this.#store, log: this.#surroundings.log });
  }

  get #rules() {
    return Object.fromEntries(Object.entries(this.#settings.inputs).map(([name, input]) => [name, keepRules(input)]));
  }
}
