/**
 * Says what the int8 kernels of this process make of products that do not fit into 16 bits in pairs.
 *
 * 255 x 127 twice is 64,770. AVX2 adds such pairs in 16 bits and stops at 32,767; VNNI adds in 32.
 */
import ort from 'onnxruntime-node';
import { nodeOf, tensorOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { modelOf, typedValue } from '../support/tiny-onnx.js';

const [rows, inner, columns] = [64, 512, 512];
const model = modelOf({
  nodes: [nodeOf('MatMulInteger', ['a', 'b'], ['y'])],
  inputs: [typedValue('a', [rows, inner], 2)],
  outputs: [typedValue('y', [rows, columns], 6)],
  initializers: [tensorOf('b', new Int8Array(inner * columns).fill(127), [inner, columns])],
});
const session = await ort.InferenceSession.create(writeModel(model), { intraOpNumThreads: 1, logSeverityLevel: 4 });
const a = new ort.Tensor('uint8', new Uint8Array(rows * inner).fill(255), [rows, inner]);
const { y } = await session.run({ a });
console.log(JSON.stringify({ sum: Number(y?.data[0]), expected: inner * 255 * 127 }));
