/** Normalisation in the graph against normalisation before it, on made-up graphs and on the bundled detector, in the real runtime. */
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import sharp from 'sharp';
import { type Test, test } from 'tap';
import { Graph } from '../../../src/compile/graph.js';
import { dataType, type OnnxModel } from '../../../src/compile/onnx/model.js';
import { readModel } from '../../../src/compile/onnx/read.js';
import { nodeOf } from '../../../src/compile/onnx/values.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import { foldPixels, type Pixels } from '../../../src/compile/passes/fold-pixels.js';
import { simplify } from '../../../src/compile/passes/index.js';
import { observe, rangesBy } from '../../../src/compile/quantize/calibrate.js';
import { quantizeModel } from '../../../src/compile/quantize/quantize-model.js';
import type { Tensors } from '../../../src/core/tensor.js';
import { normalise } from '../../../src/tasks/detect-text.js';
import { difference, modelOf, noise, runModel, type Sketch, tensorsOf, weights } from '../../support/graph-lab.js';

const imagenet = { tensor: 'x', channelOrder: 'bgr', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

const [height, width] = [6, 8];
/** Bytes of an image that is nowhere alike. */
const data = Uint8Array.from(noise(height * width * 3, 9), (value) => Math.floor((value + 1) * 127.999));

/** What a task would feed the model as shipped: planes, or pixels row by row. */
function fed({ channelOrder, mean, std }: Pixels, channelsLast: boolean): ort.Tensor {
  const values = new Float32Array(3 * height * width);
  for (let i = 0; i < height * width; i++) {
    for (let channel = 0; channel < 3; channel++) {
      const byte = data[3 * i + (channelOrder === 'rgb' ? channel : 2 - channel)] ?? 0;
      values[channelsLast ? 3 * i + channel : channel * height * width + i] = (byte / 255 - (mean[channel] ?? 0)) / (std[channel] ?? 1);
    }
  }
  return new ort.Tensor('float32', values, channelsLast ? [1, height, width, 3] : [1, 3, height, width]);
}

const bytes = () => new ort.Tensor('uint8', data.slice(), [1, height, width, 3]);

const padded = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
const constants = { w: weights([4, 3, 3, 3]), b: weights([4], 3) };
const sketch: Sketch = { nodes: [nodeOf('Conv', ['x', 'w', 'b'], ['y'], padded)], constants, inputs: { x: [1, 3, 'height', 'width'] } };
const channelsLast: Sketch = {
  nodes: [nodeOf('Transpose', ['x'], ['planes'], { perm: [0, 3, 1, 2] }), nodeOf('Conv', ['planes', 'w'], ['y'], padded)],
  constants: { w: constants.w },
  inputs: { x: [1, height, width, 3] },
};
const twoReaders: Sketch = {
  nodes: [
    nodeOf('Conv', ['x', 'w', 'b'], ['a'], padded),
    nodeOf('Conv', ['x', 'v'], ['c'], { ...padded, strides: [1, 1] }),
    nodeOf('Add', ['a', 'c'], ['y']),
  ],
  constants: { ...constants, v: weights([4, 3, 3, 3], 11) },
  inputs: { x: [1, 3, height, width] },
};

async function foldedAlike(t: Test, what: string, from: Sketch, pixels: Pixels): Promise<OnnxModel> {
  const float = writeModel(modelOf(from));
  const model = readModel(float);
  t.equal(foldPixels(new Graph(model), pixels, null), true, what);
  t.match(model.graph.inputs, [{ name: 'x', type: dataType.uint8 }]);
  const before = await runModel(float, { x: fed(pixels, from === channelsLast) });
  const off = difference(before, await runModel(writeModel(model), { x: bytes() }));
  t.ok(off < 1e-5, `${what}: off by ${off}, borders included`);
  return model;
}

test('a float convolution takes bytes and gives the same, in either order of channels and of axes', async (t) => {
  const model = await foldedAlike(t, 'planes, blue first', sketch, imagenet);
  t.strictSame(model.graph.inputs[0]?.shape, [1, 'height', 'width', 3]);
  t.strictSame(
    model.graph.nodes.map(({ op }) => op),
    ['Transpose', 'Cast', 'Sub', 'Conv'],
  );
  await foldedAlike(t, 'planes, red first', sketch, { ...imagenet, channelOrder: 'rgb' });
  await foldedAlike(t, 'two convolutions', twoReaders, imagenet);
  const last = await foldedAlike(t, 'pixels row by row', channelsLast, { ...imagenet, channelOrder: 'rgb', mean: [0.5, 0.5, 0.5] });
  t.strictSame(last.graph.inputs[0]?.shape, [1, height, width, 3]);
  t.equal(last.graph.nodes.filter(({ op }) => op === 'Transpose').length, 1);
});

test('before a quantized convolution the inside is exact, and the border off by the means that differ from one grey', async (t) => {
  const float = writeModel(modelOf(sketch));
  const model = readModel(float);
  t.equal(foldPixels(new Graph(model), imagenet, new Set()), true);
  t.strictSame(
    model.graph.nodes.map(({ op }) => op),
    ['Transpose', 'DequantizeLinear', 'Conv'],
  );
  const before = (await runModel(float, { x: fed(imagenet, false) })).y?.data as Float32Array;
  const after = (await runModel(writeModel(model), { x: bytes() })).y?.data as Float32Array;
  let [inside, border] = [0, 0];
  for (const [i, value] of before.entries()) {
    const [row, column] = [Math.floor(i / width) % height, i % width];
    const off = Math.abs(value - (after[i] ?? Number.NaN));
    if (row === 0 || row === height - 1 || column === 0 || column === width - 1) border = Math.max(border, off);
    else inside = Math.max(inside, off);
  }
  // Half the distance of the means, in units of the input, through the weights of the five taps beyond a corner.
  const most = (10.2 / 255 / 0.224) * 15 * Math.max(...noise(4 * 3 * 9, 7).map(Math.abs));
  t.ok(inside < 1e-5, `inside off by ${inside}`);
  t.ok(border > 1e-3 && border < most, `border off by ${border}, at most ${most}`);
});

test('a convolution that stays float in a quantized graph keeps the exact form', (t) => {
  const model = modelOf(sketch);
  t.equal(foldPixels(new Graph(model), imagenet, new Set(['y'])), true);
  t.strictSame(
    model.graph.nodes.map(({ op }) => op),
    ['Transpose', 'Cast', 'Sub', 'Conv'],
  );
  t.end();
});

test('an input that anything else reads is left as it is, to the byte', (t) => {
  const conv = (...inputs: string[]) => nodeOf('Conv', inputs, ['y'], padded);
  const cases: Readonly<Record<string, Sketch>> = {
    'another reader': { ...sketch, nodes: [...sketch.nodes, nodeOf('Relu', ['x'], ['z'])], outputs: ['y', 'z'] },
    'weights that change': { nodes: [conv('x', 'w')], inputs: { x: [1, 3, 6, 8], w: [4, 3, 3, 3] } },
    'four channels': { nodes: [conv('x', 'w')], constants: { w: weights([4, 4, 3, 3]) }, inputs: { x: [1, 4, 6, 8] } },
    'grouped channels': {
      nodes: [nodeOf('Conv', ['x', 'w'], ['y'], { ...padded, group: 3 })],
      constants: { w: weights([3, 1, 3, 3]) },
      inputs: { x: [1, 3, 6, 8] },
    },
    'another transposition': {
      ...channelsLast,
      nodes: [nodeOf('Transpose', ['x'], ['planes'], { perm: [0, 3, 2, 1] }), nodeOf('Conv', ['planes', 'w'], ['y'], padded)],
    },
    'no input of that name': { ...sketch, nodes: [conv('image', 'w', 'b')], inputs: { image: [1, 3, 6, 8] } },
  };
  for (const [what, from] of Object.entries(cases)) {
    const model = modelOf(from);
    const before = writeModel(model);
    t.equal(foldPixels(new Graph(model), imagenet, null), false, what);
    t.strictSame(writeModel(model), before, what);
  }
  const tiny = modelOf(sketch);
  t.equal(foldPixels(new Graph(tiny), { ...imagenet, std: [1e-45, 1, 1] }, null), false, 'weights that would not be finite');
  t.end();
});

test('the bundled detector marks the same pixels from bytes, in float and in int8', async (t) => {
  const source = readModel(readFileSync('models/ppocr-det/4.0.0/model.onnx'));
  simplify(source);
  const float = writeModel(source);
  const [side, wide] = [320, 480];
  const image = await sharp('models/ppocr-det/4.0.0/golden/input.png').removeAlpha().resize(wide, side, { fit: 'fill' }).raw().toBuffer();
  const pixels = { width: wide, height: side, channels: 3 as const, data: new Uint8Array(image) };
  const planes = () => ({ x: new ort.Tensor('float32', normalise(pixels, imagenet), [1, 3, side, wide]) });
  const rows = () => ({ x: new ort.Tensor('uint8', pixels.data, [1, side, wide, 3]) });
  const run = async (model: OnnxModel, fold: boolean): Promise<Float32Array> => {
    const [output] = Object.values(await runModel(writeModel(model), fold ? rows() : planes()));
    return output?.data as Float32Array;
  };
  const folded = readModel(float);
  t.equal(foldPixels(new Graph(folded), imagenet, null), true);
  const [before, after] = [await run(source, false), await run(folded, true)];
  const off = before.reduce((most, value, i) => Math.max(most, Math.abs(value - (after[i] ?? Number.NaN))), 0);
  t.ok(before.some((value) => value > 0.9) && off < 1e-4, `float: off by ${off}`);

  const see = async (model: Uint8Array, look: (outputs: Tensors, run: number) => void): Promise<void> => {
    const outputs = await runModel(model, planes());
    look(tensorsOf(outputs), 0);
  };
  const { histograms } = await observe(readModel(float), { run: see });
  const ranges = rangesBy({ name: 'percentile', share: 0.9999 }, histograms);
  const int8 = (fold: boolean): OnnxModel => {
    const model = readModel(float);
    if (fold) foldPixels(new Graph(model), imagenet, new Set());
    t.ok(quantizeModel(model, { weights: { bits: 7, perChannel: true }, ranges, floatNodes: new Set() }) > 100);
    return model;
  };
  const own = int8(true);
  t.equal(own.graph.nodes.find(({ inputs }) => inputs[0] === 'x')?.op, 'Transpose');
  t.notOk(
    own.graph.nodes.some(({ op, inputs }) => op === 'QuantizeLinear' && /^x/.test(inputs[0] ?? '')),
    'no pixel is quantized a second time',
  );
  const marks = (map: Float32Array): boolean[] => Array.from(map, (value) => value > 0.3);
  const expected = marks(before);
  const wrong = (map: Float32Array): number => marks(map).filter((mark, i) => mark !== expected[i]).length;
  const [plain, direct] = [wrong(await run(int8(false), false)), wrong(await run(own, true))];
  const text = expected.filter(Boolean).length;
  t.comment(`of ${text} pixels of text, wrong are ${plain} as int8 and ${direct} as int8 from bytes`);
  t.ok(text > 1000 && plain < 0.1 * text && direct < 0.1 * text);
});
