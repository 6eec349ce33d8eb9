/**
 * What a running daemon is asked from outside: to end (SIGTERM, SIGINT), or to read configuration and models anew (SIGHUP, `POST /v1/reload`).
 *
 * Guarantees: a wish to reload whose configuration cannot be used at all is refused with its reason, and the daemon goes on; one that comes during
 * a reload is followed by another. Where it was started at a terminal, SIGHUP means that the terminal is gone, and ends it.
 */
import type { Loaded } from '../config/load-config.js';

export class ReloadWishes<Settings extends Loaded> {
  readonly #load: () => Promise<Settings>;
  #next = deferred<'reload'>();
  #latest: Settings | null = null;
  readonly #end = deferred<'end'>();

  /** `load` reads the configuration as a start does. */
  constructor(load: () => Promise<Settings>) {
    this.#load = load;
  }

  /** `onRefused` hears why a signal to reload was not followed. */
  start(onRefused: (error: unknown) => void): void {
    const ending = process.stderr.isTTY ? (['SIGTERM', 'SIGINT', 'SIGHUP'] as const) : (['SIGTERM', 'SIGINT'] as const);
    for (const signal of ending) process.once(signal, () => this.#end.resolve('end'));
    if (!process.stderr.isTTY) process.on('SIGHUP', () => void this.reload().catch(onRefused));
  }

  /** Resolves when somebody wants the end. */
  get end(): Promise<'end'> {
    return this.#end.promise;
  }

  /** Resolves when somebody wants a reload that was not taken yet. */
  get next(): Promise<'reload'> {
    return this.#next.promise;
  }

  /** The configuration to go on with. A wish that comes after this is another one. */
  take(): Settings | null {
    this.#next = deferred();
    return this.#latest;
  }

  /** Rejects with what `load` does. */
  async reload(): Promise<void> {
    this.#latest = await this.#load();
    this.#next.resolve('reload');
  }
}

function deferred<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let resolve: (value: Value) => void = () => {};
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
