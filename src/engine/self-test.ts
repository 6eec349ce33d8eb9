/**
 * Proves that the runtime computes on this processor. A build for other instructions dies here by SIGILL, before an engine
 * says ready, so that no capture is ever blamed for it.
 */
import { ShoalError } from '../core/errors.js';
import type { Model } from '../core/model.js';
import { floats, type Tensor } from '../core/tensor.js';
import { addModel } from './add-model.js';
import { Session } from './session.js';

const spec = (name: string) => ({ name, dtype: 'float32', shape: [2] }) as const;

const model: Model = {
  name: 'self-test',
  version: '1',
  task: 'self-test',
  title: 'one addition',
  licence: 'Apache-2.0',
  source: 'src/engine/add-model.ts',
  directory: '',
  inputs: [spec('a'), spec('b')],
  outputs: [spec('c')],
  params: {},
  labels: [],
  variants: [],
};

/** Answers the milliseconds from loading the runtime to the sum. Throws INFERENCE when the sum is wrong. */
export async function selfTest(): Promise<number> {
  const began = performance.now();
  const session = await Session.fromBytes(model, addModel, 'the built-in addition', { threads: 1, arena: false });
  const tensor = (data: number[]): Tensor => ({ dtype: 'float32', shape: [2], data: Float32Array.from(data) });
  const sum = floats(await session.run({ a: tensor([1, 2]), b: tensor([10, 20]) }), 'c');
  await session.release();
  if (sum[0] !== 11 || sum[1] !== 22) {
    throw new ShoalError(
      'INFERENCE',
      `the runtime adds [1, 2] and [10, 20] to [${sum.join(', ')}]: it is not to be trusted on this processor`,
    );
  }
  return performance.now() - began;
}
