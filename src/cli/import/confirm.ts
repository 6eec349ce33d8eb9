/** A yes-or-no question to whoever sits at the terminal. */
import { createInterface } from 'node:readline/promises';
import type { Output } from '../command-context.js';

/** Null where nobody can be asked: stdin is no terminal. Anything but yes is no. */
export async function confirm(question: string, output: Output): Promise<boolean | null> {
  if (process.stdin.isTTY !== true) return null;
  const lines = createInterface({ input: process.stdin, terminal: false });
  try {
    output.write(`${question} [y/N] `);
    return /^\s*y(es)?\s*$/i.test(await lines.question(''));
  } finally {
    lines.close();
  }
}
