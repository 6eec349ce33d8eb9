/**
 * Whether a daemon with a camera and a microphone grows: memory, file descriptors and threads over hours.
 *
 * The built daemon, its own rpicam-vid command line answered by a script that lets ffmpeg draw, and a command that plays noise: what is not
 * shown is a driver. Ten minutes if not told otherwise, which show a leak of tens of megabytes an hour and no smaller one; `npm run bench -- soak 72`
 * is the long run. Slopes are of least squares over the samples after the first fifth, in which models are opened and heaps find their size.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchDaemon, benchFolder, startDaemon } from './bench-daemon.js';
import { type Figure, figure } from './figure.js';
import { rssMegabytes } from './process-figures.js';

const cameraHz = 10;
const samples = 240;

interface Sample {
  readonly hours: number;
  readonly core: number;
  readonly engines: number;
  readonly fds: number;
  readonly threads: number;
}

export async function soak([hours = '0.1667']: readonly string[]): Promise<readonly Figure[]> {
  if (!(Number(hours) > 0 && Number(hours) <= 24 * 31)) throw new Error(`soak runs for a number of hours, as in "soak 72"; got ${hours}`);
  if (spawnSync(process.execPath, ['tools/packages.mjs', 'ffmpeg'], { stdio: ['ignore', 2, 2] }).status !== 0)
    throw new Error('no ffmpeg here');
  const folder = benchFolder('soak');
  drawnCamera(join(folder, 'bin'));
  const daemon = await startDaemon(folder, sections(folder));
  try {
    const seen: Sample[] = [];
    const began = performance.now();
    const everyMs = (Number(hours) * 3_600_000) / samples;
    for (let next = everyMs; seen.length < samples; next += everyMs) {
      await sleep(Math.max(0, next - (performance.now() - began)));
      seen.push(look(daemon, (performance.now() - began) / 3_600_000));
    }
    return [...growth(seen), ...(await counted(daemon, (performance.now() - began) / 1000))];
  } finally {
    await daemon.stop();
  }
}

function drawnCamera(bin: string): void {
  const drawn = `testsrc2=size=640x480:rate=${cameraHz},noise=alls=12:allf=t`;
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'rpicam-vid'),
    `#!/bin/sh\nexec ffmpeg -nostdin -loglevel error -re -f lavfi -i ${drawn} -c:v mjpeg -q:v 3 -f mjpeg pipe:1\n`,
  );
  chmodSync(join(bin, 'rpicam-vid'), 0o755);
  process.env.PATH = `${bin}:${process.env.PATH}`;
}

function sections(folder: string): Readonly<Record<string, unknown>> {
  const noise = 'anoisesrc=sample_rate=16000:amplitude=0.2:color=brown';
  const played = ['ffmpeg', '-nostdin', '-loglevel', 'error', '-re', '-f', 'lavfi', '-i', noise, '-ac', '1', '-f', 's16le', 'pipe:1'];
  return {
    sinks: { journal: { type: 'file', path: join(folder, 'results.ndjson') } },
    inputs: {
      door: { type: 'camera', source: 'csi', size: [640, 480], rate_hz: cameraHz },
      hall: { type: 'microphone', source: 'command', command: played },
    },
    pipelines: {
      faces: { from: ['door'], stages: [{ task: 'detect-faces', as: 'faces' }] },
      speech: { from: ['hall'], stages: [{ task: 'detect-speech', as: 'speech' }] },
    },
  };
}

function look(daemon: BenchDaemon, hours: number): Sample {
  const engines = daemon.engines().filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('node'));
  return {
    hours,
    core: rssMegabytes(daemon.pid),
    engines: engines.reduce((sum, pid) => sum + rssMegabytes(pid), 0),
    fds: readdirSync(`/proc/${daemon.pid}/fd`).length,
    threads: readdirSync(`/proc/${daemon.pid}/task`).length,
  };
}

function growth(seen: readonly Sample[]): Figure[] {
  const settled = seen.slice(Math.floor(seen.length / 5));
  const slope = (of: (sample: Sample) => number) => slopeOf(settled.map((sample) => [sample.hours, of(sample)]));
  const last = settled.at(-1);
  const spread = (of: (sample: Sample) => number) => Math.max(...settled.map(of)) - Math.min(...settled.map(of));
  const half = (from: number, to: number) => settled.slice(from, to).reduce((sum, { fds }) => sum + fds, 0) / Math.max(1, to - from);
  const middle = settled.length >> 1;
  return [
    figure(
      'core and engines: growth of resident memory',
      slope(({ core, engines }) => core + engines),
      'MB/h',
      'lower',
      50,
    ),
    figure(
      'core: growth of resident memory',
      slope(({ core }) => core),
      'MB/h',
      'lower',
    ),
    figure('core: resident memory at the end', last?.core ?? Number.NaN, 'MB', 'lower'),
    figure('engines: resident memory at the end', last?.engines ?? Number.NaN, 'MB', 'lower'),
    figure('core: file descriptors, second half against first', half(middle, settled.length) - half(0, middle), '', 'lower', 1),
    figure('core: file descriptors at the end', last?.fds ?? Number.NaN, '', 'lower'),
    figure(
      'core: threads, most against fewest',
      spread(({ threads }) => threads),
      '',
      'lower',
      0,
    ),
  ];
}

function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const shared = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return shared / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

async function counted(daemon: BenchDaemon, seconds: number): Promise<Figure[]> {
  const text = await (await fetch(`${daemon.url}/metrics`)).text();
  const sum = (name: string, labels: RegExp) =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) && labels.test(line))
      .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  return [
    figure('camera: pictures', sum('shoal_input_captures_claimed_total', /input="door"/) / seconds, '/s', 'higher', cameraHz * 0.8),
    figure('microphone: windows', sum('shoal_input_captures_claimed_total', /input="hall"/) / seconds, '/s', 'higher', 0.9),
    figure('pieces skipped by the inputs', sum('shoal_input_skipped_total', /./), '', 'lower'),
  ];
}
