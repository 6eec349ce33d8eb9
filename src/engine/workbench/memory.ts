/**
 * The memory a model takes, measured in a process of its own: this side forks it, hands it the model and waits for a number.
 *
 * Guarantees: the process is gone when the promise settles, whatever the native code did; it dies with this one.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Log } from '../../core/contracts.js';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import type { ModelFacts } from '../../core/model.js';
import type { Tensors } from '../../core/tensor.js';
import { StderrTail, spawnEngine } from '../spawn.js';

export interface MemoryRequest {
  readonly model: ModelFacts;
  readonly bytes: Uint8Array;
  readonly feeds: readonly Tensors[];
}

export type MemoryReply = { readonly addedBytes: number } | { readonly error: string };

const entry = fileURLToPath(new URL('./memory-child.js', import.meta.url));

/** Resident bytes the model adds at its peak, from before its file is opened to after its runs. Throws INFERENCE. */
export async function measureMemory(request: MemoryRequest, log: Log): Promise<number> {
  const child = await spawnEngine(entry, log, ['--expose-gc']);
  const exited = once(child, 'exit');
  const stderr = new StderrTail(log);
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => stderr.push(chunk));
  const overdue = setTimeout(() => child.kill('SIGKILL'), limits.memoryProbeMs);
  try {
    const answered = new Promise<MemoryReply>((resolve, reject) => {
      child.once('message', (reply) => resolve(reply as MemoryReply));
      child.once('error', reject);
      exited.then(([code, signal]) => {
        reject(new ShoalError('INFERENCE', `the process that measures memory died (${signal ?? `code ${code}`}) ${stderr.text()}`.trim()));
      }, reject);
    });
    child.send(request, () => {});
    const reply = await answered;
    if ('error' in reply) throw new ShoalError('INFERENCE', reply.error);
    return reply.addedBytes;
  } finally {
    clearTimeout(overdue);
    child.kill('SIGKILL');
    await exited;
  }
}
