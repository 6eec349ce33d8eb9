/** Two files of one model side by side: what differs is found, and told as what it is. */
import { test } from 'tap';
import { nodeOf, tensorOf } from '../../../src/compile/onnx/values.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import { measureParity } from '../../../src/engine/workbench/parity.js';
import { testSurroundings } from '../../support/surroundings.js';
import { modelOf, typedValue } from '../../support/tiny-onnx.js';

const { log } = testSurroundings();

const model = {
  name: 'two',
  version: '1.0.0',
  task: 'classify-image',
  inputs: [{ name: 'x', dtype: 'float32', shape: [1, 4] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: [1, 4] }],
  params: {},
  labels: [],
} as const;

/** y = operator(x * factor). */
function net(factor: number, operator: string): Uint8Array {
  return writeModel(
    modelOf({
      inputs: [typedValue('x', [1, 4])],
      outputs: [typedValue('y', [1, 4])],
      initializers: [tensorOf('factor', Float32Array.of(factor), [1])],
      nodes: [nodeOf('Mul', ['x', 'factor'], ['z']), nodeOf(operator, ['z'], ['y'])],
    }),
  );
}

test('the same computation differs by nothing, another by its share of the largest number', async (t) => {
  const same = await measureParity({ model, original: net(1, 'Abs'), variant: net(-1, 'Abs'), samples: [] }, log);
  t.match(same, { random: { runs: 3, largest: 0 }, real: { runs: 0, largest: null } });
  const { random } = await measureParity({ model, original: net(1, 'Abs'), variant: net(1.25, 'Abs'), samples: [] }, log);
  t.ok(Math.abs((random.largest ?? 0) - 0.25) < 1e-6, `${random.largest}`);
});

test('a number where the other has none is an infinite difference, and none in both is no difference', async (t) => {
  const { random } = await measureParity({ model, original: net(1, 'Sqrt'), variant: net(1, 'Abs'), samples: [] }, log);
  t.equal(random.largest, Number.POSITIVE_INFINITY);
  const both = await measureParity({ model, original: net(1, 'Sqrt'), variant: net(1, 'Sqrt'), samples: [] }, log);
  t.equal(both.random.largest, 0);
});

test('a file that the runtime refuses is named', async (t) => {
  const broken = net(1, 'NoSuchOperator');
  await t.rejects(measureParity({ model, original: net(1, 'Abs'), variant: broken, samples: [] }, log), {
    code: 'INFERENCE',
    message: /the runtime refuses the file as made here/,
  });
});
