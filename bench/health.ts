/**
 * Whether the core stays small and answers while the engines work: what a watchdog and an operator feel.
 *
 * Latencies come from an open-loop client in its own process, idle and busy in turn; busy means that the text detector has
 * more pages than its engines can take. The start counts from the spawn of bin/shoal to the first 200 of /readyz with the smallest
 * useful configuration (a folder, a file sink, one pipeline): models are opened by their first capture, so none is opened in it.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBroker } from './bench-broker.js';
import { type BenchDaemon, benchFolder, startDaemon } from './bench-daemon.js';
import { type Figure, figure, median, percentile } from './figure.js';
import { startLoop } from './loop-process.js';
import { cpuMs, mappedFiles, rssMegabytes } from './process-figures.js';

const rounds = 4;
const phaseMs = 8_000;
const rateHz = 100;
const starts = 7;
const pages = [1, 2, 3, 4].map((page) => `bench/data/page-${page}.jpg`);

function smallest(folder: string): Readonly<Record<string, unknown>> {
  return {
    sinks: { journal: { type: 'file', path: join(folder, 'results.ndjson') } },
    inputs: { inbox: { type: 'folder', path: join(folder, 'inbox') } },
    pipelines: { text: { from: ['inbox'], stages: [{ task: 'detect-text', as: 'regions' }] } },
  };
}

/** Keeps a few pages in front of the engines until stopped; `stop` resolves when all are done. */
function feed(folder: string): { stop(): Promise<void> } {
  const inbox = join(folder, 'inbox');
  let number = 0;
  const add = (): void => {
    const name = `${Date.now()}-${number}.jpg`;
    copyFileSync(pages[number++ % pages.length] ?? '', join(folder, 'state', name));
    renameSync(join(folder, 'state', name), join(inbox, name));
  };
  const waiting = (): number =>
    readdirSync(inbox).filter((name) => name.endsWith('.jpg')).length +
    readdirSync(join(inbox, 'work')).filter((name) => name.endsWith('.jpg')).length;
  const top = (): void => {
    for (let missing = 8 - waiting(); missing > 0; missing--) add();
  };
  top();
  const timer = setInterval(top, 250);
  return {
    stop: async () => {
      clearInterval(timer);
      while (waiting() > 0) await sleep(50);
    },
  };
}

function enginesCpuMs(daemon: BenchDaemon): number {
  return daemon.engines().reduce((sum, pid) => sum + cpuMs(pid), 0);
}

async function latencies(daemon: BenchDaemon, folder: string): Promise<Figure[]> {
  const client = await startLoop<number, readonly number[]>('./open-loop-child.js', [`${daemon.url}/healthz`, String(rateHz)]);
  const idle: number[] = [];
  const busy: number[] = [];
  const shares: number[] = [];
  let mapped: string[] = [];
  try {
    await client.run(1_000);
    for (let round = 0; round < rounds; round++) {
      idle.push(percentile(await client.run(phaseMs), 0.99));
      const feeder = feed(folder);
      await sleep(1_000);
      const before = enginesCpuMs(daemon);
      busy.push(percentile(await client.run(phaseMs), 0.99));
      shares.push((enginesCpuMs(daemon) - before) / phaseMs / daemon.engines().length);
      mapped = mappedFiles(daemon.pid);
      await feeder.stop();
    }
  } finally {
    client.stop();
  }
  const ratios = busy.map((value, round) => value / (idle[round] ?? Number.NaN));
  const foreign = mapped.filter((name) => /vips|onnxruntime/i.test(name));
  return [
    figure(`/healthz p99 at ${rateHz} requests/s, busy over idle`, median(ratios), 'ratio', 'lower', 3),
    figure(`smallest ratio of ${rounds} rounds`, Math.min(...ratios), 'ratio', 'lower'),
    figure(`largest ratio of ${rounds} rounds`, Math.max(...ratios), 'ratio', 'lower'),
    figure('/healthz p99, idle', median(idle), 'ms', 'lower'),
    figure('/healthz p99, engines busy', median(busy), 'ms', 'lower'),
    figure('CPU of an engine while busy', median(shares), 'cores', 'higher'),
    figure('libvips or ONNX Runtime files in the core while busy', foreign.length, 'files', 'lower', 0),
  ];
}

async function startFigures(): Promise<Figure[]> {
  const alive: number[] = [];
  const ready: number[] = [];
  const bare: number[] = [];
  for (let number = 0; number < starts; number++) {
    const began = performance.now();
    execFileSync(process.execPath, ['-e', '0']);
    bare.push(performance.now() - began);
    const folder = benchFolder('start');
    const daemon = await startDaemon(folder, smallest(folder));
    alive.push(daemon.aliveMs);
    ready.push(daemon.readyMs);
    await daemon.stop();
  }
  return [
    figure('start to /readyz, no model opened', median(ready) / 1000, 's', 'lower', 0.5),
    figure(`fastest start to /readyz of ${starts}`, Math.min(...ready) / 1000, 's', 'lower'),
    figure('start to /livez', median(alive) / 1000, 's', 'lower'),
    figure('a Node that does nothing, start to end', median(bare) / 1000, 's', 'lower'),
  ];
}

export async function health(): Promise<readonly Figure[]> {
  const figures = await startFigures();
  const folder = benchFolder('health');
  const broker = await startBroker(join(folder, 'broker'));
  mkdirSync(join(folder, 'inbox'));
  const daemon = await startDaemon(folder, {
    ...smallest(folder),
    connections: { lan: { type: 'mqtt', url: broker.url } },
    sinks: { lan: { type: 'mqtt', connection: 'lan' }, journal: { type: 'file', path: join(folder, 'results.ndjson') } },
  });
  try {
    await sleep(3_000);
    figures.push(figure('RSS of the idle core', rssMegabytes(daemon.pid), 'MB', 'lower', 105));
    return [...figures, ...(await latencies(daemon, folder))];
  } finally {
    await daemon.stop();
    await broker.stop();
  }
}
