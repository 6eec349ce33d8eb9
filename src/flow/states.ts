/**
 * The latest truth of every watch of events: what sinks that can keep a message retain of it.
 *
 * Guarantees: starts from what the store remembers, follows its commits, and is said again every `limits.stateRepeatMs`. Looks every
 * `limits.eventLapseMs` whether an event lasts on an input that fell silent, or on one that is watched no more, and has the store end it.
 * Deliberately holds nothing that the store does not: a restart begins from there.
 */
import type { Store, Surroundings } from '../core/contracts.js';
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec } from '../core/pipeline.js';
import { encodeState, openIn, type StateFeed, type StateMessage, type Watch, type WatchChange, type WatchState } from '../core/watch.js';
import { watchOf } from './watch-of.js';

/** The watches of these pipelines, one for each of their inputs. */
export function watchesOf(pipelines: readonly PipelineSpec[], device: string, configHash: string): readonly Watch[] {
  return pipelines.flatMap((pipeline) => pipeline.from.flatMap((input) => watchOf(pipeline, { input }, device, configHash) ?? []));
}

export class States implements StateFeed {
  readonly #watches: readonly Watch[];
  /** Those that tell events. */
  readonly #stated: readonly Watch[];
  readonly #store: Store;
  readonly #surroundings: Surroundings;
  /** By watch of the configuration, then by source; '' where an input has none. */
  readonly #states = new Map<string, Map<string, WatchState>>();
  /** What was watched in an earlier start and is no more. */
  #gone: readonly StateMessage[] = [];
  readonly #watchers = new Set<(messages: readonly StateMessage[]) => void>();
  #timers: NodeJS.Timeout[] = [];
  #unwatch: (() => void) | null = null;
  #sinceMs = 0;

  constructor(watches: readonly Watch[], store: Store, surroundings: Surroundings) {
    this.#watches = watches;
    this.#stated = watches.filter(({ kind }) => kind !== 'change');
    this.#store = store;
    this.#surroundings = surroundings;
  }

  /** The store is open by now. Rejects with a STORE_ error. */
  async start(): Promise<void> {
    this.#sinceMs = this.#surroundings.clock.monoMs();
    this.#unwatch = this.#store.onWatchChange((changes) => this.#receive(changes));
    await this.#recall();
    // Ends what the configuration no longer names.
    await this.#store.lapse(this.#watches, this.#sinceMs);
    this.#timers = [setInterval(() => this.#look(), limits.eventLapseMs), setInterval(() => this.#repeat(), limits.stateRepeatMs)];
    for (const timer of this.#timers) timer.unref();
  }

  stop(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    this.#unwatch?.();
    this.#watchers.clear();
  }

  all(): readonly StateMessage[] {
    return this.#messages(() => true);
  }

  watch(onChange: (messages: readonly StateMessage[]) => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  /** Only what is asked for is put into words: an input may have a thousand sources. */
  #messages(about: (of: { readonly pipeline: string; readonly input: string }) => boolean): readonly StateMessage[] {
    return [...this.#stated.filter(about).map((watch) => this.#messageOf(watch)), ...this.#gone.filter(about)];
  }

  #messageOf(watch: Watch): StateMessage {
    const { clock } = this.#surroundings;
    const { pipeline, input, sinks } = watch;
    const saidAt = new Date(clock.wallMs()).toISOString();
    const states = [...(this.#states.get(keyOf(pipeline, input)) ?? [])].map(([source, state]) =>
      source === '' ? { state } : { source, state },
    );
    const payload = encodeState(states, watch, saidAt, clock.synced());
    return { pipeline, input, sinks, payload };
  }

  #receive(changes: readonly WatchChange[]): void {
    const counter = this.#surroundings.metrics.counter({
      name: 'shoal_event_messages_total',
      help: 'Messages of events, by pipeline and phase (start, update, end).',
      labels: ['pipeline', 'input', 'phase'],
    });
    const changed = new Set<string>();
    for (const { pipeline, input, source = '', state, phases, untracked = 0 } of changes) {
      const key = keyOf(pipeline, input);
      for (const phase of phases) counter.inc({ pipeline, input, phase });
      if (untracked > 0) this.#complain(pipeline, input, untracked);
      if (phases.length > 0 || state === null || !this.#states.has(key)) changed.add(key);
      if (state !== null) this.#remember(key, source, state);
      else this.#forget(pipeline, input, source);
    }
    if (changed.size > 0) this.#say(this.#messages(({ pipeline, input }) => changed.has(keyOf(pipeline, input))));
  }

  #remember(key: string, source: string, state: WatchState): void {
    const known = this.#states.get(key) ?? new Map<string, WatchState>();
    this.#states.set(key, known.set(source, state));
  }

  #forget(pipeline: string, input: string, source: string): void {
    const key = keyOf(pipeline, input);
    const left = this.#states.get(key);
    left?.delete(source);
    if (left !== undefined && left.size > 0) return;
    this.#states.delete(key);
    // One that is told in another way than before has a state of its own.
    if (this.#stated.some((watch) => watch.pipeline === pipeline && watch.input === input)) return;
    this.#gone = [...this.#gone, { pipeline, input, sinks: null, payload: new Uint8Array() }];
  }

  #complain(pipeline: string, input: string, untracked: number): void {
    const { metrics, log } = this.#surroundings;
    const name = 'shoal_things_untracked_total';
    const help = 'Things that got no event of their own because too many were followed on their input already; once a capture.';
    metrics.counter({ name, help, labels: ['pipeline', 'input'] }).inc({ pipeline, input }, untracked);
    log.warn(
      { pipeline, input },
      `more than ${limits.tracksMax} things at once: the others have no events; narrow report.track.where, or raise the stage's min_score`,
    );
  }

  #look(): void {
    if (![...this.#states.values()].some((sources) => [...sources.values()].some((state) => openIn(state).length > 0))) return;
    this.#store.lapse(this.#watches, this.#sinceMs).catch((error: unknown) => {
      this.#surroundings.log.debug({ err: reasonOf(error) }, 'events on silent inputs could not be ended; it is tried again');
    });
  }

  async #recall(): Promise<void> {
    for (const { pipeline, input, source = '', state } of await this.#store.watchStates()) {
      if (state !== null) this.#remember(keyOf(pipeline, input), source, state);
    }
  }

  /** With what was counted since the last change. */
  #repeat(): void {
    this.#recall().then(
      () => this.#say(this.all()),
      (error: unknown) => this.#surroundings.log.debug({ err: reasonOf(error) }, 'states could not be read; they are said later'),
    );
  }

  #say(messages: readonly StateMessage[]): void {
    if (messages.length > 0) for (const watcher of this.#watchers) watcher(messages);
  }
}

function keyOf(pipeline: string, input: string): string {
  return `${pipeline} ${input}`;
}
