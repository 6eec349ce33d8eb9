/**
 * One question to a process of its own, in which native code may do what it likes.
 *
 * Guarantees: the process is gone when the promise settles, however it settles; it dies with this one; it is killed after `timeoutMs`.
 */

import { once } from 'node:events';
import type { Log } from '../../core/contracts.js';
import { ShoalError } from '../../core/errors.js';
import { StderrTail } from '../../core/stderr-tail.js';
import { spawnEngine } from '../spawn.js';

/** How far the process is. */
export interface Progress {
  readonly progress: { readonly what: string; readonly done: number; readonly of: number };
}

export interface Question {
  /** Absolute path of the module to run; it answers its first message with one. */
  readonly entry: string;
  readonly request: object;
  readonly timeoutMs: number;
  /** What the process is for, in errors: `the process that measures memory`. */
  readonly what: string;
  /** More flags for Node. */
  readonly node?: readonly string[];
  /** Gets whatever the process says before its answer, which is a message of this shape. */
  readonly onProgress?: (progress: Progress) => void;
}

/** The answer as it came: the caller checks it. Throws INFERENCE when the process dies or takes too long. */
export async function askProcess(
  { entry, request, timeoutMs, what, node = [], onProgress = () => {} }: Question,
  log: Log,
): Promise<unknown> {
  const child = await spawnEngine(entry, log, node);
  const exited = once(child, 'exit');
  const stderr = new StderrTail(log);
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => stderr.push(chunk));
  const overdue = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  try {
    const answered = new Promise<unknown>((resolve, reject) => {
      child.on('message', (message: unknown) => (isProgress(message) ? onProgress(message) : resolve(message)));
      child.once('error', reject);
      exited.then(([code, signal]) => {
        reject(new ShoalError('INFERENCE', `${what} died (${signal ?? `code ${code}`}) ${stderr.text()}`.trim()));
      }, reject);
    });
    child.send(request, () => {});
    return await answered;
  } finally {
    clearTimeout(overdue);
    child.kill('SIGKILL');
    await exited;
  }
}

function isProgress(message: unknown): message is Progress {
  return typeof message === 'object' && message !== null && 'progress' in message;
}
