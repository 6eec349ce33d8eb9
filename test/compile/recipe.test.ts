import { createHash } from 'node:crypto';
import ort from 'onnxruntime-node';
import { test } from 'tap';
import { Graph } from '../../src/compile/graph.js';
import { importModel, sourceHash } from '../../src/compile/import/import-model.js';
import { readModel } from '../../src/compile/onnx/read.js';
import { nodeOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { observe, rangesBy } from '../../src/compile/quantize/calibrate.js';
import { equalize } from '../../src/compile/quantize/equalize.js';
import { buildVariant, compilerGeneration, parseRecipe, type QuantizeRecipe, type Recipe, recipeText } from '../../src/compile/recipe.js';
import type { Tensors } from '../../src/core/tensor.js';
import { difference, floats, modelOf, noise, runModel, tensorsOf, weights } from '../support/graph-lab.js';
import { graphFiles, node, one, placeholder } from '../support/tfjs-lab.js';

const source = writeModel(modelOf({ nodes: [nodeOf('Identity', ['x'], ['a']), nodeOf('Relu', ['a'], ['y'])], inputs: { x: [4] } }));
const recipe: Recipe = {
  schema: 'shoal/recipe/1',
  source_sha256: createHash('sha256').update(source).digest('hex'),
  compiler: compilerGeneration,
};

test('a recipe builds the same bytes every time, and leaves its source as it was', (t) => {
  const before = Buffer.from(source);
  const built = buildVariant(source, parseRecipe(JSON.stringify(recipe), 'fp32.recipe.json'));
  t.strictSame(buildVariant(source, recipe), built);
  t.match(readModel(built).graph.nodes, [{ op: 'Relu', inputs: ['x'] }]);
  t.ok(before.equals(source));
  t.end();
});

test('another source, another generation of the compiler and half a model are refused', (t) => {
  t.throws(() => buildVariant(source, { ...recipe, source_sha256: 'a'.repeat(64) }), {
    code: 'MODEL_HASH',
    message: /its recipe is for aaaa/,
  });
  t.throws(() => buildVariant(source, { ...recipe, compiler: compilerGeneration + 1 }), {
    code: 'MODEL_INVALID',
    message: /compile the model again/,
  });
  const half = source.subarray(0, source.length / 2);
  const ofHalf = { ...recipe, source_sha256: createHash('sha256').update(half).digest('hex') };
  t.throws(() => buildVariant(half, ofHalf), { code: 'MODEL_INVALID' });
  t.end();
});

test('a recipe that is none says what is wrong with which file', (t) => {
  const cases: readonly [string, RegExp][] = [
    ['{', /r\.json: not readable as JSON/],
    ['[]', /r\.json: recipe: /],
    [
      JSON.stringify({ ...recipe, source_sha256: 'A', compiler: 0 }),
      /source_sha256: must be 64 hexadecimal digits, lower case; compiler: /,
    ],
    [JSON.stringify({ ...recipe, magic: true }), /magic/],
  ];
  for (const [text, message] of cases) t.throws(() => parseRecipe(text, 'r.json'), { code: 'MODEL_INVALID', message });
  t.end();
});

const image = writeModel(
  modelOf({
    nodes: [
      nodeOf('Conv', ['x', 'w'], ['seen'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
      nodeOf('Flatten', ['seen'], ['flat']),
      nodeOf('Gemm', ['flat', 'v'], ['y']),
    ],
    constants: { w: weights([2, 3, 3, 3]), v: weights([32, 5]) },
    inputs: { x: [1, 3, 4, 4] },
  }),
);
const pixels = { tensor: 'x', channel_order: 'bgr', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } satisfies Recipe['pixels'];
const quantize = { weight_bits: 8, float_nodes: ['y'], ranges: { x: [-2, 2], seen: [-9, 9] } } satisfies Recipe['quantize'];
const ofImage: Recipe = { ...recipe, source_sha256: createHash('sha256').update(image).digest('hex') };

test('pixels, static and dynamic int8 go through the text of a recipe, alone and together, and build the same bytes again', (t) => {
  const dynamic = { weight_bits: 7, float_nodes: [] } satisfies Recipe['dynamic'];
  const operators = (made: Recipe): string[] => readModel(buildVariant(image, made)).graph.nodes.map(({ op }) => op);
  for (const [options, expected] of [
    [{ dynamic }, ['Conv', 'DynamicQuantizeLinear', 'MatMulInteger']],
    [{ pixels }, ['Transpose', 'Cast', 'Sub', 'Conv', 'Gemm']],
    [{ pixels, dynamic }, ['Transpose', 'Cast', 'Conv', 'MatMulInteger']],
    [{ pixels, quantize }, ['Transpose', 'DequantizeLinear', 'Conv', 'QuantizeLinear', 'Gemm']],
    [{ pixels, dynamic, quantize }, ['Transpose', 'DequantizeLinear', 'Conv', 'QuantizeLinear', 'MatMulInteger']],
  ] as const) {
    const made: Recipe = { ...ofImage, ...(options as Partial<Recipe>) };
    const text = recipeText(made);
    t.strictSame(parseRecipe(text, 'r.json'), made, text);
    t.strictSame(buildVariant(image, parseRecipe(text, 'r.json')), buildVariant(image, made));
    const found = operators(made);
    t.ok(
      expected.every((op) => found.includes(op)),
      `${Object.keys(options).join(' and ')}: ${found.join(' ')}`,
    );
  }
  t.end();
});

test('pixels and dynamic int8 that a model has no place for are refused', (t) => {
  t.throws(() => buildVariant(image, { ...ofImage, pixels: { ...pixels, tensor: 'z' } }), {
    code: 'MODEL_INVALID',
    message: /pixels into "z"/,
  });
  t.throws(() => buildVariant(source, { ...recipe, dynamic: { weight_bits: 7, float_nodes: [] } }), {
    code: 'MODEL_INVALID',
    message: /none with constant weights/,
  });
  t.throws(() => parseRecipe(JSON.stringify({ ...ofImage, pixels: { ...pixels, std: [1, 0, 1] } }), 'r.json'), {
    message: /pixels\.std\.1/,
  });
  t.throws(() => parseRecipe(JSON.stringify({ ...ofImage, pixels: { ...pixels, channel_order: 'grb' } }), 'r.json'), {
    message: /pixels\.channel_order/,
  });
  t.throws(() => parseRecipe(JSON.stringify({ ...ofImage, dynamic: { weight_bits: 4, float_nodes: [] } }), 'r.json'), {
    message: /dynamic\.weight_bits/,
  });
  t.end();
});

test('a quantizing recipe comes back from its text whole, and each of its optional keys changes what is built', (t) => {
  const convolutions = writeModel(
    modelOf({
      nodes: [nodeOf('Conv', ['x', 'a'], ['t']), nodeOf('Conv', ['t', 'b'], ['y'])],
      constants: { a: floats([0.01, 0.02, 1, 2, 5, 5], [3, 2, 1, 1]), b: weights([2, 3, 1, 1], 3) },
      inputs: { x: [1, 2, 4, 4] },
    }),
  );
  const plain: Recipe = {
    ...recipe,
    source_sha256: createHash('sha256').update(convolutions).digest('hex'),
    quantize: { weight_bits: 8, float_nodes: [], ranges: { x: [-1, 1], t: [-2, 2], y: [-2.5, 2] } },
  };
  const all = [plain, withMore({ bias_corrections: { t: [0.01, -0.02, 0.5] } }), withMore({ equalize: true })];
  const built = all.map((each) => {
    const text = recipeText(each);
    t.strictSame(parseRecipe(text, 'int8.recipe.json'), each);
    t.equal(recipeText(parseRecipe(text, 'int8.recipe.json')), text);
    return Buffer.from(buildVariant(convolutions, each)).toString('base64');
  });
  t.equal(new Set(built).size, 3, 'three different models');
  t.strictSame(
    built,
    all.map((each) => Buffer.from(buildVariant(convolutions, each)).toString('base64')),
    'the same ones again',
  );
  t.throws(() => parseRecipe(JSON.stringify(withMore({ bias_corrections: { t: [] } })), 'r.json'), {
    code: 'MODEL_INVALID',
    message: /bias_corrections\.t/,
  });
  t.throws(() => buildVariant(convolutions, withMore({ bias_corrections: { t: [1] } })), {
    code: 'MODEL_INVALID',
    message: /1 bias corrections for "t"/,
  });
  t.end();

  function withMore(more: Partial<QuantizeRecipe>): Recipe {
    return { ...plain, quantize: { ...(more.equalize ? { equalize: true } : {}), ...(plain.quantize as QuantizeRecipe), ...more } };
  }
});

test('equalized channels and pixels as bytes go together: what was seen of the one holds with the other', async (t) => {
  const uneven = noise(4 * 27, 3).map((value, i) => value * 10 ** (Math.floor(i / 27) - 2));
  const nodes = [nodeOf('Conv', ['x', 'a'], ['t']), nodeOf('Conv', ['t', 'b'], ['y'])];
  const constants = { a: floats([...uneven], [4, 3, 3, 3]), b: weights([2, 4, 1, 1], 3) };
  const pair = writeModel(modelOf({ nodes, constants, inputs: { x: [1, 3, 6, 6] } }));
  const { mean, std } = pixels;
  const rows = Uint8Array.from(noise(108, 5), (value) => Math.round(127.5 * (value + 1)));
  // Channels first, blue first.
  const planes = Float32Array.from(rows, (_, i) => {
    const channel = Math.floor(i / 36);
    return ((rows[(i % 36) * 3 + 2 - channel] ?? 0) / 255 - (mean[channel] ?? 0)) / (std[channel] ?? 1);
  });
  const feeds = { x: new ort.Tensor('float32', planes, [1, 3, 6, 6]) };
  const equalized = readModel(pair);
  t.equal(equalize(new Graph(equalized)), 1);
  const run = async (model: Uint8Array, see: (outputs: Tensors, run: number) => void) => see(tensorsOf(await runModel(model, feeds)), 0);
  const { histograms } = await observe(equalized, { run });
  const ranges = Object.fromEntries([...rangesBy({ name: 'min-max' }, histograms)].map(([name, [low, high]]) => [name, [low, high]]));
  const made = { ...recipe, source_sha256: createHash('sha256').update(pair).digest('hex') };
  const int8 = {
    equalize: true,
    weight_bits: 8,
    float_nodes: [],
    ranges: ranges as Record<string, [number, number]>,
  } satisfies QuantizeRecipe;
  const [expected, plain, bytes] = [
    await runModel(pair, feeds),
    await runModel(buildVariant(pair, { ...made, quantize: int8 }), feeds),
    await runModel(buildVariant(pair, { ...made, quantize: int8, pixels }), { x: new ort.Tensor('uint8', rows, [1, 6, 6, 3]) }),
  ];
  const [off, offFromBytes] = [difference(expected, plain), difference(expected, bytes)];
  t.ok(off < 0.03, `as int8 off by ${off}`);
  t.ok(offFromBytes < 0.03, `as int8 from bytes off by ${offFromBytes}`);
});

const imported = graphFiles(
  [placeholder('x', [-1, 4]), node('a', 'Identity', ['x']), node('b', 'Mul', ['a', 'one']), node('y', 'Relu', ['b'])],
  { one: one(1) },
);

test('a recipe may begin with an import, of all the files it needs and no others', (t) => {
  const hash = sourceHash(imported);
  const sums = [...imported].map(([name, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`);
  const lines = [sums[1], sums[0]].join('');
  t.equal(hash, createHash('sha256').update(lines).digest('hex'), 'lines as of sha256sum, sorted by name');
  t.equal(sourceHash(new Map([['any', source]])), recipe.source_sha256, 'one file has its own hash');
  const importing: Recipe = { ...recipe, source_sha256: hash, import: { format: 'tfjs', outputs: ['y'] } };
  const text = recipeText(importing);
  t.strictSame(parseRecipe(text, 'r.json'), importing);
  const built = buildVariant(imported, parseRecipe(text, 'r.json'));
  t.strictSame(buildVariant(imported, importing), built);
  t.match(readModel(built).graph.nodes, [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }], 'the passes follow the import');
  t.match(
    importModel(imported, { format: 'tfjs', outputs: ['b'] }).graph.nodes,
    [{ op: 'Mul', outputs: ['b'] }],
    'cut where the recipe says',
  );
  const { import: _, ...without } = importing;
  t.throws(() => buildVariant(imported, without), { code: 'MODEL_INVALID', message: /2 files, and the recipe does not say how/ });
  t.throws(() => buildVariant(new Map([...imported, ['more', source]]), importing), { code: 'MODEL_HASH' });
  t.throws(() => parseRecipe(JSON.stringify({ ...importing, import: { format: 'caffe' } }), 'r.json'), {
    code: 'MODEL_INVALID',
    message: /import/,
  });
  t.end();
});
