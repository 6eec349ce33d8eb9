/**
 * What is known of the edge nodes of Sparkplug B and their devices (Sparkplug 3.0 specification, sections 5 and 6): births give names and types
 * to aliases, data changes some of the values, deaths end it.
 *
 * Guarantees: each data message gives the whole of a device's numbers as they are then, since only what changed is sent; a jump in the sequence
 * of a node is counted. A listener only: a node whose birth was missed is asked for it where the operator allows.
 */
import { limits } from '../../core/limits.js';
import { soundTimeMs } from './field.js';
import { Malformed, type PayloadReader, SampleBuffer, type Samples, tooMany } from './samples.js';
import { isNumeric, metricValue, readSparkplug, rebirthCommand, type SparkplugPayload } from './sparkplug-payload.js';

export interface SparkplugWants {
  /** Name of a channel and of its metric; null for all numeric ones. */
  readonly metrics: readonly (readonly [channel: string, metric: string])[] | null;
  /** Whether the times of the metrics are wanted. */
  readonly timed: boolean;
}

export interface SparkplugTold {
  skipped(reason: string): void;
  askRebirth(topic: string, payload: Uint8Array): void;
}

/** A node itself or one of its devices, since its birth. */
interface Device {
  readonly samples: SampleBuffer;
  readonly values: Float64Array;
  /** By alias and by name: which channel, and of what type. */
  readonly places: ReadonlyMap<number | string, { readonly at: number; readonly datatype: number }>;
}

interface Node {
  readonly path: string;
  readonly devices: Map<string, Device>;
  seq: number | null;
  askedMs: number;
}

const notSparkplug = new Malformed('no_sparkplug', 'expected a Sparkplug B payload');
const noTime = new Malformed('no_time', 'expected a timestamp of the metric or of the payload');
const noBirth = new Malformed(
  'no_birth',
  'expected a birth message before data; the node sends one when it connects, or when asked: rebirth: true',
);

export class SparkplugNodes {
  readonly #wants: SparkplugWants;
  readonly #told: SparkplugTold;
  readonly #clock: { monoMs(): number; wallMs(): number };
  readonly #nodes = new Map<string, Node>();

  constructor(wants: SparkplugWants, told: SparkplugTold, clock: { monoMs(): number; wallMs(): number }) {
    this.#wants = wants;
    this.#told = told;
    this.#clock = clock;
  }

  /** `spBv1.0/GROUP/TYPE/NODE[/DEVICE]`; other topics are none of ours. */
  reader(topic: string): PayloadReader {
    const [space, group = '', type = '', node = '', device = ''] = topic.split('/');
    const known = space === 'spBv1.0' && node !== '' && /^[ND](?:BIRTH|DATA|DEATH)$/.test(type);
    return { read: (payload) => (known ? this.#read(type, `${group}/${node}`, type.startsWith('D') ? device : '', payload) : null) };
  }

  #read(type: string, path: string, device: string, payload: Buffer): Samples | Malformed | null {
    const message = readSparkplug(payload, limits.sparkplugMetricsMax);
    if (message === null) return notSparkplug;
    const node = this.#node(path);
    if (type === 'NDEATH') node.devices.clear();
    else if (this.#outOfOrder(node, message, type === 'NBIRTH')) this.#told.skipped('sequence_gap');
    if (type === 'DDEATH') node.devices.delete(device);
    if (type.endsWith('DEATH')) return null;
    if (type === 'NBIRTH') node.devices.clear();
    const source = device === '' ? path : `${path}/${device}`;
    if (type.endsWith('BIRTH')) node.devices.set(device, this.#born(message, source));
    const known = node.devices.get(device);
    if (known === undefined) {
      this.#ask(node);
      return noBirth;
    }
    return this.#change(known, message);
  }

  #node(path: string): Node {
    let node = this.#nodes.get(path);
    if (node === undefined) {
      const [oldest] = this.#nodes.keys();
      if (this.#nodes.size >= limits.sparkplugNodesMax && oldest !== undefined) this.#nodes.delete(oldest);
      node = { path, devices: new Map(), seq: null, askedMs: Number.NEGATIVE_INFINITY };
      this.#nodes.set(path, node);
    }
    return node;
  }

  /** Counts on: 0 .. 255 over all messages of a node and its devices. */
  #outOfOrder(node: Node, { seq }: SparkplugPayload, birth: boolean): boolean {
    const expected = node.seq === null || birth ? seq : (node.seq + 1) % 256;
    node.seq = seq;
    return seq !== expected;
  }

  #born({ metrics }: SparkplugPayload, source: string): Device {
    const wanted = this.#wants.metrics;
    const channels: string[] = [];
    const places = new Map<number | string, { at: number; datatype: number }>();
    for (const { name, alias, datatype } of metrics) {
      if (datatype === null || !isNumeric(datatype) || isControl(name)) continue;
      const channel = wanted === null ? name.replace(/\p{C}/gu, '?').slice(-64) : wanted.find(([, metric]) => metric === name)?.[0];
      if (channel === undefined || channels.length >= limits.seriesChannelsMax || channels.includes(channel)) continue;
      const place = { at: channels.length, datatype };
      channels.push(channel);
      places.set(name, place);
      if (alias !== null) places.set(alias, place);
    }
    const samples = Object.assign(new SampleBuffer(channels, this.#wants.timed), { source });
    return { samples, values: new Float64Array(channels.length).fill(Number.NaN), places };
  }

  /** A sample for each time at which something changed, in the order of the message. */
  #change({ samples, values, places }: Device, { metrics, timestampMs }: SparkplugPayload): Samples | Malformed | null {
    if (values.length === 0) return null;
    if (!samples.room(Math.max(1, metrics.length))) return tooMany;
    let count = 0;
    let atMs: number | null = null;
    for (const metric of metrics) {
      const place = places.get(metric.alias ?? metric.name) ?? places.get(metric.name);
      if (place === undefined || metric.historical) continue;
      const timeMs = this.#wants.timed ? soundTimeMs(metric.timestampMs ?? timestampMs ?? Number.NaN) : 0;
      if (Number.isNaN(timeMs)) return noTime;
      if (atMs !== null && timeMs !== atMs) put(samples, values, count++, atMs);
      atMs = timeMs;
      values[place.at] = metricValue(metric, place.datatype);
    }
    if (atMs === null) return null;
    put(samples, values, count++, atMs);
    samples.count = count;
    if (!values.some(Number.isNaN)) return samples;
    this.#told.skipped('null_value');
    return null;
  }

  #ask(node: Node): void {
    const nowMs = this.#clock.monoMs();
    if (nowMs - node.askedMs < limits.sparkplugRebirthMs) return;
    node.askedMs = nowMs;
    const [group, name] = node.path.split('/');
    this.#told.askRebirth(`spBv1.0/${group}/NCMD/${name}`, rebirthCommand(this.#clock.wallMs()));
  }
}

function put(samples: SampleBuffer, values: Float64Array, at: number, timeMs: number): void {
  samples.values.set(values, at * values.length);
  if (samples.times !== null) samples.times[at] = timeMs;
}

/** What is there to run the node, and measures nothing. */
function isControl(name: string): boolean {
  return (
    name === 'bdSeq' ||
    name.startsWith('Node Control/') ||
    name.startsWith('Device Control/') ||
    name.startsWith('Node Info/') ||
    name.startsWith('Properties/')
  );
}
