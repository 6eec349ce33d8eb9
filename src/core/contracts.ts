/**
 * The ports through which the rooms meet. `daemon.ts` builds the real thing and hands it out; no room reaches for another.
 *
 * Lifecycle everywhere (law 8): a constructor does nothing, `start` acquires, `stop` releases, may be called twice and during start.
 */
import type { z } from 'zod';
import type { Capture } from './capture.js';
import type { Intake } from './intake.js';
import type { EngineAnswer, EngineJob } from './job.js';
import type { KeptItem, KeptRow, PurgeRequest, StorePurge } from './keep.js';
import type { Receipt, SettledOutcome } from './receipt.js';
import type { Outcome } from './result.js';
import type { QuarantineRecord, ResultRecord, Settled } from './settled.js';
import type { WhenFull } from './waiting.js';
import type { StateFeed, WatchKeeper } from './watch.js';

// ---------------------------------------------------------------- surroundings

/** Where time comes from: `monoMs` schedules, `wallMs` labels (law 10). */
export interface Clock {
  /** Milliseconds on CLOCK_MONOTONIC: comparable between processes of one kernel boot. */
  monoMs(): number;
  /** Milliseconds since 1970, possibly wrong. */
  wallMs(): number;
  /** Whether the kernel says that wall time is synchronized. */
  synced(): boolean;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** `warn`: surprising, nothing lost. `error`: data lost or a human is needed; the message says what to do. Nothing is logged per result at info. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Log;
}

export interface MetricSpec {
  /** `shoal_<noun>_<unit>_total` for counters, base units otherwise. */
  readonly name: string;
  readonly help: string;
  /** Label names; their values must be bounded (inputs, pipelines, models, sinks, reasons). */
  readonly labels?: readonly string[];
}

type Labels = Readonly<Record<string, string>>;

/** A part names its metrics itself, once, where it uses them. Asking twice for a name gives the same metric. */
export interface Metrics {
  counter(spec: MetricSpec): { inc(labels?: Labels, by?: number): void };
  gauge(spec: MetricSpec): { set(value: number, labels?: Labels): void };
  histogram(spec: MetricSpec & { readonly buckets: readonly number[] }): { observe(value: number, labels?: Labels): void };
}

export type PartState = 'ok' | 'starting' | 'degraded' | 'down';

/** Where a part says how it is. `progress` feeds the watchdog: call it when work moved, or when there was provably none. */
export interface Health {
  set(part: string, state: PartState, reason?: string): void;
  progress(part: string): void;
}

/** What every part gets besides its options. */
export interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly health: Health;
}

/** A kind of part that plugs in: its type name, its options (schema, defaults and docs in one) and its constructor. */
export interface Kind<Options, Context, Part> {
  readonly type: string;
  readonly options: z.ZodType<Options>;
  create(name: string, options: Options, context: Context): Part;
}

// ---------------------------------------------------------------- inputs

/** Hands a capture over; resolves when it is accepted: this is the back-pressure. Rejects only when the daemon stops. */
export type Offer = (capture: Capture, receipt: Receipt) => Promise<void>;

/** What an input may ask of the store: which captures are settled already and how, and to forget those whose claim it has closed durably (law 2). */
export interface Ledger {
  /** By capture id, those whose claim is open, with an outcome per result. */
  settled(captureIds: readonly string[]): Promise<ReadonlyMap<string, readonly SettledOutcome[]>>;
  close(captureIds: readonly string[]): Promise<void>;
}

export interface InputContext extends Surroundings {
  readonly boot: number;
  readonly ledger: Ledger;
  /** The next number of this boot, for a capture's header. */
  nextSeq(): number;
  /** A connection of the configuration by name; config has checked that it exists. */
  connection(name: string): Connection;
}

export interface Input {
  readonly replayable: boolean;
  /** What suits it when as many of its captures wait as may: `block` where it can hold its source back or its captures come again. */
  readonly whenFull: WhenFull;
  /** Resolves when the input watches its source. Trouble with the source later is the input's to mend, with backoff, and to show in health. */
  start(offer: Offer): Promise<void>;
  /** Stops offering; unsettled receipts may still settle afterwards. */
  stop(): Promise<void>;
  /** Of a replayable one, never started: what is there, for a person, without taking any of it. Rejects with what is wrong and what to do. */
  look?(): Promise<string>;
}

/** What an input gets besides whose captures callers bring. */
export interface BroughtContext extends InputContext {
  /** Where the daemon keeps what must survive a restart. */
  readonly stateDir: string;
  /** Lets callers bring captures; answers how to withdraw that. */
  offerIntake(intake: Intake): () => void;
}

export interface InputKind<Options = unknown, Context = InputContext> extends Kind<Options, Context, Input> {
  /** Its captures come by the daemon's own HTTP server: it takes a token where that can be reached from elsewhere. */
  readonly byHttp?: true;
}

// ---------------------------------------------------------------- connections and sinks

export interface PublishOptions {
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly contentType?: string;
  /** MQTT 5 only; silently left out otherwise. */
  readonly userProperties?: Readonly<Record<string, string>>;
}

/** The topics of this device under one prefix. Throws CONFIG_INVALID for an id that could not stand in a topic. */
export interface Topics {
  readonly status: string;
  readonly info: string;
  readonly health: string;
  /** What this device can do and what it costs here. */
  readonly models: string;
  result(pipeline: string, input: string): string;
  /** The same results, delayed by an absent sink. */
  backlog(pipeline: string, input: string): string;
  event(pipeline: string, input: string): string;
  /** Retained: the latest truth. */
  state(pipeline: string, input: string): string;
  /** Retained: the latest picture of an event, a JPEG. */
  snapshot(pipeline: string, input: string): string;
  inputStatus(input: string): string;
}

/** Whoever listens on a connection. Its methods must not throw. */
export interface Subscriber {
  /**
   * A message, in the order in which the broker sent them. `payload` is lent until this returns (what is kept is to be copied). `retain`: the broker
   * had kept it, it is no news. `duplicate`: it may have been here before. What returns a promise holds the acknowledgement (QoS 1) back
   * until it settles, and with it, once `limits.mqttHeldMax` are held or where there is none (QoS 0), all that comes on this connection: for a moment only.
   */
  message(topic: string, payload: Buffer, retain: boolean, duplicate: boolean): void | Promise<void>;
  /** The broker's answer for one of the filters, on each new link: null when it was granted, or that it was refused and what to do. */
  subscribed(filter: string, problem: string | null): void;
}

/** A shared MQTT connection. Never queues: a publish while it is away rejects with DELIVERY_RETRY at once. */
export interface Connection {
  readonly connected: boolean;
  /** Largest number of unacknowledged publishes the peer allows. */
  readonly receiveMaximum: number;
  /** Lends the topic builder; `prefix` as in `topicPrefixPattern`. */
  topics(prefix: string): Topics;
  /** Calls back on each change, and at once with the present state; the answer unsubscribes. */
  watch(onChange: (connected: boolean) => void): () => void;
  /**
   * Resolves on PUBACK (QoS 1) or when written (QoS 0). Rejects with DELIVERY_RETRY (link lost, no PUBACK in time) or
   * DELIVERY_REFUSED (topic or size never acceptable, broker said no for good).
   */
  publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<void>;
  /**
   * Listens from now on, on this link and every one after it; the answer ends that. A message that several of the filters take comes once; what this
   * device says itself never comes. Messages sent while the link is away are lost: no session is kept at the broker.
   */
  subscribe(filters: readonly string[], qos: 0 | 1, subscriber: Subscriber): () => void;
}

export interface ConnectionContext extends Surroundings {
  readonly deviceId: string;
  /** Where the retained birth and will go. */
  readonly statusTopic: string;
}

/** A connection as its owner sees it. `start` resolves at once: a peer that is away never blocks a start. */
export interface ManagedConnection extends Connection {
  /** Where the peer is, without credentials; known after `start`. */
  readonly address: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export type ConnectionKind<Options = unknown> = Kind<Options, ConnectionContext, ManagedConnection>;

/** `live` while fresh, `backlog` once delayed by an absent sink: its own topic, so that an old alarm never looks new (law 7). */
export type Lane = 'live' | 'backlog';

/** A result, or a message of an event, owed to one sink. */
export interface Delivery {
  readonly kind: 'result' | 'event';
  /** Commit sequence: the order of the lane. */
  readonly seq: number;
  readonly resultId: string;
  readonly pipeline: string;
  readonly input: string;
  readonly lane: Lane;
  /** The stored bytes, for ever the same (law 2). */
  readonly payload: Uint8Array;
  /** Whether it may have been sent before. */
  readonly redelivery: boolean;
}

export interface Sink {
  readonly ready: boolean;
  /** How many deliveries may be unacknowledged at once; looked at anew for each. */
  readonly window: number;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Calls back on each change of `ready`, and at once; the answer unsubscribes. */
  watch(onChange: (ready: boolean) => void): () => void;
  /** Resolves on the acknowledgement, rejects with DELIVERY_RETRY or DELIVERY_REFUSED. Calls are made in order and may overlap. */
  deliver(delivery: Delivery): Promise<void>;
}

export interface SinkContext extends Surroundings {
  readonly device: { readonly id: string; readonly name: string; readonly site: string };
  /** A connection of the configuration by name; config has checked that it exists. */
  connection(name: string): Connection;
  /** Versions and hashes for the retained `info` message. */
  info(): Readonly<Record<string, unknown>>;
  /** For the retained `models` message. */
  models(): Readonly<Record<string, unknown>>;
  /** Numbers for the `health` message. */
  vitals(): Readonly<Record<string, unknown>>;
  /** For the retained `state` messages. */
  readonly latest: StateFeed;
  /** For the retained pictures of events; absent where no pipeline has any. */
  readonly snapshots?: StateFeed;
}

export type SinkKind<Options = unknown> = Kind<Options, SinkContext, Sink>;

// ---------------------------------------------------------------- store

export interface StoredResult extends Omit<ResultRecord, 'payload' | 'trace'> {
  readonly seq: number;
  readonly committedAt: string;
}

export interface Explanation extends StoredResult {
  readonly payload: string;
  readonly trace: string;
  readonly deliveries: readonly { readonly sink: string; readonly state: 'owed' | 'delivered' | 'dead'; readonly reason: string | null }[];
}

/** What is kept of one capture. */
export interface CaptureStory {
  readonly capture: string;
  /** Of each pipeline that looked at it, or of none that did; newest first. */
  readonly results: readonly StoredResult[];
  /** Null when it was not put aside. */
  readonly quarantine: (QuarantineRecord & { readonly at: string }) | null;
}

export interface Store extends Ledger, WatchKeeper {
  /** Opens or creates the file; throws STORE_CORRUPT or STORE_UNAVAILABLE. Deliveries owed to sinks not named are buried, counted. */
  start(sinks: readonly string[]): Promise<{ readonly boot: number }>;
  /** Commits what is queued and closes the file. */
  stop(): Promise<void>;
  /**
   * Resolves when the transaction is on disk (group commit, synchronous=FULL), with the outcomes that were decided in it (`said`), the same
   * when it is repeated. A result id that is known is left as it is. Rejects with STORE_FULL or STORE_UNAVAILABLE.
   */
  commit(settled: Settled): Promise<readonly SettledOutcome[]>;
  /**
   * Deliveries owed to a sink with a sequence above `afterSeq`, in order, payloads included, bounded by `limits.relayBatch`.
   * With `lane` only those in it now: a backlog is always older than what is live.
   */
  owed(sink: string, afterSeq: number, limit: number, lane?: Lane): Promise<readonly Delivery[]>;
  acknowledge(sink: string, seqs: readonly number[]): Promise<void>;
  /** Gives a delivery up: a dead letter, kept within the quota. */
  bury(sink: string, seq: number, reason: string): Promise<void>;
  results(query: {
    pipeline?: string;
    input?: string;
    outcome?: Outcome;
    capture?: string;
    beforeSeq?: number;
    limit: number;
  }): Promise<readonly StoredResult[]>;
  explain(resultId: string): Promise<Explanation | null>;
  quarantined(): Promise<readonly (QuarantineRecord & { readonly at: string })[]>;
  /**
   * Takes away what is stored of an input and older, so that no trace of it is left in the file. What is still owed is left, unless
   * that is asked for too. With `dryRun` only counts.
   */
  purge(request: PurgeRequest): Promise<StorePurge>;
  /** Owed and dead deliveries by sink. */
  backlog(): Promise<Readonly<Record<string, { owed: number; dead: number }>>>;
  /** Calls back after each commit that created deliveries; the answer unsubscribes. */
  watch(onCommit: () => void): () => void;
}

// ---------------------------------------------------------------- kept copies

/** Copies of captures as files: the only place where anything of a picture is written. */
export interface KeptShelf {
  /** Resolves when the copy is on disk; what is too old or too much goes. Rejects with STORE_FULL or STORE_UNAVAILABLE. */
  put(item: KeptItem): Promise<void>;
  /** Newest first. */
  list(query: { readonly input?: string; readonly limit: number }): Promise<readonly KeptRow[]>;
  /** Null where there is none. The caller owns the bytes. */
  read(id: string): Promise<{ readonly mediaType: string; readonly bytes: Uint8Array } | null>;
  /** Removes, or with `dryRun` only counts. Rejects with STORE_UNAVAILABLE where a folder cannot be read; what could be is gone then. */
  purge(request: Pick<PurgeRequest, 'input' | 'beforeMs' | 'dryRun'>): Promise<{ readonly files: number; readonly bytes: number }>;
}

// ---------------------------------------------------------------- engines

/** A pool of engine processes. */
export interface Engines {
  start(): Promise<void>;
  /** Lets running jobs end for `graceMs`, then kills. Unanswered jobs reject with ENGINE_UNAVAILABLE. */
  stop(graceMs: number): Promise<void>;
  /** Whether `run` would take a job now; a solo job needs an engine with nothing in it. */
  free(solo: boolean): boolean;
  /** Calls back whenever capacity may have come free. */
  watch(onFree: () => void): () => void;
  /** Rejects with an EngineLoss when the engine died under the job, with another ShoalError when the job could not be run at all. */
  run(job: EngineJob): Promise<EngineAnswer>;
  /** Small ones, run one after the other by one engine for one crossing each way; an answer a job, in their order. Rejects as `run`, for all. */
  runBatch(jobs: readonly EngineJob[]): Promise<readonly EngineAnswer[]>;
}
