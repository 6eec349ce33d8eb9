/**
 * Runs a compilation in a process of its own, seen from the command.
 *
 * Guarantees: the process is gone when the promise settles, however it settles, and dies with the command when that is killed
 * (`setpriv --pdeathsig`); it runs at nice 10; it is killed after `limits.compileMs`.
 */

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Log } from '../../core/contracts.js';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { StderrTail } from '../../core/stderr-tail.js';
import { spawnEngine } from '../../engine/spawn.js';
import { type CompileOutcome, type CompileReply, type CompileRequest, readReply } from './compile-protocol.js';

export type Progress = Omit<Extract<CompileReply, { type: 'progress' }>, 'type'>;

const entry = fileURLToPath(new URL('./compile-child.js', import.meta.url));

/** Throws what the compilation failed with, ENGINE_CRASHED or ENGINE_HUNG; the signal's reason when it is aborted. */
export async function runCompile(
  request: CompileRequest,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
  log: Log,
): Promise<CompileOutcome> {
  signal.throwIfAborted();
  const child = await spawnEngine(entry, log, [`--max-old-space-size=${limits.compileHeapMegabytes}`]);
  const exited = once(child, 'exit');
  const stderr = new StderrTail(log);
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => stderr.push(chunk));
  const { promise, resolve, reject } = deferred<CompileOutcome>();
  const overdue = setTimeout(() => {
    reject(
      new ShoalError(
        'ENGINE_HUNG',
        `the compilation was stopped after ${limits.compileMs / 60_000} minutes: use fewer samples, or smaller ones`,
      ),
    );
  }, limits.compileMs);
  const aborted = (): void => reject(signal.reason);
  signal.addEventListener('abort', aborted, { once: true });
  child.once('error', reject);
  child.on('message', (message) => {
    try {
      const reply = readReply(message);
      if (reply.type === 'done') resolve(reply.outcome);
      else onProgress(reply);
    } catch (error) {
      reject(error);
    }
  });
  exited.then(([code, killer]) => {
    const how = killer ?? `exit code ${code}`;
    reject(new ShoalError('ENGINE_CRASHED', `the process that compiles died (${how}); nothing was written. ${stderr.text()}`.trim()));
  }, reject);
  try {
    signal.throwIfAborted();
    child.send(request, () => {});
    return await promise;
  } finally {
    clearTimeout(overdue);
    signal.removeEventListener('abort', aborted);
    child.kill('SIGKILL');
    await exited;
  }
}

/** `Promise.withResolvers`, which Node 20 does not have. */
function deferred<Value>(): { promise: Promise<Value>; resolve(value: Value): void; reject(reason: unknown): void } {
  let [resolve, reject]: [(value: Value) => void, (reason: unknown) => void] = [() => {}, () => {}];
  const promise = new Promise<Value>((...both) => {
    [resolve, reject] = both;
  });
  // It may be rejected while nobody waits yet.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
