/** Candidates of the bundled models in a process of its own, which may run under a mask of CPU features: answers one piece of work at a time. */
import { resolve } from 'node:path';
import type { BoardClass } from '../src/core/board-class.js';
import type { Observation } from '../src/core/result.js';
import { readCard } from '../src/registry/card.js';
import { variantFor } from '../tools/run-task.js';
import { type Candidate, openCandidates } from './compile/candidates.js';
import { type Subject, subjects } from './compile/subjects.js';
import type { Answers, Listed, Work } from './compile/work.js';

interface Opened {
  readonly subject: Subject;
  readonly candidates: readonly Candidate[];
}

const opened = new Map<string, Promise<Opened>>();

function open(model: string): Promise<Opened> {
  const known = opened.get(model);
  if (known !== undefined) return known;
  const subject = subjects[model];
  if (subject === undefined) throw new Error(`there are no samples for ${model}`);
  const opening = openCandidates(subject.folder, subject.task).then((candidates) => ({ subject, candidates }));
  opened.set(model, opening);
  return opening;
}

async function list(model: string, board: BoardClass): Promise<Listed> {
  const { subject, candidates } = await open(model);
  const pinned = variantFor((await readCard(resolve(subject.folder))).model, board);
  const listed = candidates.map(({ name, unchanged, bytes }) => ({ name, unchanged, bytes }));
  return { candidates: listed, samples: await subject.count(), pinned };
}

/** Below this much CPU a reading is the noise of the clock. */
const readingMs = 40;

/** CPU of one model run in each round, by candidate; the candidates take turns within a round, another first in the next. */
async function cost(model: string, rounds: number): Promise<number[][]> {
  const { subject, candidates } = await open(model);
  const sample = await subject.costSample();
  const looks: number[] = [];
  for (const { look } of candidates) {
    await look(sample);
    looks.push(Math.max(1, Math.ceil(readingMs / Math.max(0.01, (await look(sample)).runCpuMs))));
  }
  const spent: number[][] = candidates.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < candidates.length; turn++) {
      const which = (turn + round) % candidates.length;
      let [cpuMs, runs] = [0, 0];
      for (let look = 0; look < (looks[which] ?? 1); look++) {
        const answer = await candidates[which]?.look(sample);
        cpuMs += answer?.runCpuMs ?? 0;
        runs += answer?.runs ?? 0;
      }
      spent[which]?.push(cpuMs / runs);
    }
  }
  return spent;
}

async function answers(model: string, from: number, to: number, names: readonly string[]): Promise<Answers> {
  const { subject, candidates } = await open(model);
  const asked = candidates.filter(({ name }) => names.includes(name));
  const truths: (readonly Observation[] | null)[] = [];
  const found: (readonly Observation[])[][] = asked.map(() => []);
  for (let index = from; index < to; index++) {
    const { sample, truth } = await subject.held(index);
    truths.push(truth);
    for (const [which, { look }] of asked.entries()) found[which]?.push((await look(sample)).observations);
  }
  return { truths, found };
}

async function work(order: Work): Promise<unknown> {
  if (order.kind === 'list') return list(order.model, order.board);
  if (order.kind === 'cost') return cost(order.model, order.rounds);
  return answers(order.model, order.from, order.to, order.names);
}

process.on('disconnect', () => process.exit(0));
process.on('message', (order: Work) => {
  work(order).then(
    (reply) => process.send?.(reply),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.send?.('ready');
