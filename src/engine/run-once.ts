/**
 * One engine for one purpose, then gone: a single job, some jobs one after the other, or an answer to "does this model, does the runtime
 * work here?".
 *
 * Guarantees: whatever the native code does (abort, SIGILL, hang), the caller lives and gets a reason.
 */
import type { Surroundings } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import type { EngineAnswer, EngineJob } from '../core/job.js';
import { limits } from '../core/limits.js';
import type { Model } from '../core/model.js';
import { modelRef } from '../core/model.js';
import { engineEntry } from './entry.js';
import { EngineHost } from './host.js';
import type { PoolSetup } from './pool.js';
import type { EngineConfig, FromEngine, ModelOpened, WarmModel } from './protocol.js';

type Ready = Extract<FromEngine, { type: 'ready' }>;

interface Once {
  readonly host: EngineHost;
  readonly ready: Ready;
}

/** Forks one engine and waits until it is ready. Throws ENGINE_UNAVAILABLE with the reason of its death. */
function open(config: EngineConfig, entry: string, log: Surroundings['log']): Promise<Once> {
  return new Promise((resolve, reject) => {
    const host = new EngineHost(
      { entry, config, log },
      {
        ready: (ready) => resolve({ host, ready }),
        answered: () => {},
        free: () => {},
        gone: (gone) => reject(new ShoalError('ENGINE_UNAVAILABLE', `the engine does not start: ${gone.reason}`)),
      },
    );
    host.start();
  });
}

/** An engine kept over jobs that come one at a time; one that died under a job is replaced for the next. Opened by the first job, or before. */
export class KeptEngine {
  readonly #setup: PoolSetup;
  #host: EngineHost | null = null;

  constructor(setup: PoolSetup) {
    this.#setup = setup;
  }

  /** Throws ENGINE_UNAVAILABLE. */
  async open(): Promise<void> {
    if (this.#host?.ready) return;
    const { options, pipelines, models, warm = [], surroundings, entry = engineEntry } = this.#setup;
    const { threads, arena, max_memory_bytes: maxMemoryBytes } = options;
    const { host } = await open({ pipelines, models, warm, threads, arena, maxMemoryBytes }, entry, surroundings.log);
    this.#host = host;
  }

  /** Throws what `Engines.run` rejects with. */
  async run(job: EngineJob): Promise<EngineAnswer> {
    await this.open();
    if (this.#host === null) throw new ShoalError('SHOAL_INTERNAL', 'an engine that was opened is gone');
    return this.#host.run({ ...job, solo: true });
  }

  async stop(): Promise<void> {
    await this.#host?.stop(limits.drainMs);
  }
}

export interface RuntimeProbe {
  readonly ok: boolean;
  readonly reason?: string;
  /** From loading ONNX Runtime to the result of a one-operation model, in the engine. */
  readonly ms: number;
}

/** Whether ONNX Runtime computes on this processor: loads it and runs one addition in a process of its own. */
export async function probeRuntime(log: Surroundings['log'], entry = engineEntry): Promise<RuntimeProbe> {
  const began = performance.now();
  const probe = await tryOpen([], [], log, entry);
  if (typeof probe === 'string') return { ok: false, reason: probe, ms: performance.now() - began };
  return { ok: true, ms: probe.runtimeMs };
}

/** Opens one variant in a process of its own: hash, tensors against the card, and the runtime's consent. Never throws. */
export async function probeModel(model: Model, variant: string, log: Surroundings['log'], entry = engineEntry): Promise<ModelOpened> {
  const warm = { model: modelRef(model), variant };
  const began = performance.now();
  const probe = await tryOpen([model], [warm], log, entry);
  const opened = typeof probe === 'string' ? undefined : probe.models[0];
  const reason = typeof probe === 'string' ? probe : 'the engine said nothing of it';
  return opened ?? { ...warm, ok: false, reason, loadMs: performance.now() - began };
}

/** `probeModel` for every variant of every model, one after the other. */
export async function probeModels(
  models: readonly Model[],
  log: Surroundings['log'],
  entry = engineEntry,
): Promise<readonly ModelOpened[]> {
  const found: ModelOpened[] = [];
  for (const model of models) {
    for (const variant of model.variants) found.push(await probeModel(model, variant.name, log, entry));
  }
  return found;
}

async function tryOpen(
  models: readonly Model[],
  warm: readonly WarmModel[],
  log: Surroundings['log'],
  entry: string,
): Promise<Ready | string> {
  try {
    const config = { pipelines: [], models, warm, threads: 1, arena: false, maxMemoryBytes: Number.MAX_SAFE_INTEGER };
    const { host, ready } = await open(config, entry, log);
    await host.stop(limits.drainMs);
    return ready;
  } catch (error) {
    return reasonOf(error);
  }
}
