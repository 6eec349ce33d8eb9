/**
 * Five times what the engines can do, offered for a while, beside a little that is urgent: what the fault test and the benchmark share.
 *
 * Two folders, one engine. What the engines can do is measured first, on the same daemon; the budget of what is urgent is a multiple of that.
 */
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startAedes } from '../support/brokers.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { startSubscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';

export interface OverloadOptions {
  readonly seconds: number;
  /** How much is offered, in what the engines can do. */
  readonly factor: number;
  /** The control: what is urgent is put last. */
  readonly upsideDown?: boolean;
  /** JPEG. */
  readonly picture: Uint8Array;
}

export interface Overload {
  /** Captures a second that the engines can do of what floods. */
  readonly capacityHz: number;
  readonly offered: number;
  readonly budgetMs: number;
  readonly urgent: { readonly asked: number; readonly inTime: number };
  /** Of what floods, by outcome; `counted` are those whose drop has a cause. */
  readonly flood: { readonly settled: number; readonly looked: number; readonly dropped: number; readonly counted: number };
  /** From the last file offered until all is settled, and until a capture put in then has its result (ms). */
  readonly drainedMs: number;
  readonly recoveredMs: number;
  /** Resident memory of the core before, and at most during the flood. */
  /** Files of the flood that ended in `failed/`. */
  readonly failed: number;
  readonly rssBytes: { readonly before: number; readonly peak: number };
}

const urgentEveryMs = 250;
/** Two jobs of the flood may be in the engine when something urgent comes; the rest is for a busy machine. */
const budgetInJobs = 6;
const waitingMax = 8;

interface Bench {
  readonly scratch: Scratch;
  readonly daemon: DaemonProcess;
  put(folder: 'gate' | 'flood', name: string): void;
  metric(name: string, labels: Readonly<Record<string, string>>): Promise<number>;
  stop(): Promise<void>;
}

async function startBench(picture: Uint8Array, budgetMs: number, upsideDown: boolean): Promise<Bench> {
  const broker = await startAedes();
  const scratch = new Scratch();
  const subscriber = await startSubscriber({ url: broker.url, topic: 'shoal/#', protocol: 4 });
  const [gate, flood] = [join(scratch.dir, 'gate'), join(scratch.dir, 'flood')];
  const folder = (path: string) => ({ type: 'folder', path, settle_ms: 10, rescan_ms: 200 });
  scratch.configure({
    engine: { count: 1, threads: 1 },
    connections: { lan: { type: 'mqtt', url: broker.url } },
    sinks: { lan: { type: 'mqtt', connection: 'lan' } },
    inputs: {
      gate: { ...folder(gate), when_full: 'keep_latest', max_waiting: 4 },
      flood: { ...folder(flood), when_full: 'drop_newest', max_waiting: waitingMax },
    },
    pipelines: {
      watch: { from: ['gate'], priority: upsideDown ? 9 : 0, budget_ms: budgetMs, stages: [{ task: 'detect-faces', tiles: 'off' }] },
      bulk: { from: ['flood'], priority: upsideDown ? 0 : 9, stages: [{ task: 'detect-text' }] },
    },
  });
  const daemon = new DaemonProcess(scratch);
  await daemon.ready(60_000);
  return {
    scratch,
    daemon,
    put: (place, name) => {
      const outside = join(scratch.outside, name);
      writeFileSync(outside, picture);
      renameSync(outside, join(place === 'gate' ? gate : flood, name));
    },
    metric: (name, labels) => daemon.metric(name, labels),
    stop: async () => {
      await subscriber.stop();
      await daemon.kill();
      await scratch.remove();
      await broker.stop();
    },
  };
}

export async function overload({ seconds, factor, upsideDown = false, picture }: OverloadOptions): Promise<Overload> {
  const capacityHz = await measureCapacity(picture);
  const budgetMs = Math.ceil((budgetInJobs * 1000) / capacityHz);
  const bench = await startBench(picture, budgetMs, upsideDown);
  try {
    const before = rssOf(await bench.daemon.json<{ rss_bytes: number }>('/v1/status'));
    bench.put('flood', 'warm.jpg');
    bench.put('gate', 'warm.jpg');
    await settled(bench, 'flood', 1);
    await settled(bench, 'gate', 1);
    const late = await bench.metric('shoal_outcomes_total', { pipeline: 'watch', outcome: 'late' });
    const { offered, asked, peak } = await flood(bench, seconds, factor * capacityHz);
    const endMs = performance.now();
    await settled(bench, 'flood', offered + 1);
    const drainedMs = performance.now() - endMs;
    bench.put('flood', 'after.jpg');
    const looked = () => bench.metric('shoal_outcomes_total', { pipeline: 'bulk', outcome: 'published' });
    const lookedBefore = await looked();
    await until('a capture after the flood has its result', async () => (await looked()) > lookedBefore, 60_000);
    const recoveredMs = performance.now() - endMs;
    await settled(bench, 'gate', asked + 1);
    const of = (labels: Readonly<Record<string, string>>) => bench.metric('shoal_outcomes_total', labels);
    const missed = (await of({ pipeline: 'watch', outcome: 'late' })) - late + (await of({ pipeline: 'watch', outcome: 'dropped' }));
    return {
      capacityHz,
      offered,
      budgetMs,
      urgent: { asked, inTime: asked - missed },
      flood: {
        settled: (await of({ input: 'flood' })) - 2,
        looked: (await looked()) - 2,
        dropped: await of({ input: 'flood', outcome: 'dropped' }),
        counted: await bench.metric('shoal_drops_total', { input: 'flood', cause: 'queue_full' }),
      },
      drainedMs,
      recoveredMs,
      failed: readdirSync(join(bench.scratch.dir, 'flood/failed')).length,
      rssBytes: { before, peak: Math.max(before, peak) },
    };
  } finally {
    await bench.stop();
  }
}

/** Captures a second that one engine can do of what floods, with nothing else to do. */
async function measureCapacity(picture: Uint8Array): Promise<number> {
  const bench = await startBench(picture, 60_000, false);
  try {
    bench.put('flood', 'warm.jpg');
    await settled(bench, 'flood', 1);
    const began = performance.now();
    let put = 0;
    for (; performance.now() - began < 5000; await sleep(5)) {
      while (put - (await bench.metric('shoal_outcomes_total', { input: 'flood' })) < waitingMax / 2) bench.put('flood', `${put++}.jpg`);
    }
    const done = (await bench.metric('shoal_outcomes_total', { input: 'flood' })) - 1;
    return (done * 1000) / (performance.now() - began);
  } finally {
    await bench.stop();
  }
}

async function flood(bench: Bench, seconds: number, hz: number): Promise<{ offered: number; asked: number; peak: number }> {
  const began = performance.now();
  let [offered, asked, peak] = [0, 0, 0];
  for (let nowMs = 0; nowMs < seconds * 1000; nowMs = performance.now() - began) {
    for (; offered < (nowMs * hz) / 1000; offered++) bench.put('flood', `flood-${offered}.jpg`);
    for (; asked < nowMs / urgentEveryMs; asked++) {
      bench.put('gate', `urgent-${asked}.jpg`);
      if (asked % 8 === 0) peak = Math.max(peak, rssOf(await bench.daemon.json<{ rss_bytes: number }>('/v1/status')));
    }
    await sleep(10);
  }
  return { offered, asked, peak };
}

async function settled(bench: Bench, input: string, count: number): Promise<void> {
  await until(
    `${count} captures of ${input} are settled`,
    async () => (await bench.metric('shoal_outcomes_total', { input })) >= count,
    120_000,
  );
}

function rssOf({ rss_bytes }: { readonly rss_bytes: number }): number {
  return rss_bytes;
}
