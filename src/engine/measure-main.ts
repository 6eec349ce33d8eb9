/** The measuring process; what it does is in `measure-variants.ts`. */
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { tasks } from '../tasks/index.js';
import type { FromMeasure, ToMeasure } from './measure-protocol.js';
import { VariantMeasure } from './measure-variants.js';

let measure: VariantMeasure | undefined;

function send(message: FromMeasure): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error) => (error === null ? resolve() : reject(error)));
  });
}

async function receive(message: ToMeasure): Promise<void> {
  if (message.type === 'go') {
    if (measure === undefined) throw new Error('go came before measure');
    await send({ type: 'measured', measurement: await measure.measure() });
    process.exit(0);
  }
  const { request } = message;
  const task = tasks.find(({ name }) => name === request.model.task);
  if (task === undefined) throw new Error(`this build has no task ${request.model.task}`);
  measure = new VariantMeasure(request, task);
  await measure.open();
  await send({ type: 'opened' });
}

process.on('message', (message: ToMeasure) => {
  receive(message).catch((error: unknown) => {
    const leave = (): void => process.exit(1);
    send({ type: 'failed', reason: reasonOf(error).slice(0, limits.textCharsMax) }).then(leave, leave);
  });
});
process.on('disconnect', () => process.exit(0));
