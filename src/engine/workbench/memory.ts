/**
 * The memory a model takes, measured in a process of its own: this side hands it the model and waits for a number.
 */
import { fileURLToPath } from 'node:url';
import type { Log } from '../../core/contracts.js';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import type { ModelFacts } from '../../core/model.js';
import type { Tensors } from '../../core/tensor.js';
import { askProcess } from './ask-process.js';

export interface MemoryRequest {
  readonly model: ModelFacts;
  readonly bytes: Uint8Array;
  readonly feeds: readonly Tensors[];
}

export type MemoryReply = { readonly addedBytes: number } | { readonly error: string };

const entry = fileURLToPath(new URL('./memory-child.js', import.meta.url));

/** Resident bytes the model adds at its peak, from before its file is opened to after its runs. Throws INFERENCE. */
export async function measureMemory(request: MemoryRequest, log: Log): Promise<number> {
  const question = { entry, request, timeoutMs: limits.memoryProbeMs, what: 'the process that measures memory', node: ['--expose-gc'] };
  const reply = (await askProcess(question, log)) as MemoryReply;
  if ('error' in reply) throw new ShoalError('INFERENCE', reply.error);
  return reply.addedBytes;
}
