/** Whole models before and after all passes, on the same random input, in the runtime as the engine opens it. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ort from 'onnxruntime-node';
import { test } from 'tap';
import { dataType, type OnnxValue } from '../../../src/compile/onnx/model.js';
import { readModel } from '../../../src/compile/onnx/read.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import { simplify } from '../../../src/compile/passes/index.js';
import { difference, noise, type Outputs, size } from '../../support/graph-lab.js';

const shared = process.env.SHOAL_TEST_DATA;
const onnxIn = (directory: string) =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.onnx'))
    .map((file) => path.join(directory, file));

/** One for a free dimension, unless it is the size of an image or the length of a chunk of speech or bytes. */
function dimsOf({ name, shape }: OnnxValue): number[] {
  const usual = shape?.length === 4 ? [1, 3, 64, 96] : shape?.length === 2 ? [1, name === 'input' ? 576 : 2048] : [];
  return (shape ?? []).map((dim, i) => (typeof dim === 'number' ? dim : (usual[i] ?? 1)));
}

function feedOf(value: OnnxValue): ort.Tensor {
  const dims = dimsOf(value);
  const values = noise(size(dims));
  if (value.type === dataType.int64) return new ort.Tensor('int64', BigInt64Array.of(16000n), dims);
  if (value.type === dataType.int32)
    return new ort.Tensor(
      'int32',
      Int32Array.from(values, (x) => Math.floor((x + 1) * 128)),
      dims,
    );
  if (value.type === dataType.uint8)
    return new ort.Tensor(
      'uint8',
      Uint8Array.from(values, (x) => Math.floor((x + 1) * 127)),
      dims,
    );
  return new ort.Tensor('float32', values, dims);
}

async function run(model: Uint8Array, feeds: Record<string, ort.Tensor>): Promise<Outputs> {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

const files = [...onnxIn('models'), ...(shared === undefined ? [] : onnxIn(path.join(shared, 'models')))];

for (const file of files) {
  test(`${file} gives the same after all passes`, async (t) => {
    const bytes = readFileSync(file);
    const model = readModel(bytes);
    const weights = new Set(model.graph.initializers.map(({ name }) => name));
    const feeds = Object.fromEntries(
      model.graph.inputs.filter(({ name }) => !weights.has(name)).map((value) => [value.name, feedOf(value)]),
    );
    const nodes = model.graph.nodes.length;
    const changes = simplify(model);
    const changed = writeModel(model);
    t.ok(model.graph.nodes.length <= nodes, `${nodes} nodes become ${model.graph.nodes.length}: ${JSON.stringify(changes)}`);
    t.ok(changed.length <= bytes.length, `${bytes.length} bytes become ${changed.length}`);
    t.ok((model.opsets.get('') ?? 0) >= 13, 'operator set 13 at least');
    const off = difference(await run(bytes, feeds), await run(changed, feeds));
    t.ok(off <= 1e-4, `outputs off by ${off} of the largest`);
    t.strictSame(simplify(readModel(changed)), {}, 'a second time there is nothing to do');
    t.equal(Buffer.compare(writeModel(readModel(changed)), changed), 0, 'and what is written can be read');
  });
}

test('the shared models', { skip: shared === undefined ? 'set SHOAL_TEST_DATA to the shared data' : false }, (t) => {
  t.ok(files.some((file) => !file.startsWith('models')));
  t.end();
});
