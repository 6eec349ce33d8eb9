/**
 * What the daemon tells and by which way: connections, sinks, the relays that pay them, and the latest states.
 *
 * Part of the composition root, as daemon.ts is. Guarantees: a peer that is away blocks no start and no stop; what is owed waits in the store.
 */
import { build, stopAll } from './build-part.js';
import type { Log, ManagedConnection, Sink, SinkContext, Store, Surroundings } from './core/contracts.js';
import { ShoalError } from './core/errors.js';
import type { Watch } from './core/watch.js';
import type { DaemonSettings } from './crew.js';
import { Relay, type RelayOptions } from './flow/relay.js';
import { States } from './flow/states.js';
import { createTopics } from './mqtt/topics.js';
import { parts } from './parts.js';

interface OutboundParts {
  readonly settings: Pick<DaemonSettings, 'connections' | 'sinks' | 'device'>;
  readonly store: Store;
  readonly log: Log;
  /** Surroundings of a part, by its kind and name. */
  readonly part: (kind: string, name: string) => Surroundings;
  readonly relay?: RelayOptions | undefined;
}

/** What sinks tell of the daemon itself. */
type About = Pick<SinkContext, 'info' | 'models' | 'vitals' | 'snapshots'>;

export class Outbound {
  readonly #parts: OutboundParts;
  readonly #connections = new Map<string, ManagedConnection>();
  readonly #sinks = new Map<string, Sink>();
  readonly #relays: Relay[] = [];
  #states: States | undefined;

  constructor(outbound: OutboundParts) {
    this.#parts = outbound;
  }

  async startConnections(): Promise<void> {
    const { settings, part } = this.#parts;
    const { connections, device, sinks } = settings;
    for (const [name, connected] of Object.entries(connections)) {
      const user = Object.values(sinks).find(({ options }) => (options as { connection?: string }).connection === name);
      const prefix = (user?.options as { topic_prefix?: string } | undefined)?.topic_prefix ?? '';
      const context = { ...part('connection', name), deviceId: device.id, statusTopic: createTopics(prefix, device.id).status };
      const connection = build<ManagedConnection>(parts.connections, name, connected, context);
      this.#connections.set(name, connection);
      await connection.start();
    }
  }

  /** The store is open by now. Rejects with a STORE_ error. */
  async startSinks(watches: readonly Watch[], about: About): Promise<void> {
    const { settings, store, part, relay: options } = this.#parts;
    const { sinks, device } = settings;
    const states = new States(watches, store, part('flow', 'states'));
    this.#states = states;
    await states.start();
    for (const [name, described] of Object.entries(sinks)) {
      const context = { ...part('sink', name), ...about, device, connection: (wanted: string) => this.connection(wanted), latest: states };
      const sink = build<Sink>(parts.sinks, name, described, context);
      this.#sinks.set(name, sink);
      await sink.start();
      const relay = new Relay(name, sink, store, part('sink', name), options);
      this.#relays.push(relay);
      relay.start();
    }
  }

  connection(name: string): ManagedConnection {
    const connection = this.#connections.get(name);
    if (connection === undefined)
      throw new ShoalError('SHOAL_INTERNAL', `there is no connection "${name}", which the configuration has checked`);
    return connection;
  }

  /** For a person: where each connection leads, and whether it is up. */
  get addresses(): Readonly<Record<string, { readonly address: string; readonly connected: boolean }>> {
    return Object.fromEntries([...this.#connections].map(([name, { address, connected }]) => [name, { address, connected }]));
  }

  async stop(): Promise<void> {
    const { log } = this.#parts;
    await Promise.all(this.#relays.map((relay) => relay.stop()));
    this.#states?.stop();
    await stopAll('sink', this.#sinks, log);
    await stopAll('connection', this.#connections, log);
  }
}
