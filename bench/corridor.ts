/**
 * Captures a second through the whole daemon, over a plain loop of the same work in one process: what the corridor costs.
 *
 * The daemon is the built one: folder input, one engine with one thread, its store with synchronous=FULL on the disk of
 * this checkout, an MQTT sink to a broker in its own process; a subscriber's clock decides. Both sides are warm, all files
 * are there before the first result, and the rate is (N - 1) / (last - first). Rounds alternate; the figure is the median of their ratios.
 */
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Subscriber, startSubscriber } from '../test/support/subscriber.js';
import { type BenchBroker, startBroker } from './bench-broker.js';
import { type BenchDaemon, benchFolder, startDaemon } from './bench-daemon.js';
import { type Figure, figure, median } from './figure.js';
import { type LoopProcess, startLoop } from './loop-process.js';
import type { LoopReply } from './plain-child.js';
import type { Subject } from './plain-loop.js';
import { cpuMs } from './process-figures.js';

interface Course {
  readonly subject: Subject;
  readonly title: string;
  readonly files: readonly string[];
  /** Captures a round and side. */
  readonly count: number;
  readonly rounds: number;
  readonly target: number;
  readonly stages: readonly Readonly<Record<string, string>>[];
}

const courses: readonly Course[] = [
  {
    subject: 'ocr',
    title: 'OCR pages',
    files: [1, 2, 3, 4].map((page) => `bench/data/page-${page}.jpg`),
    count: 12,
    rounds: 5,
    target: 0.85,
    stages: [
      { task: 'detect-text', as: 'regions' },
      { each: 'regions', task: 'read-text', as: 'lines' },
    ],
  },
  {
    subject: 'faces',
    title: 'faces',
    files: ['bench/data/photo.jpg'],
    count: 100,
    rounds: 5,
    target: 0.8,
    stages: [{ task: 'detect-faces', as: 'faces' }],
  },
];

interface Round {
  readonly plain: number;
  readonly daemon: number;
  readonly coreCpuMs: number;
  readonly engineCpuMs: number;
  readonly plainCpuMs: number;
  readonly bytes: readonly number[];
}

interface Sides {
  readonly folder: string;
  readonly plain: LoopProcess<readonly string[], LoopReply>;
  readonly daemon: BenchDaemon;
  readonly subscriber: Subscriber;
}

const resultTopic = /\/(result|backlog)\//;

function rate(doneMs: readonly number[]): number {
  return ((doneMs.length - 1) * 1000) / ((doneMs.at(-1) ?? Number.NaN) - (doneMs[0] ?? Number.NaN));
}

/** Puts the files into the inbox at once and waits for as many results; answers when each arrived, and its size. */
async function through({ folder, subscriber }: Sides, files: readonly string[], round: string) {
  const before = subscriber.on(resultTopic).length;
  const names = files.map((file, index) => ({ file, name: `${round}-${String(index).padStart(4, '0')}.jpg` }));
  for (const { file, name } of names) copyFileSync(file, join(folder, 'outside', name));
  for (const { name } of names) renameSync(join(folder, 'outside', name), join(folder, 'inbox', name));
  await subscriber.wait((messages) => messages.filter(({ topic }) => resultTopic.test(topic)).length >= before + files.length, 300_000);
  const arrived = subscriber.on(resultTopic).slice(before);
  const failed = arrived.find(({ payload }) => !payload.includes('"outcome":"published"'));
  if (failed !== undefined) throw new Error(`a result is not what it should be: ${failed.payload}`);
  return { doneMs: arrived.map(({ atMs }) => atMs), bytes: arrived.map(({ payload }) => payload.length) };
}

async function runRound(sides: Sides, course: Course, number: number): Promise<Round> {
  const files = Array.from({ length: course.count }, (_, index) => course.files[index % course.files.length] ?? '');
  const { daemon, plain } = sides;
  const enginePids = daemon.engines();
  const engineCpu = (): number => enginePids.reduce((sum, pid) => sum + cpuMs(pid), 0);
  const first = number % 2 === 0 ? await plain.run(files) : null;
  const core = cpuMs(daemon.pid);
  const engine = engineCpu();
  const { doneMs, bytes } = await through(sides, files, `round-${number}`);
  const coreCpuMs = (cpuMs(daemon.pid) - core) / course.count;
  const engineCpuMs = (engineCpu() - engine) / course.count;
  const looped = first ?? (await plain.run(files));
  return { plain: rate(looped.doneMs), daemon: rate(doneMs), coreCpuMs, engineCpuMs, plainCpuMs: looped.cpuMs / course.count, bytes };
}

async function runCourse(course: Course, broker: BenchBroker): Promise<Figure[]> {
  const folder = benchFolder(course.subject);
  for (const name of ['inbox', 'outside']) mkdirSync(join(folder, name));
  const subscriber = await startSubscriber({ url: broker.url, topic: 'shoal/#' });
  const plain = await startLoop<readonly string[], LoopReply>('./plain-child.js', [course.subject]);
  const daemon = await startDaemon(folder, {
    engine: { count: 1, threads: 1 },
    connections: { lan: { type: 'mqtt', url: broker.url } },
    sinks: { lan: { type: 'mqtt', connection: 'lan' } },
    inputs: { inbox: { type: 'folder', path: join(folder, 'inbox') } },
    pipelines: { [course.subject]: { from: ['inbox'], stages: course.stages } },
  });
  try {
    const sides: Sides = { folder, plain, daemon, subscriber };
    await runRound(sides, { ...course, count: Math.ceil(course.count / 4) }, 0);
    const rounds: Round[] = [];
    for (let number = 1; number <= course.rounds; number++) rounds.push(await runRound(sides, course, number));
    return figuresOf(course, rounds);
  } finally {
    plain.stop();
    await daemon.stop();
    await subscriber.stop();
  }
}

function figuresOf({ title, target }: Course, rounds: readonly Round[]): Figure[] {
  const ratios = rounds.map(({ daemon, plain }) => daemon / plain);
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick));
  return [
    figure(`${title}: daemon over plain loop, captures/s`, median(ratios), 'ratio', 'higher', target),
    figure(`${title}: smallest ratio of ${rounds.length} rounds`, Math.min(...ratios), 'ratio', 'higher'),
    figure(`${title}: largest ratio of ${rounds.length} rounds`, Math.max(...ratios), 'ratio', 'higher'),
    figure(
      `${title}: daemon`,
      of(({ daemon }) => daemon),
      'captures/s',
      'higher',
    ),
    figure(
      `${title}: plain loop`,
      of(({ plain }) => plain),
      'captures/s',
      'higher',
    ),
    figure(
      `${title}: CPU of the core a capture`,
      of(({ coreCpuMs }) => coreCpuMs),
      'ms',
      'lower',
    ),
    figure(
      `${title}: CPU of the engine a capture`,
      of(({ engineCpuMs }) => engineCpuMs),
      'ms',
      'lower',
    ),
    figure(
      `${title}: CPU of the plain loop a capture`,
      of(({ plainCpuMs }) => plainCpuMs),
      'ms',
      'lower',
    ),
    figure(`${title}: bytes a result`, median(rounds.flatMap(({ bytes }) => bytes)), 'bytes', 'lower'),
  ];
}

export async function corridor(): Promise<readonly Figure[]> {
  const folder = benchFolder('broker');
  const broker = await startBroker(folder);
  try {
    const figures: Figure[] = [];
    for (const course of courses) figures.push(...(await runCourse(course, broker)));
    return figures;
  } finally {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
