/** Asks whoever sits at the terminal about one hit after the other. */
import { createInterface } from 'node:readline';
import type { Output } from '../command-context.js';
import type { Answer, Hit } from './audit-file.js';

const words: Readonly<Record<string, Answer>> = { y: 'yes', yes: 'yes', n: 'no', no: 'no', s: 'skip', skip: 'skip' };

/**
 * `text` is what is shown of a hit; `answered` is waited for before the next question. Ends with the last hit, on `q`, or where the input
 * ends (Ctrl-D).
 */
export async function askPerson(
  hits: readonly Hit[],
  text: (hit: Hit, index: number) => string,
  answered: (hit: Hit, answer: Answer) => Promise<void>,
  output: Output,
): Promise<void> {
  const reader = createInterface({ input: process.stdin, terminal: false });
  const lines = reader[Symbol.asyncIterator]();
  try {
    for (const [index, hit] of hits.entries()) {
      output.write(`\n${text(hit, index)}\n`);
      const answer = await ask(lines, output);
      if (answer === null) return;
      await answered(hit, answer);
    }
  } finally {
    reader.close();
  }
}

/** Null for no more answers. */
async function ask(lines: AsyncIterator<string>, output: Output): Promise<Answer | null> {
  for (;;) {
    output.write('Right? [y]es, [n]o, [s]kip, [q]uit: ');
    const { done, value } = await lines.next();
    if (done === true) output.write('\n');
    const word = done === true ? 'q' : value.trim().toLowerCase();
    if (word === 'q' || word === 'quit') return null;
    const answer = Object.hasOwn(words, word) ? words[word] : undefined;
    if (answer !== undefined) return answer;
  }
}
