/**
 * Readings on MQTT to decisions on MQTT, beside Node-RED and a plain mqtt.js loop, on one broker in one run.
 *
 * The same windows of 20 and the same threshold for all; `sustained` is the highest rate at which, for three seconds, nothing is lost and no backlog
 * grows, found by steps. Ours alone also keeps what it says on disk before it sends it, with QoS 1. CPU a message is of the core's process
 * with its store, at half of what it sustained; engines are named apart. Rounds take turns; the peer is installed on the first run.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startBroker } from './bench-broker.js';
import { benchFolder } from './bench-daemon.js';
import { type Figure, figure, median } from './figure.js';
import { installPeer } from './install-peer.js';
import { cpuMs } from './process-figures.js';
import { type Course, type Drive, SensorTraffic, sustained } from './sensor-traffic.js';
import { sensorsAnomaly } from './sensors-anomaly.js';
import { bareFlow, type Flow, nodeRedFlow, shoalFlow } from './sensors-flows.js';

const rounds = 3;
const sensorCount = 10;
const seconds = 3;
/** Readings a second, each step 15 % above the one before. */
const steps = Array.from({ length: 26 }, (_, i) => Math.round(4000 * 1.15 ** i));

interface Round {
  readonly rate: number;
  readonly cpuUs: number;
  readonly engineUs: number;
  readonly p99Ms: number;
}

const flows: Readonly<Record<Flow['name'], (url: string, folder: string) => Promise<Flow>>> = {
  shoal: shoalFlow,
  'node-red': (url, folder) => nodeRedFlow(url, installPeer({ name: 'node-red', dependencies: { 'node-red': '4.1.8' } }), folder),
  'mqtt.js': bareFlow,
};

/** All of it, or `beside` or `anomaly` alone. */
export async function sensors(parts: readonly string[]): Promise<readonly Figure[]> {
  const unknown = parts.find((part) => part !== 'beside' && part !== 'anomaly');
  if (unknown !== undefined) throw new Error(`there is no part "${unknown}": beside, anomaly`);
  const wants = (part: string) => parts.length === 0 || parts.includes(part);
  return [...(wants('beside') ? await beside() : []), ...(wants('anomaly') ? await sensorsAnomaly() : [])];
}

async function beside(): Promise<readonly Figure[]> {
  const found: Record<Flow['name'], Round[]> = { shoal: [], 'node-red': [], 'mqtt.js': [] };
  const flat: number[] = [];
  const names = Object.keys(found) as Flow['name'][];
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length] ?? 'shoal';
      await onBroker(name, async (flow, traffic) => {
        found[name].push(await measure(flow, traffic));
        if (name === 'shoal') flat.push(await flatness(flow, traffic));
      });
    }
  }
  const of = (name: Flow['name'], key: keyof Round) => found[name].map((round) => round[key]);
  const over = (name: Flow['name']) => of('shoal', 'rate').map((rate, round) => rate / (of(name, 'rate')[round] ?? Number.NaN));
  return [
    figure('sustained rate over Node-RED', median(over('node-red')), 'ratio', 'higher', 3),
    figure('... smallest of the rounds', Math.min(...over('node-red')), 'ratio', 'higher'),
    figure('sustained rate over a plain mqtt.js loop', median(over('mqtt.js')), 'ratio', 'higher', 0.6),
    figure('... smallest of the rounds', Math.min(...over('mqtt.js')), 'ratio', 'higher'),
    ...names.map((name) => figure(`sustained, ${name}`, median(of(name, 'rate')), 'messages/s', 'higher')),
    figure('CPU of the core a message, at half of that', median(of('shoal', 'cpuUs')), 'us', 'lower', 8),
    figure('... smallest', Math.min(...of('shoal', 'cpuUs')), 'us', 'lower'),
    figure('... largest', Math.max(...of('shoal', 'cpuUs')), 'us', 'lower'),
    figure('CPU of the engine a message', median(of('shoal', 'engineUs')), 'us', 'lower'),
    figure('CPU a message, node-red', median(of('node-red', 'cpuUs')), 'us', 'lower'),
    figure('CPU a message, mqtt.js', median(of('mqtt.js', 'cpuUs')), 'us', 'lower'),
    figure('99th percentile from last reading to answer, at half', median(of('shoal', 'p99Ms')), 'ms', 'lower'),
    figure('CPU a message with 1,000 topics over 1 topic', median(flat), 'ratio', 'lower', 1.15),
  ];
}

async function onBroker(name: Flow['name'], use: (flow: Flow, traffic: SensorTraffic) => Promise<void>): Promise<void> {
  const folder = benchFolder('sensors');
  const broker = await startBroker(folder);
  const flow = await flows[name](broker.url, folder);
  const traffic = await SensorTraffic.open(broker.url, flow.answers, (payload) => flow.timeOf(payload));
  try {
    await warm(traffic);
    await use(flow, traffic);
  } finally {
    traffic.close();
    await flow.stop();
    await broker.stop();
  }
}

/** Until it answers, and its code is hot. */
async function warm(traffic: SensorTraffic): Promise<void> {
  for (let tries = 0; tries < 30; tries++) {
    const { answered, expected } = await traffic.drive({ sensors: sensorCount, rate: 4000, seconds: 2 }, 1000);
    if (answered === expected) return;
  }
  throw new Error('a flow does not answer every hot window at 4,000 messages a second');
}

async function measure(flow: Flow, traffic: SensorTraffic): Promise<Round> {
  let best: Drive | null = null;
  let misses = 0;
  for (const rate of steps) {
    const course = { sensors: sensorCount, rate, seconds };
    const drive = await traffic.drive(course);
    if (sustained(course, drive)) [best, misses] = [drive, 0];
    // One miss may be the machine's.
    else if (++misses === 2) break;
    await sleep(200);
  }
  if (best === null) throw new Error(`${flow.name} sustains not even ${steps[0]} messages a second`);
  const half = await cost(flow, traffic, { sensors: sensorCount, rate: best.rate / 2, seconds: 5 });
  return { ...half, rate: best.rate };
}

async function cost(flow: Flow, traffic: SensorTraffic, course: Course): Promise<Omit<Round, 'rate'>> {
  const before = { core: cpuMs(flow.pid), engines: sum(flow.engines()) };
  const { sent, p99Ms } = await traffic.drive(course);
  const us = (ms: number) => (ms * 1000) / sent;
  return { cpuUs: us(cpuMs(flow.pid) - before.core), engineUs: us(sum(flow.engines()) - before.engines), p99Ms };
}

/** What a message costs with a thousand topics over what it costs with one. */
async function flatness(flow: Flow, traffic: SensorTraffic): Promise<number> {
  const rate = 10_000;
  const [one, many] = [1, 1000];
  await traffic.drive({ sensors: many, rate, seconds: 20 });
  const few = await cost(flow, traffic, { sensors: one, rate, seconds: 5 });
  const all = await cost(flow, traffic, { sensors: many, rate, seconds: 20 });
  return all.cpuUs / few.cpuUs;
}

function sum(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + cpuMs(pid), 0);
}
