/**
 * Every variant of every bundled model beside that model as its package ships it: CPU of a run, and what its answers lose.
 *
 * Cost: one process, one thread, the candidates in turn. Accuracy: held-out samples (see compile/subjects.ts), answered by two
 * processes at once. All of it once as this machine is, and where its features can be masked once more with the kernels of a CPU that has
 * AVX2 and no VNNI. Targets hold for the variant that the card pins for such a CPU. Progress is told on stderr.
 */
import type { BoardClass } from '../src/core/board-class.js';
import { boardClassHere } from '../tools/run-task.js';
import { judge, type Pair } from './compile/judge.js';
import { subjects } from './compile/subjects.js';
import type { Answers, Costs, Listed, Work } from './compile/work.js';
import { maskedEnv } from './cpu-mask.js';
import { type Figure, figure, median, testData } from './figure.js';
import { type LoopProcess, startLoop } from './loop-process.js';
import { needFonts } from './rendered/sets.js';

const rounds = 15;
/** Samples in one piece of work. */
const pieceSize = 50;

/** Largest CPU of a run over that as shipped, by class of board. */
const half: Targets = { 'x64-vnni': 0.5, x64: 0.6 };
const threeQuarters: Targets = { 'x64-vnni': 0.75, x64: 0.75 };
const costTargets: Readonly<Record<string, Targets>> = {
  'ppocr-det': half,
  'ppocr-rec': half,
  'ppocr-cls': threeQuarters,
  'blazeface-back': threeQuarters,
};

type Targets = Readonly<Partial<Record<BoardClass, number>>>;
type Child = LoopProcess<Work, unknown>;

interface Pass {
  /** As what the cards are asked. */
  readonly board: BoardClass;
  /** Ends the names of its figures. */
  readonly where: string;
  readonly children: readonly [Child, Child];
}

const say = (text: string): boolean => process.stderr.write(`shoal: ${text}\n`);

/** `models`: those to measure, all without any. Throws for a name that is none of them. */
export async function compile(models: readonly string[]): Promise<readonly Figure[]> {
  testData();
  needFonts();
  const unknown = models.find((model) => !Object.hasOwn(subjects, model));
  if (unknown !== undefined) throw new Error(`there are no samples for ${unknown}, only for ${Object.keys(subjects).join(', ')}`);
  const asked = models.length === 0 ? Object.keys(subjects) : models;
  const board = boardClassHere();
  const figures = await runPass(asked, board, board === 'x64-vnni' ? 'VNNI' : board === 'x64' ? 'AVX2 kernels' : board, {});
  if (board !== 'x64-vnni') return figures;
  const masked = await maskedEnv('avx2');
  if (masked !== null) return [...figures, ...(await runPass(asked, 'x64', 'AVX2 kernels', masked))];
  say('the pass with AVX2 kernels is left out: it needs gcc and objdump');
  return figures;
}

async function runPass(models: readonly string[], board: BoardClass, where: string, env: NodeJS.ProcessEnv): Promise<Figure[]> {
  const start = (): Promise<Child> => startLoop<Work, unknown>('./compile-child.js', [], env);
  const pass: Pass = { board, where, children: [await start(), await start()] };
  try {
    const figures: Figure[] = [];
    for (const model of models) figures.push(...(await measureModel(model, pass)));
    return figures;
  } finally {
    for (const child of pass.children) child.stop();
  }
}

async function measureModel(model: string, pass: Pass): Promise<Figure[]> {
  const [child] = pass.children;
  const { candidates, samples, pinned } = (await child.run({ kind: 'list', model, board: pass.board })) as Listed;
  const [, ...variants] = candidates;
  if (variants.every(({ unchanged }) => unchanged)) {
    return [figure(`${model}: its file is the one as shipped, CPU a run (${pass.where})`, 1, 'ratio', 'lower')];
  }
  say(`${model} (${pass.where}): cost of ${candidates.map(({ name }) => name).join(', ')} ...`);
  const costs = (await child.run({ kind: 'cost', model, rounds })) as Costs;
  const answers = await askAll(
    model,
    samples,
    candidates.map(({ name }) => name),
    pass,
  );
  return variants.flatMap(({ name, bytes }, index) => {
    const chosen = name === pinned;
    const pairs = answers.truths.map(
      (truth, at): Pair => ({ truth, shipped: answers.found[0]?.[at] ?? [], found: answers.found[index + 1]?.[at] ?? [] }),
    );
    const title = `${model} ${name} (${pass.where})`;
    const task = subjects[model]?.task;
    return [
      ...costFigures(model, title, costs, index + 1, chosen ? (costTargets[model]?.[pass.board] ?? null) : null),
      figure(`${title}: bytes over those as shipped`, bytes / (candidates[0]?.bytes ?? Number.NaN), 'ratio', 'lower'),
      ...(task === undefined ? [] : judge(task, title, pairs, chosen)),
    ];
  });
}

function costFigures(model: string, title: string, costs: Costs, which: number, target: number | null): Figure[] {
  const shipped = costs[0] ?? [];
  const own = costs[which] ?? [];
  const ratios = own.map((ms, round) => ms / (shipped[round] ?? Number.NaN));
  const what = `CPU of a run on ${subjects[model]?.costOf}`;
  return [
    figure(`${title}: ${what} over that as shipped`, median(ratios), 'ratio', 'lower', target),
    figure(`${title}: ${what}, smallest ratio of ${ratios.length} rounds`, Math.min(...ratios), 'ratio', 'lower'),
    figure(`${title}: ${what}, largest ratio`, Math.max(...ratios), 'ratio', 'lower'),
    figure(`${title}: ${what}`, median(own), 'ms', 'lower'),
    figure(`${title}: ${what} as shipped`, median(shipped), 'ms', 'lower'),
  ];
}

/** All samples, piece by piece, whichever child is free. */
async function askAll(model: string, samples: number, names: readonly string[], pass: Pass): Promise<Answers> {
  const pieces = Array.from({ length: Math.ceil(samples / pieceSize) }, (_, piece) => piece * pieceSize);
  const answered = new Map<number, Answers>();
  let next = 0;
  const serve = async (child: Child): Promise<void> => {
    for (let from = pieces[next++]; from !== undefined; from = pieces[next++]) {
      const to = Math.min(samples, from + pieceSize);
      answered.set(from, (await child.run({ kind: 'answers', model, from, to, names })) as Answers);
      if (answered.size % 10 === 0 || answered.size === pieces.length) {
        say(`${model} (${pass.where}): ${Math.min(samples, answered.size * pieceSize)} of ${samples} samples`);
      }
    }
  };
  await Promise.all(pass.children.map(serve));
  const parts = pieces.flatMap((from) => answered.get(from) ?? []);
  return {
    truths: parts.flatMap(({ truths }) => truths),
    found: names.map((_, which) => parts.flatMap(({ found }) => found[which] ?? [])),
  };
}
