/** ONNX files built to be as dear as their size allows: each is read or refused soon, in bounded memory. */
import { Worker } from 'node:worker_threads';
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { dearKinds, type Price } from '../support/dear-onnx-child.js';

/** What a file costs in a thread with this heap; a thread that outgrows it dies, and the test with it. */
function price(kind: string, size: number): Promise<Price> {
  const worker = new Worker(new URL('../support/dear-onnx-child.js', import.meta.url), {
    workerData: { kind, size },
    resourceLimits: { maxOldGenerationSizeMb: 320 },
  });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

test('the dearest files that may be read cost half a second and a few hundred megabytes', async (t) => {
  for (const kind of dearKinds) {
    const { bytes, outcome, readMs, inspectMs } = await price(kind, Math.floor(limits.onnxFieldsMax * 0.98));
    t.comment(`${kind}: ${(bytes / 1e6).toFixed(1)} MB read in ${readMs.toFixed(0)} ms, inspected in ${inspectMs.toFixed(0)} ms`);
    t.equal(outcome, 'read', `${kind} are within the limit`);
    t.ok(readMs < 2000 && inspectMs < 2000, `${kind} take less than two seconds`);
  }
});

test('ten million of anything are refused at once', async (t) => {
  for (const kind of [
    'unknown fields',
    'nodes',
    'tensors',
    'values',
    'inputs of a node',
    'numbers of an attribute',
    'floats of an attribute',
  ]) {
    const { outcome, readMs } = await price(kind, 1e7 * 7);
    t.equal(outcome, 'refused', kind);
    t.ok(readMs < 2000, `${kind}: ${readMs.toFixed(0)} ms`);
  }
});
