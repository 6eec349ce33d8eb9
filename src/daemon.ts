/**
 * The composition root: builds every part, hands each what it needs, and holds the order of start and stop.
 *
 * Guarantees: what receives is started before what sends, and stopped after it; a broker, a port or a model that is missing
 * never blocks the start but shows in health. The only file besides `cli/` and `parts.ts` that knows all rooms.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build, intakesOf, stopAll } from './build-part.js';
import type { Loaded } from './config/load-config.js';
import { writeDurably } from './config/write-durably.js';
import type { Input, Surroundings } from './core/contracts.js';
import { reasonOf, ShoalError } from './core/errors.js';
import { type Intake, Intakes } from './core/intake.js';
import { limits } from './core/limits.js';
import type { PipelineSpec } from './core/pipeline.js';
import { type WaitingRules, waitingRules } from './core/waiting.js';
import { type Crew, type DaemonSettings, gatherCrew } from './crew.js';
import { DriftWatch } from './flow/drift-watch.js';
import type { RelayOptions } from './flow/relay.js';
import { Reporter } from './flow/report.js';
import { Schedule } from './flow/schedule.js';
import { watchesOf } from './flow/states.js';
import { Taps } from './flow/taps.js';
import { compileWorthTelling, type OnTrouble } from './flow/worth-telling.js';
import { createHttpServer, type HttpServer } from './http/http-server.js';
import { Keeping } from './keeping.js';
import { BoardWatch } from './ops/board-watch.js';
import { SystemClock } from './ops/clock.js';
import { HealthBoard } from './ops/health.js';
import { createLog, type DaemonLog } from './ops/log.js';
import { PromMetrics } from './ops/metrics.js';
import { type NotifyEnv, SystemdNotifier } from './ops/systemd.js';
import { Outbound } from './outbound.js';
import { type Parts, parts } from './parts.js';
import { variantsFileIn } from './registry/variant-memory.js';
import { SelfReport } from './self-report.js';
import { SqliteStore } from './store/store.js';

type Sections = Parts['sections'];

export interface DaemonOptions {
  readonly relay?: RelayOptions;
  /** How systemd is reached; without it nobody is told. */
  readonly notify?: NotifyEnv;
  /** Asked when a caller wants configuration and models to be read anew: whoever runs the daemon ends it then and starts another. */
  readonly onReload?: () => Promise<void>;
}

export class Daemon {
  /** Rejects when the daemon cannot go on and must be started anew: what is claimed and committed waits on disk. */
  readonly lost: Promise<never>;
  readonly log: DaemonLog;
  readonly #loaded: Loaded<Sections>;
  readonly #settings: DaemonSettings;
  readonly #version: string;
  readonly #options: DaemonOptions;
  readonly #clock = new SystemClock();
  readonly #metrics = new PromMetrics();
  readonly #health = new HealthBoard(this.#clock);
  readonly #surroundings: Surroundings;
  readonly #notifier: SystemdNotifier;
  readonly #store: SqliteStore;
  readonly #outbound: Outbound;
  readonly #inputs = new Map<string, Input>();
  readonly #waiting = new Map<string, WaitingRules>();
  readonly #keeping: Keeping;
  readonly #board: BoardWatch;
  readonly #self: SelfReport;
  #crew: Crew | undefined;
  #drift: DriftWatch | undefined;
  #schedule: Schedule | undefined;
  #http: HttpServer | undefined;
  #boot = 0;
  #seq = 0;
  readonly #intakes = new Intakes();
  readonly #taps: Taps;
  #starting: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(loaded: Loaded<Sections>, version: string, options: DaemonOptions = {}) {
    this.#loaded = loaded;
    this.#options = options;
    this.#settings = loaded.settings;
    this.#version = version;
    this.log = createLog(this.#settings.log);
    this.#surroundings = { clock: this.#clock, log: this.log, metrics: this.#metrics, health: this.#health };
    this.#board = new BoardWatch(this.#settings.board, this.#part('ops', 'board'));
    const observed = { clock: this.#clock, health: this.#health, board: this.#board };
    this.#self = new SelfReport(loaded, version, observed, () => ({ boot: this.#boot, captures: this.#seq, crew: this.#crew }));
    this.#notifier = new SystemdNotifier({ log: this.log, stalled: () => this.#health.stalled(), env: options.notify ?? {} });
    this.#taps = new Taps(this.#settings.inputs);
    const { promise, reject } = deferred();
    this.lost = promise;
    const path = this.#settings.store.path ?? join(this.#settings.paths.state_dir, 'shoal.db');
    this.#store = new SqliteStore(path, this.#settings.store, this.#surroundings, reject);
    const part = (kind: string, name: string) => this.#part(kind, name);
    this.#outbound = new Outbound({ settings: this.#settings, store: this.#store, log: this.log, part, relay: options.relay });
    this.#keeping = new Keeping(this.#settings, this.#store, this.#part('flow', 'keep'));
  }

  get #pipelines(): readonly PipelineSpec[] {
    return this.#crew?.pipelines ?? [];
  }

  /** Where health and metrics are answered over TCP; null when they are not. */
  get url(): string | null {
    return this.#http?.url ?? null;
  }

  /** Resolves when captures are taken, or early when it is stopped meanwhile. Rejects with CONFIG_INVALID or a STORE_ error. */
  async start(): Promise<void> {
    const { paths, device } = this.#settings;
    for (const directory of [paths.state_dir, paths.run_dir]) makeDirectory(directory);
    this.#notifier.start();
    this.#metrics.start();
    this.#board.start();
    // Before anything answers: until the parts have spoken, nobody is told that this is ready.
    this.#planHealth();
    this.#tellConfig();
    const steps = [this.#startBase, this.#startConnections, this.#startSinks, this.#startCorridor, this.#startInputs];
    for (const step of steps) {
      if (this.#stopped !== undefined) return;
      this.#starting = step.call(this);
      await this.#starting;
    }
    if (this.#stopped !== undefined) return;
    this.#notifier.ready(`device ${device.id}, ${this.#pipelines.length} pipelines, config ${this.#loaded.configHash}`);
    this.log.info(
      {
        device: device.id,
        boot: this.#boot,
        config: this.#loaded.configHash,
        pipelines: this.#pipelines.map(({ name }) => name),
        url: this.url,
      },
      `shoal ${this.#version} runs`,
    );
  }

  /** The slow ones side by side: the store's thread and the engines start on other cores while this one loads and listens. */
  async #startBase(): Promise<void> {
    const begun = [
      this.#store.start(Object.keys(this.#settings.sinks)),
      this.#startEngines(),
      this.#startHttp(),
      this.#keeping.openShelf(),
    ] as const;
    // When one fails, the others are waited for all the same, so that a stop finds everything there is to stop.
    await Promise.allSettled(begun);
    const [{ boot }] = await Promise.all(begun);
    this.#boot = boot;
    const at = new Date(this.#clock.wallMs()).toISOString();
    const file = variantsFileIn(this.#settings.paths.state_dir);
    await this.#crew?.variants.tellChanges({ file, write: writeDurably, boot, at, log: this.log });
  }

  /** Drains within `limits.drainMs`: inputs, engines, store; what is not settled by then is taken up at the next start. */
  stop(next: 'end' | 'reload' = 'end'): Promise<void> {
    this.#stopped ??= this.#stop(next);
    return this.#stopped;
  }

  async #stop(next: 'end' | 'reload'): Promise<void> {
    if (next === 'reload') this.#notifier.reloading();
    else this.#notifier.stopping();
    this.#taps.stop();
    // A stop during the start lets the step at hand finish, and no other begin.
    await this.#starting.catch(() => {});
    await stopAll('input', this.#inputs, this.log);
    this.#schedule?.stop();
    await this.#crew?.engines.stop(limits.drainMs / 2);
    await this.#keeping.stop();
    await this.#schedule?.drained();
    await this.#drift?.stop();
    // What was settled or given back meanwhile is closed while there is a ledger to close it in.
    await stopAll('input', this.#inputs, this.log);
    await this.#outbound.stop();
    await this.#http?.stop();
    await this.#store.stop();
    this.#board.stop();
    this.#metrics.stop();
    this.#notifier.stop();
    // Of a start that failed only the reason is worth a line.
    if (this.#boot > 0) this.log.info({ boot: this.#boot, captures: this.#seq }, 'shoal stopped');
    this.log.flush();
  }

  #tellConfig(): void {
    const { source, complaint, warnings } = this.#loaded;
    if (source === 'last-good') {
      this.#health.set('config', 'degraded', 'the configuration file is bad; the last good one runs');
      this.log.error({ part: 'config' }, `the configuration file is bad, so the last good one runs; mend it and restart: ${complaint}`);
    } else this.#health.set('config', 'ok');
    for (const { path, message, hint } of warnings) this.log.warn({ part: 'config', key: path, hint }, message);
  }

  /** Among the first parts, since an engine takes longest to be ready. */
  async #startEngines(): Promise<void> {
    this.#crew = await gatherCrew(this.#settings, this.#surroundings);
    this.#board.limitSteps(Math.max(0, ...this.#crew.pipelines.map(({ cheaper = [] }) => cheaper.length)));
    await this.#crew.engines.start();
  }

  #planHealth(): void {
    const { pipelines } = this.#settings;
    this.#health.plan({
      vital: ['config', 'store', 'engine'],
      pipelines: Object.fromEntries(
        Object.entries(pipelines).map(([name, { from }]) => [
          name,
          { inputs: from.map((input) => `input:${input}`), parts: [`pipeline:${name}`] },
        ]),
      ),
      progress: { engine: { silentMs: limits.stallMs }, store: { silentMs: limits.stallMs } },
    });
  }

  async #startHttp(): Promise<void> {
    const { http, paths } = this.#settings;
    const { log } = this;
    this.#http = createHttpServer(http, {
      socketPath: join(paths.run_dir, 'shoal.sock'),
      log,
      state: this.#health,
      health: this.#health,
      config: { config_hash: this.#loaded.configHash, config_files: this.#loaded.filesHash },
      variants: () => this.#crew?.variants.byModel ?? {},
      metrics: this.#metrics,
      store: this.#store,
      kept: this.#keeping.shelf,
      drift: {
        list: () => this.#drift?.list() ?? [],
        reset: async (pipeline) => (await this.#drift?.reset(pipeline)) ?? false,
      },
      inputs: Object.keys(this.#settings.inputs),
      purge: (request) => this.#keeping.purge(request),
      status: () => this.#status(),
      intakes: { find: (input) => this.#intakes.find(input), names: intakesOf(this.#settings.inputs) },
      taps: this.#taps,
      reload: { boot: () => this.#boot, reload: this.#options.onReload ?? refuseReload },
    });
    await this.#http.start();
  }

  async #startConnections(): Promise<void> {
    await this.#outbound.startConnections();
  }

  async #startSinks(): Promise<void> {
    const { device } = this.#settings;
    await this.#outbound.startSinks(watchesOf(this.#pipelines, device.id, this.#loaded.configHash), {
      info: () => this.#self.info(),
      models: () => this.#crew?.variants.message(device.id, this.#loaded.configHash, this.#boot) ?? {},
      vitals: () => this.#self.vitals(),
      ...this.#keeping.feed,
    });
  }

  async #startCorridor(): Promise<void> {
    if (this.#crew === undefined) return;
    const { device } = this.#settings;
    const onTrouble: OnTrouble = (pipeline, key, message) =>
      this.log.warn({ part: 'report', pipeline }, `${key} could not be answered in full: ${message}`);
    const zones = Object.fromEntries(Object.entries(this.#settings.inputs).map(([name, input]) => [name, input.zones ?? {}]));
    const worthTelling = await compileWorthTelling(this.#pipelines, onTrouble, zones);
    const context = { device: device.id, configHash: this.#loaded.configHash, worthTelling };
    const reporter = new Reporter(context);
    const { engines, pipelines } = this.#crew;
    const store = this.#store;
    const waiting = (input: string) => this.#waiting.get(input) ?? waitingRules('block', {});
    const pressure = () => this.#board.pressure;
    const keeping = this.#keeping.start(this.#crew, watchesOf(pipelines, device.id, this.#loaded.configHash));
    const file = join(this.#settings.paths.state_dir, 'drift.json');
    const drift = new DriftWatch({ ...this.#part('flow', 'drift'), pipelines, file, write: writeDurably });
    this.#drift = drift;
    await drift.start();
    const parts = { engines, store, pipelines, reporter, waiting, pressure, drift, ...keeping };
    this.#schedule = new Schedule({ ...this.#part('flow', 'schedule'), ...parts });
    this.#schedule.start();
  }

  async #startInputs(): Promise<void> {
    const schedule = this.#schedule;
    if (schedule === undefined) return;
    const offer = this.#taps.over(schedule.offer);
    for (const [name, settings] of Object.entries(this.#settings.inputs)) {
      const context = {
        ...this.#part('input', name),
        boot: this.#boot,
        ledger: this.#store,
        nextSeq: () => ++this.#seq,
        stateDir: this.#settings.paths.state_dir,
        offerIntake: (intake: Intake) => this.#intakes.offer(name, intake),
        connection: (wanted: string) => this.#outbound.connection(wanted),
      };
      const input = build<Input>(parts.inputs, name, settings, context);
      this.#inputs.set(name, input);
      this.#waiting.set(name, waitingRules(input.whenFull, settings));
      await input.start(offer);
    }
  }

  #part(kind: string, name: string): Surroundings {
    return { ...this.#surroundings, log: this.log.child({ part: `${kind}:${name}` }) };
  }

  async #status(): Promise<Readonly<Record<string, unknown>>> {
    const backlog = await this.#store.backlog();
    return {
      ...this.#self.info(),
      ...this.#self.vitals(),
      config_source: this.#loaded.source,
      uses: this.#self.uses(),
      taps: this.#taps.count,
      engines: this.#crew?.engines.pids ?? [],
      connections: this.#outbound.addresses,
      inputs: this.#health.report().parts.filter(({ part }) => part.startsWith('input:')),
      sinks: backlog,
    };
  }
}

async function refuseReload(): Promise<void> {
  throw new ShoalError('USAGE', 'this process does not reload: restart it');
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o750 });
  } catch (error) {
    throw new ShoalError(
      'STORE_UNAVAILABLE',
      `the directory ${path} cannot be made: ${reasonOf(error)}; create it, mount its disk, or name another under paths:`,
    );
  }
}

function deferred(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<never>((_resolve, refuse) => {
    reject = refuse;
  });
  promise.catch(() => {});
  return { promise, reject };
}
