import ort from 'onnxruntime-node';
import { test } from 'tap';
import { Graph } from '../../../src/compile/graph.js';
import { readModel } from '../../../src/compile/onnx/read.js';
import { nodeOf } from '../../../src/compile/onnx/values.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import type { Range } from '../../../src/compile/quantize/affine.js';
import { biasCorrections } from '../../../src/compile/quantize/bias-correction.js';
import { ChannelMeans } from '../../../src/compile/quantize/channel-means.js';
import { quantizeModel } from '../../../src/compile/quantize/quantize-model.js';
import { modelOf, noise, runModel, weights } from '../../support/graph-lab.js';

const options = { bits: 7, perChannel: true } as const;
const sketch = {
  nodes: [nodeOf('Conv', ['x', 'w'], ['y'], { group: 4 })],
  constants: { w: weights([4, 1, 3, 3]) },
  inputs: { x: [1, 4, 16, 16] },
};
const source = writeModel(modelOf(sketch));
// Far from zero, as behind a Relu: there the rounding of a weight does not cancel.
const data = noise(4 * 256, 9).map((value) => 4 + value);
const x = { x: new ort.Tensor('float32', data, [1, 4, 16, 16]) };
const ranges = new Map<string, Range>([
  ['x', [0, 5]],
  ['y', [-40, 40]],
]);

function corrections(least = 40): Map<string, number[]> {
  const means = new ChannelMeans();
  means.add('x', { dtype: 'float32', shape: [1, 4, 16, 16], data });
  return biasCorrections(new Graph(readModel(source)), means.means(), new Map([...ranges, ['y', [-least, least]]]), options);
}

function quantized(biases?: ReadonlyMap<string, readonly number[]>): Uint8Array {
  const model = readModel(source);
  const count = quantizeModel(model, {
    weights: options,
    ranges,
    floatNodes: new Set(),
    ...(biases === undefined ? {} : { biasCorrections: biases }),
  });
  if (count !== 1) throw new Error('the convolution was not quantized');
  return writeModel(model);
}

/** By channel, how far the mean of the inner outputs, which no padding touches, is from that of the float. */
async function shifts(model: Uint8Array): Promise<number[]> {
  const inner = async (bytes: Uint8Array) => {
    const values = (await runModel(bytes, x)).y?.data as Float32Array;
    return [0, 1, 2, 3].map((c) => {
      const kept = values.subarray(c * 196, (c + 1) * 196);
      return kept.reduce((sum, value) => sum + value, 0) / kept.length;
    });
  };
  const float = await inner(source);
  return (await inner(model)).map((mean, c) => Math.abs(mean - (float[c] ?? 0)));
}

test('the mean of every channel comes back to where the float has it', async (t) => {
  const [before, after] = [await shifts(quantized()), await shifts(quantized(corrections()))];
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  t.ok(sum(before) > 0.05, `rounding shifts the means: ${before}`);
  t.ok(sum(after) < sum(before) / 2, `corrected: ${after}`);
});

test('a correction is bounded by the range of the output, has three digits, and is the same every time', async (t) => {
  const found = corrections().get('y') ?? [];
  t.equal(found.length, 4);
  t.ok(found.some((value) => value !== 0));
  for (const value of found) t.equal(value, Number(value.toPrecision(3)));
  t.strictSame(corrections().get('y'), found);
  for (const value of corrections(0.004).get('y') ?? []) t.ok(Math.abs(value) <= 0.001, `${value}`);
});

test('without means, without a range and with means of another number of channels nothing is corrected', async (t) => {
  const graph = new Graph(readModel(source));
  t.equal(biasCorrections(graph, new Map(), ranges, options).size, 0);
  t.equal(biasCorrections(graph, new Map([['x', new Float64Array(4).fill(1)]]), new Map(), options).size, 0);
  t.equal(biasCorrections(graph, new Map([['x', new Float64Array(3).fill(1)]]), ranges, options).size, 0);
});

test('corrections that are not one a channel are refused by name', async (t) => {
  t.throws(() => quantized(new Map([['y', [1, 2, 3]]])), { code: 'MODEL_INVALID', message: /3 bias corrections for "y", expected 4/ });
});

test('means are over all runs, by channel; a tensor that changes its channels or has no places has none', async (t) => {
  const means = new ChannelMeans();
  const add = (name: string, shape: readonly number[], ...values: number[]) =>
    means.add(name, { dtype: 'float32', shape, data: Float32Array.from(values) });
  add('a', [1, 2, 2], 1, 3, 10, 20);
  add('a', [1, 2, 1], 5, 60);
  add('b', [1, 2, 1], 1, 2);
  add('b', [1, 3, 1], 1, 2, 3);
  add('b', [1, 2, 1], 1, 2);
  add('c', [1, 2], 1, 2);
  t.strictSame([...means.means()], [['a', Float64Array.of(3, 30)]]);
});
