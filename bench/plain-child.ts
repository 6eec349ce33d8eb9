/** The plain loop in a process of its own, `plain-child.js SUBJECT [BOARD]`: takes lists of files, answers with times, CPU and texts. */
import type { BoardClass } from '../src/core/board-class.js';
import type { Observation } from '../src/core/result.js';
import { type Look, openPlain, type Subject } from './plain-loop.js';

export interface LoopReply {
  /** When each file was done, on a clock of this process. */
  readonly doneMs: readonly number[];
  /** User and system time of the whole process. */
  readonly cpuMs: number;
  /** The lines read from each file; empty for faces. */
  readonly lines: readonly (readonly string[])[];
}

async function loop(look: Look, files: readonly string[]): Promise<LoopReply> {
  const doneMs: number[] = [];
  const lines: string[][] = [];
  const before = process.cpuUsage();
  for (const file of files) {
    const found: readonly Observation[] = await look(file);
    doneMs.push(performance.now());
    lines.push(found.flatMap(({ text }) => (text === undefined ? [] : [text])));
  }
  const { user, system } = process.cpuUsage(before);
  return { doneMs, cpuMs: (user + system) / 1000, lines };
}

const [, , subject, board] = process.argv;
const look = await openPlain(subject as Subject, board as BoardClass | undefined);
process.on('disconnect', () => process.exit(0));
process.on('message', (files: readonly string[]) => {
  loop(look, files).then(
    (reply) => process.send?.(reply),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.send?.('ready');
