/**
 * A hundred machines with a learned model each second: three axes at 200 Hz from a hundred devices on one broker, windows of a second, a verdict for
 * each of them on MQTT, kept on disk first.
 *
 * The model is learned by `shoal learn anomaly` from two minutes of the same made signal (sums of tones and noise by seed): this is about time, not
 * about accuracy, which is `npm run bench -- anomaly`. Latency is from a window's last sample, as the daemon heard it, to the published result, by
 * one clock on one machine. Devices are spread over the second, as machines that nobody started together are.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mqtt from 'mqtt';
import { startBroker } from './bench-broker.js';
import { benchFolder, startDaemon } from './bench-daemon.js';
import { type Figure, figure, percentile } from './figure.js';
import { cpuMs } from './process-figures.js';

const devices = 100;
const rateHz = 200;
const channels = ['x', 'y', 'z'];
/** Samples of a message: ten messages a second and device. */
const perMessage = 20;
const seconds = 30;
const warmSeconds = 5;

/** Numbers from -1 to 1, the same on every machine (mulberry32, public domain). */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

/** One sample of each axis. */
function signal(index: number, random: () => number): number[] {
  return channels.map((_, axis) => {
    const t = index / rateHz;
    return Math.sin(2 * Math.PI * (17 + 9 * axis) * t) + 0.4 * Math.sin(2 * Math.PI * 50 * t + axis) + 0.3 * random();
  });
}

function learned(folder: string): string {
  const random = noise(1);
  const rows = Array.from({ length: 120 * rateHz }, (_, i) => `${i / rateHz},${signal(i, random).map((value) => value.toFixed(5))}`);
  const table = join(folder, 'normal.csv');
  writeFileSync(table, `time,${channels}\n${rows.join('\n')}\n`);
  const models = join(folder, 'models');
  const args = ['learn', 'anomaly', '--name', 'machine', '--from', table, '--out', models];
  execFileSync(resolve('bin/shoal'), args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return models;
}

export async function sensorsAnomaly(): Promise<readonly Figure[]> {
  const folder = benchFolder('anomaly');
  const broker = await startBroker(folder);
  const models = learned(folder);
  const daemon = await startDaemon(
    folder,
    {
      connections: { broker: { type: 'mqtt', url: broker.url } },
      inputs: {
        machines: {
          type: 'mqtt',
          connection: 'broker',
          topics: ['machine/+'],
          payload: 'binary',
          dtype: 'float32le',
          fields: channels,
          rate_hz: rateHz,
          window: { length_ms: 1000 },
        },
      },
      pipelines: { health: { from: ['machines'], stages: [{ task: 'detect-anomaly', model: 'machine', as: 'anomaly' }] } },
      sinks: { out: { type: 'mqtt', connection: 'broker' } },
    },
    { models_dirs: [models] },
  );
  const client = await mqtt.connectAsync(broker.url);
  const latencies: number[] = [];
  client.on('message', (_topic, payload) => {
    const { captured_at: at } = JSON.parse(payload.toString()) as { captured_at: string };
    latencies.push(performance.timeOrigin + performance.now() - Date.parse(at));
  });
  await client.subscribeAsync('shoal/bench/result/#');
  try {
    let before = 0;
    let warmUp = 0;
    await play(client, warmSeconds + seconds, (second) => {
      if (second !== warmSeconds) return;
      [before, warmUp] = [cpuMs(daemon.pid), latencies.length];
    });
    const core = cpuMs(daemon.pid) - before;
    await sleep(1500);
    const text = await (await fetch(`${daemon.url}/metrics`)).text();
    const total = (metric: string) =>
      [...text.matchAll(new RegExp(`^${metric}\\{.*\\} (\\d+)`, 'gm'))].reduce((sum, [, count]) => sum + Number(count), 0);
    const made = total('shoal_input_captures_claimed_total');
    const answered = latencies.length;
    latencies.splice(0, warmUp);
    return [
      figure('windows of 100 devices that had no answer', made - answered, 'windows', 'lower', 0),
      figure('windows or samples skipped', total('shoal_input_skipped_total'), 'count', 'lower', 0),
      figure('windows a second', latencies.length / seconds, 'windows/s', 'higher', devices * 0.97),
      figure('last sample to published result, median', percentile(latencies, 0.5), 'ms', 'lower'),
      figure('... 99th percentile', percentile(latencies, 0.99), 'ms', 'lower', 250),
      figure('... largest', Math.max(...latencies), 'ms', 'lower'),
      figure('CPU of the core a window', core / latencies.length, 'ms', 'lower'),
    ];
  } finally {
    await client.endAsync(true);
    await daemon.stop();
    await broker.stop();
  }
}

/** Publishes as many seconds of every device, in real time; says when each second begins. */
async function play(client: mqtt.MqttClient, lengthS: number, onSecond: (second: number) => void): Promise<void> {
  const randoms = Array.from({ length: devices }, (_, device) => noise(100 + device));
  const turns = rateHz / perMessage;
  const turnMs = 1000 / turns;
  const began = performance.now();
  for (let turn = 0; turn < lengthS * turns; turn++) {
    if (turn % turns === 0) onSecond(turn / turns);
    for (let device = 0; device < devices; device++) {
      const early = (turn + device / devices) * turnMs - (performance.now() - began);
      if (early > 1) await sleep(early);
      const samples = Array.from({ length: perMessage }, (_, i) => signal(turn * perMessage + i, randoms[device] ?? Math.random));
      client.publish(`machine/${device}`, Buffer.from(Float32Array.from(samples.flat()).buffer));
    }
  }
}
