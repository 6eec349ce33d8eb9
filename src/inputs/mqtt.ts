/**
 * What others publish to an MQTT broker: sensors, gateways, PLCs, other boards.
 *
 * Each topic is a source of its own, said in the header. Its payloads are numbers, gathered into windows or each a series by itself, or with
 * `payload: raw` captures as they are. Guarantees: order by topic; a message that cannot be read is counted by its reason and said now and
 * then, never fatal; what the broker had kept (retained) is marked, and left out of windows, as it is no news; cost of a message does
 * not depend on how many topics there are. Live and lossy: a message is acknowledged on receipt, and what the broker said while the link
 * was away is not asked for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection, Input, InputContext, InputKind, Offer, Subscriber } from '../core/contracts.js';
import { seriesMediaType } from '../core/form.js';
import { limits } from '../core/limits.js';
import { encodeSeries } from '../core/series.js';
import { LiveFeed } from './live/feed.js';
import { Complaints } from './mqtt/complaints.js';
import { type MqttInputOptions, mqttInputOptions } from './mqtt/options.js';
import { createReader, fieldPairs, periodWithin } from './mqtt/readers.js';
import { Malformed, type PayloadReader, type Samples } from './mqtt/samples.js';
import { SparkplugNodes } from './mqtt/sparkplug.js';
import { isNoReading } from './mqtt/zigbee2mqtt.js';
import { type Kept, Sources } from './sources.js';
import { windowFeed } from './window-feed.js';
import { planWindow, type WindowPlan } from './window-options.js';
import { type SampleClock, Windows } from './windows.js';

export const mqttInput: InputKind<MqttInputOptions> = {
  type: 'mqtt',
  options: mqttInputOptions,
  create: (name, options, context) => new MqttInput(name, options, context),
};

/** What is known of one topic, or of one device of Sparkplug. */
interface Source extends Kept {
  /** Printable and bounded. */
  readonly name: string;
  /** Null where messages are taken as they are. */
  readonly reader: PayloadReader | null;
  readonly leftOut: boolean;
  windows: Windows | null;
}

class MqttInput implements Input, Subscriber {
  readonly replayable = false;
  readonly whenFull = 'block';
  readonly #options: MqttInputOptions;
  readonly #context: InputContext;
  readonly #feed: LiveFeed;
  readonly #plan: WindowPlan | null;
  readonly #clock: SampleClock;
  /** Between samples of one message, and whether the options say so. */
  readonly #periodMs: number;
  readonly #rated: boolean;
  readonly #complaints: Complaints;
  readonly #sources: Sources<Source>;
  readonly #nodes: SparkplugNodes;
  readonly #refused = new Map<string, string>();
  #connection: Connection | null = null;
  #ends: (() => void)[] = [];
  #stopped = false;
  #wasUp = false;
  #heardMs = Number.NEGATIVE_INFINITY;
  #unreadInARow = 0;
  #waiting: Promise<void> | null = null;
  /** There was no room for so long that what comes is rather left out. */
  #impatient = false;

  constructor(name: string, options: MqttInputOptions, context: InputContext) {
    this.#options = options;
    this.#context = context;
    this.#plan = planWindow(options);
    this.#clock = options.time === 'arrival' ? 'arrival' : 'device';
    this.#periodMs = periodWithin(options);
    this.#rated = (options.sample_rate_hz ?? options.rate_hz) !== undefined;
    this.#feed = new LiveFeed(name, { piece: 'message', silentMs: options.stale_ms ?? null }, context);
    this.#complaints = new Complaints(context.log, context.clock);
    const onGone = ({ windows }: Source) => this.#feed.skipped('too_many_topics', windows === null ? 0 : windows.end());
    this.#sources = new Sources((topic) => this.#source(topic), onGone);
    const told = {
      askRebirth: (topic: string, payload: Uint8Array) => this.#askRebirth(topic, payload),
      skipped: (reason: string) => this.#feed.skipped(reason),
    };
    this.#nodes = new SparkplugNodes({ metrics: fieldPairs(options.fields), timed: options.time !== 'arrival' }, told, context.clock);
  }

  /** Resolves at once: the broker may come later. */
  async start(offer: Offer): Promise<void> {
    if (this.#stopped || this.#connection !== null) return;
    const { connection: name, topics, qos } = this.#options;
    const connection = this.#context.connection(name);
    this.#connection = connection;
    this.#feed.start(offer);
    this.#ends = [connection.subscribe(topics, qos, this), connection.watch((up) => this.#watch(up))];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const end of this.#ends.splice(0)) end();
    this.#feed.stop();
  }

  subscribed(filter: string, problem: string | null): void {
    if (problem === null) this.#refused.delete(filter);
    else this.#refused.set(filter, `${printable(filter)} ${problem}`);
    if (this.#refused.size === 0) this.#feed.reached();
    else this.#feed.trouble([...this.#refused.values()].join('; '));
  }

  message(topic: string, payload: Buffer, retain: boolean): void | Promise<void> {
    if (this.#stopped) return;
    const source = this.#sources.of(topic);
    if (payload.length === 0) this.#feed.skipped('empty');
    else if (!source.leftOut) this.#hear(source, payload, retain, this.#context.clock.monoMs());
    if (this.#feed.room) this.#impatient = false;
    else if (!this.#impatient) return this.#untilRoom();
  }

  /** The connection waits with us, so the broker keeps what comes; but only for a moment, since acknowledgements of results come on it too. */
  #untilRoom(): Promise<void> {
    this.#waiting ??= Promise.race([this.#feed.untilRoom(), sleep(limits.mqttRoomMs, undefined, { ref: false })]).then(() => {
      this.#waiting = null;
      this.#impatient = !this.#feed.room;
    });
    return this.#waiting;
  }

  #hear(source: Source, payload: Buffer, retain: boolean, arrivedMs: number): void {
    if (source.reader === null) {
      this.#heard(arrivedMs);
      // It is a piece of a larger buffer, which would live as long as the capture.
      this.#feed.push({ name: source.name, source: source.name, bytes: Buffer.from(payload), retained: retain });
      return;
    }
    const samples = source.reader.read(payload);
    if (samples instanceof Malformed) this.#unread(samples, source.name, payload);
    else if (samples !== null) {
      this.#heard(arrivedMs);
      const whose = samples.source === undefined ? source : this.#sources.of(samples.source);
      if (this.#plan === null) this.#single(whose, samples, retain, arrivedMs);
      else if (retain) this.#feed.skipped('retained');
      else this.#gather(this.#windowsOf(whose, samples.channels, this.#plan), samples, arrivedMs);
    }
  }

  #windowsOf(source: Source, channels: readonly string[], plan: WindowPlan): Windows {
    if (source.windows?.channels === channels) return source.windows;
    // What was gathered of other fields can be no part of it.
    if (source.windows !== null && source.windows.end() > 0) this.#feed.skipped('fields_changed');
    source.windows = new Windows(
      plan,
      channels,
      this.#clock,
      windowFeed(this.#feed, this.#context.clock, this.#clock, source.name, source.name),
    );
    return source.windows;
  }

  #gather(windows: Windows, { channels, values, count, times }: Samples, arrivedMs: number): void {
    if (times !== null) for (let i = 0; i < count; i++) windows.push(values, i * channels.length, arrivedMs, times[i]);
    else if (count === 1) windows.push(values, 0, arrivedMs);
    else windows.pushBlock(values, count, this.#periodMs, arrivedMs);
  }

  /** Without windows each message is a series by itself. */
  #single(source: Source, { channels, values, count, times }: Samples, retained: boolean, monoMs: number): void {
    const width = channels.length;
    const data = new Float32Array(count * width);
    for (let i = 0; i < data.length; i++) data[(i % width) * count + Math.floor(i / width)] = values[i] as number;
    if (!data.every(Number.isFinite)) {
      this.#feed.skipped('no_number');
      return;
    }
    const { clock } = this.#context;
    const startMs = Math.round(times?.[0] ?? clock.wallMs() - (clock.monoMs() - monoMs) - (count - 1) * this.#periodMs);
    const rateHz = count > 1 && this.#rated ? 1000 / this.#periodMs : null;
    const bytes = encodeSeries({ channels, rateHz, length: count, data, startMs, filled: 0 });
    const deviceMs = times?.[count - 1];
    const { name } = source;
    const as = { kind: 'series', mediaType: seriesMediaType } as const;
    this.#feed.push({ name, source: name, bytes, retained, as, monoMs, ...(deviceMs === undefined ? {} : { deviceMs }) });
  }

  #source(topic: string): Source {
    const { payload } = this.#options;
    return {
      name: printable(topic),
      reader: this.#reader(topic),
      leftOut: payload === 'zigbee2mqtt' && isNoReading(topic),
      windows: null,
      get bytes() {
        return sourceBytes + (this.windows?.bytes ?? 0);
      },
    };
  }

  #reader(topic: string): PayloadReader | null {
    const { payload } = this.#options;
    if (payload === 'raw') return null;
    return payload === 'sparkplug' ? this.#nodes.reader(topic) : createReader(this.#options);
  }

  /** Health is told now and then only: a message must not cost more than its parsing. */
  #heard(nowMs: number): void {
    const mended = this.#unreadInARow >= limits.unreadInARowMax;
    this.#unreadInARow = 0;
    if ((!mended && nowMs - this.#heardMs < heardEveryMs) || this.#refused.size > 0) return;
    this.#heardMs = nowMs;
    this.#feed.heard();
  }

  #unread(malformed: Malformed, topic: string, payload: Buffer): void {
    this.#feed.skipped(malformed.reason);
    this.#complaints.say(malformed, topic, payload);
    if (++this.#unreadInARow === limits.unreadInARowMax) {
      this.#feed.trouble(
        `no message can be read (${malformed.reason}): ${malformed.expected}; compare payload and fields with what is sent`,
      );
    }
  }

  #watch(up: boolean): void {
    // Before the first link there is nothing to miss: the connection says itself how it is.
    if (!up && this.#wasUp) this.#feed.trouble(`the connection ${this.#options.connection} is away`);
    this.#heardMs = Number.NEGATIVE_INFINITY;
    this.#wasUp ||= up;
  }

  #askRebirth(topic: string, payload: Uint8Array): void {
    if (!this.#options.rebirth) return;
    this.#connection?.publish(topic, payload, { qos: 0, retain: false }).catch(() => this.#feed.skipped('rebirth_refused'));
  }
}

/** Of the state of a topic without its windows, roughly. */
const sourceBytes = 1024;
const heardEveryMs = 100;

/** As a header may have it. */
function printable(topic: string): string {
  const text = topic.replace(/\p{C}/gu, '?');
  return text.length <= 255 ? text : `${text.slice(0, 254)}…`;
}
