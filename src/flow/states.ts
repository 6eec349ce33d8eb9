/**
 * The latest truth of every watch: what sinks that can keep a message retain of it.
 *
 * Guarantees: starts from what the store remembers, follows its commits, and is said again every `limits.stateRepeatMs`. Looks every
 * `limits.eventLapseMs` whether an event lasts on an input that fell silent, or on one that is watched no more, and has the store end it.
 * Deliberately holds nothing that the store does not: a restart begins from there.
 */
import type { Store, Surroundings } from '../core/contracts.js';
import { reasonOf } from '../core/errors.js';
import type { EventState } from '../core/event.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec } from '../core/pipeline.js';
import { encodeState, type StateFeed, type StateMessage, type Watch, type WatchChange } from '../core/watch.js';

/** The watches of these pipelines, one for each of their inputs. */
export function watchesOf(pipelines: readonly PipelineSpec[], device: string, configHash: string): readonly Watch[] {
  return pipelines.flatMap(({ name, from, sinks, report: { events } }) =>
    events === undefined ? [] : from.map((input) => ({ pipeline: name, input, rules: events, sinks, device, configHash })),
  );
}

export class States implements StateFeed {
  readonly #watches: readonly Watch[];
  readonly #store: Store;
  readonly #surroundings: Surroundings;
  readonly #states = new Map<string, EventState>();
  /** What was watched in an earlier start and is no more. */
  #gone: readonly StateMessage[] = [];
  readonly #watchers = new Set<(messages: readonly StateMessage[]) => void>();
  #timers: NodeJS.Timeout[] = [];
  #unwatch: (() => void) | null = null;
  #sinceMs = 0;

  constructor(watches: readonly Watch[], store: Store, surroundings: Surroundings) {
    this.#watches = watches;
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
    return [...this.#watches.map((watch) => this.#messageOf(watch)), ...this.#gone];
  }

  watch(onChange: (messages: readonly StateMessage[]) => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  #messageOf(watch: Watch): StateMessage {
    const { clock } = this.#surroundings;
    const { pipeline, input, sinks } = watch;
    const saidAt = new Date(clock.wallMs()).toISOString();
    const payload = encodeState(this.#states.get(keyOf(pipeline, input)) ?? null, watch, saidAt, clock.synced());
    return { pipeline, input, sinks, payload };
  }

  #receive(changes: readonly WatchChange[]): void {
    const counter = this.#surroundings.metrics.counter({
      name: 'shoal_event_messages_total',
      help: 'Messages of events, by pipeline and phase (start, update, end).',
      labels: ['pipeline', 'input', 'phase'],
    });
    for (const { pipeline, input, state, phases } of changes) {
      for (const phase of phases) counter.inc({ pipeline, input, phase });
      if (state !== null) this.#states.set(keyOf(pipeline, input), state);
      else {
        this.#states.delete(keyOf(pipeline, input));
        this.#gone = [...this.#gone, { pipeline, input, sinks: null, payload: new Uint8Array() }];
      }
    }
    const changed = new Set(changes.map(({ pipeline, input }) => keyOf(pipeline, input)));
    this.#say(this.all().filter(({ pipeline, input }) => changed.has(keyOf(pipeline, input))));
  }

  #look(): void {
    if (![...this.#states.values()].some(({ open }) => open !== null)) return;
    this.#store.lapse(this.#watches, this.#sinceMs).catch((error: unknown) => {
      this.#surroundings.log.debug({ err: reasonOf(error) }, 'events on silent inputs could not be ended; it is tried again');
    });
  }

  async #recall(): Promise<void> {
    for (const { pipeline, input, state } of await this.#store.watchStates()) {
      if (state !== null) this.#states.set(keyOf(pipeline, input), state);
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
