/** A yes-or-no question to whoever sits at the terminal. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Output } from '../command-context.js';

/** Null where nobody can be asked: stdin is no terminal. Anything but yes is no, the end of the input too (Ctrl-D). */
export async function confirm(question: string, output: Output): Promise<boolean | null> {
  if (process.stdin.isTTY !== true) return null;
  const lines = createInterface({ input: process.stdin, terminal: false });
  try {
    output.write(`${question} [y/N] `);
    const answer = await Promise.race([once(lines, 'line').then(([line]) => String(line)), once(lines, 'close').then(() => null)]);
    if (answer === null) output.write('\n');
    return /^\s*y(es)?\s*$/i.test(answer ?? '');
  } finally {
    lines.close();
  }
}
