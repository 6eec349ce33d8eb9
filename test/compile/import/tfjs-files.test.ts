import { test } from 'tap';
import { importTfjs, tfjsWeightFiles } from '../../../src/compile/import/tfjs/import-tfjs.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import { limits } from '../../../src/core/limits.js';
import { difference } from '../../support/graph-lab.js';
import {
  type Files,
  feed,
  filesOf,
  graphFiles,
  importedOutputs,
  int,
  ints,
  type Node,
  node,
  numbers,
  one,
  placeholder,
  scalar,
  text,
  texts,
  tfOutputs,
  type,
  weights,
} from '../../support/tfjs-lab.js';

const conv = (name: string, from: string, w = 'w'): Node =>
  node(name, 'Conv2D', [from, w], {
    strides: ints(1, 1, 1, 1),
    dilations: ints(1, 1, 1, 1),
    padding: text('SAME'),
    data_format: text('NHWC'),
  });

const chain = [
  placeholder('x', [-1, 6, 6, 3]),
  conv('a', 'x'),
  node('b', 'Relu', ['a']),
  conv('c', 'b'),
  node('d', 'AddV2', ['c', 'bias']),
  node('y', 'Sigmoid', ['d']),
];
const constants = { w: weights([3, 3, 3, 3]), bias: weights([3]) };
const signature = { inputs: { image: { name: 'x:0' } }, outputs: { prob: { name: 'y:0' } } };

function refused(files: Files, message: RegExp): { files: Files; message: RegExp } {
  return { files, message };
}

test('a chain of convolutions is transposed at its ends only, and the same files give the same bytes', (t) => {
  const files = graphFiles(chain, constants, { signature });
  const model = importTfjs(files);
  t.equal(model.graph.nodes.map(({ op }) => op).join(' '), 'Transpose Conv Relu Conv Add Sigmoid Transpose');
  t.match(model.graph.inputs, [{ name: 'image', shape: [1, 6, 6, 3] }], 'named by the signature, the batch is one');
  t.match(model.graph.outputs, [{ name: 'prob', shape: [1, 6, 6, 3] }]);
  t.same(writeModel(importTfjs(files)), writeModel(model));
  t.end();
});

test('a graph can begin and end at named nodes, and what lies outside is never looked at', async (t) => {
  const nodes = [
    placeholder('x', [1, -1, -1, 3]),
    node('before', 'Magic', ['x']),
    ...chain.slice(1).map((each) => (each.name === 'a' ? conv('a', 'before') : each)),
    node('after', 'NonMaxSuppressionV5', ['y']),
  ];
  const files = graphFiles(nodes, constants);
  t.throws(() => importTfjs(files), { message: /node "x" \(Placeholder\): its shape is \[1, -1, -1, 3\]/ });
  const model = importTfjs(files, { inputs: { before: [1, 6, 6, 3] }, outputs: ['b', 'd:0'] });
  t.match(model.graph.inputs, [{ name: 'before', shape: [1, 6, 6, 3] }]);
  t.same(
    model.graph.outputs.map(({ name }) => name),
    ['b', 'd:0'],
  );
  const whole = graphFiles(chain, constants);
  const found = await importedOutputs(whole, { x: feed([1, 6, 6, 3]) }, ['b', 'd']);
  t.ok(difference(await tfOutputs(whole, { x: feed([1, 6, 6, 3]) }, ['b', 'd']), found) <= 1e-4);
  t.throws(() => importTfjs(files, { outputs: ['nowhere'] }), { code: 'MODEL_INVALID', message: /no node "nowhere" to be an output/ });
  t.throws(() => importTfjs(files, { inputs: { nowhere: [1] } }), { message: /no node "nowhere" to be an input/ });
});

test('weights stored as uint8, uint16 and float16 are what TensorFlow.js makes of them', async (t) => {
  const quantizations = [
    { dtype: 'uint8', min: -1.27, scale: 0.0123, original_dtype: 'float32' },
    { dtype: 'uint16', min: -3, scale: 0.0001, original_dtype: 'float32' },
    { dtype: 'float16', original_dtype: 'float32' },
  ];
  const nodes = [placeholder('x', [1, 256]), node('w', 'Const', [], { dtype: type('DT_FLOAT') }), node('y', 'Mul', ['x', 'w'])];
  for (const quantization of quantizations) {
    const bytes = new Uint8Array(quantization.dtype === 'uint8' ? 256 : 512).map((_, i) => (i * 89) % 124);
    const graph = { node: nodes, library: {}, versions: { producer: 1, minConsumer: 1 } };
    const files = filesOf(graph, [{ name: 'w', shape: [256], dtype: 'float32', quantization }], bytes);
    const x = { dims: [1, 256], values: new Float32Array(256).fill(1) };
    const off = difference(await tfOutputs(files, { x }, ['y']), await importedOutputs(files, { x }, ['y']));
    t.equal(off, 0, quantization.dtype);
  }
});

test('weights in several files are joined in the order of the manifest, by name and never by path', (t) => {
  const files = graphFiles(chain, constants);
  const json = JSON.parse(new TextDecoder().decode(files.get('model.json')));
  const data = files.get('group1-shard1of1.bin') ?? new Uint8Array(0);
  json.weightsManifest[0].paths = ['b.bin', '../../etc/passwd'];
  const topology = new TextEncoder().encode(JSON.stringify(json));
  t.same(tfjsWeightFiles(topology), ['b.bin', '../../etc/passwd']);
  const split = new Map([
    ['model.json', topology],
    ['../../etc/passwd', data.subarray(101)],
    ['b.bin', data.subarray(0, 101)],
  ]);
  t.same(writeModel(importTfjs(split)), writeModel(importTfjs(files)));
  split.delete('../../etc/passwd');
  t.throws(() => importTfjs(split), { code: 'MODEL_INVALID', message: /in the file \.\.\/\.\.\/etc\/passwd, which was not given/ });
  t.end();
});

const x = placeholder('x', [1, 6, 6, 3]);
const graph = (...nodes: Node[]): Files =>
  graphFiles([x, ...nodes], { w: weights([3, 3, 3, 3]), n: numbers(1, 2), s: scalar(1), f: one(1) });

test('what is not known is refused by the name of its node', (t) => {
  const fused = (...ops: string[]) =>
    node('y', '_FusedConv2D', ['x', 'w', 'f'], { strides: ints(1, 1, 1, 1), padding: text('SAME'), fused_ops: texts(...ops) });
  const cases = [
    refused(graph(node('y', 'Einsum', ['x'])), /node "y" \(Einsum\): this operator is not known/),
    refused(graph(node('y', 'constructor', ['x'])), /\(constructor\): this operator is not known/),
    refused(graph(node('y', '__proto__', ['x'])), /this operator is not known/),
    refused(
      graph(node('y', 'Conv2D', ['x', 'w'], { strides: ints(1, 1, 1, 1), padding: text('SAME'), data_format: text('NCHW') })),
      /data_format is NCHW/,
    ),
    refused(graph(conv('y', 'x', 'x')), /its weights are computed by the model/),
    refused(graph(fused('FusedBatchNorm')), /fused operators are FusedBatchNorm/),
    refused(graph(fused('Mish')), /the activation "mish" is not known/),
    refused(graph(node('y', 'Reshape', ['x', 'n'])), /it makes \[1, 2\] of \[1, 6, 6, 3\]/),
    refused(graph(node('y', 'Reshape', ['x', 'x'])), /its shape is computed by the model/),
    refused(graph(node('y', 'Relu', [])), /it has 0 inputs/),
    refused(graph(node('y', 'Relu', ['x:1'])), /it uses output 1 of "x"/),
    refused(graph(node('y', 'Relu', ['nobody'])), /node "y" uses "nobody", which is not there/),
    refused(graph(node('y', 'AddV2', ['x', 's'])), /it combines float32 with int32/),
    refused(graph(node('y', 'Cast', ['x'], { DstT: type('DT_STRING') })), /its data type is DT_STRING/),
    refused(graph(node('y', 'Relu', ['n'])), /node "y" \(Relu\): it is not defined for int32/),
    refused(graph(node('y', 'LogicalAnd', ['x', 'x'])), /it is not defined for float32/),
    refused(graph(node('y', 'GatherV2', ['x', 'x', 's'])), /its places are float32/),
    refused(graph(node('y', 'Softmax', ['x'], { axis: int(1) }), node('y', 'Relu', ['x'])), /two nodes are called "y"/),
    refused(graph(node('y', 'Unpack', ['x'], { axis: { i: 'many' } })), /its attribute axis cannot be read/),
    refused(graph(node('m', 'Merge', ['x', 'n']), node('y', 'Relu', ['m'])), /node "m" \(Merge\): this operator is not known/),
    refused(graph(node('a', 'AddV2', ['x', 'b']), node('b', 'Relu', ['a']), node('y', 'Relu', ['b'])), /is part of a loop/),
  ];
  for (const { files, message } of cases) t.throws(() => importTfjs(files, { outputs: ['y'] }), { code: 'MODEL_INVALID', message });
  t.end();
});

test('a damaged or hostile file is refused at once', (t) => {
  const plain = graph(node('y', 'Relu', ['x']));
  const json = (change: (file: { weightsManifest: { weights: Record<string, unknown>[] }[] }) => void): Files => {
    const file = JSON.parse(new TextDecoder().decode(plain.get('model.json')));
    change(file);
    return new Map([...plain, ['model.json', new TextEncoder().encode(JSON.stringify(file))]]);
  };
  const weight = (change: object) => json(({ weightsManifest }) => Object.assign(weightsManifest[0]?.weights[0] ?? {}, change));
  const text = (content: string): Files => new Map([['model.json', new TextEncoder().encode(content)]]);
  const many = (count: number) => graph(...Array.from({ length: count }, (_, i) => node(`n${i}`, 'Relu', [i === 0 ? 'x' : `n${i - 1}`])));
  const unpacked = Array.from({ length: 200 }, (_, i) => node(`u${i}`, 'Unpack', ['z']));
  const huge = numbers(30_000, 30_000, 30_000);
  const cases = [
    refused(new Map(), /the file model\.json was not given/),
    refused(text('{'), /not readable as JSON/),
    refused(text('[1]'), /model\.json: /),
    refused(text(`${'['.repeat(200_000)}${']'.repeat(200_000)}`), /model\.json: /),
    refused(new Map([['model.json', new Uint8Array(limits.importJsonBytesMax + 1)]]), /at most 16777216 are read/),
    refused(weight({ shape: [2 ** 20, 2 ** 20] }), /bytes where/),
    refused(weight({ shape: [-1] }), /weightsManifest/),
    refused(weight({ shape: [3, 3, 3, 2] }), /its weights have \d+/),
    refused(weight({ dtype: 'string' }), /weightsManifest/),
    refused(weight({ name: 'n' }), /two weights are called "n"/),
    refused(weight({ name: 'v' }), /"w" \(Const\): the weights have no value/),
    refused(many(limits.importNodesMax), /modelTopology|node: /),
    refused(graphFiles([x, node('y', 'Fill', ['huge', 'f'])], { huge, f: one(1) }), /it has the shape \[30000, 30000, 30000\]/),
    refused(
      graph(
        placeholder('z', [1000, 2]),
        ...unpacked,
        node(
          'y',
          'Pack',
          unpacked.map(({ name }) => name),
        ),
      ),
      /more than 100000/,
    ),
    refused(graphFiles([placeholder('x', [2 ** 20, 2 ** 20, 2 ** 20]), node('y', 'Relu', ['x'])], {}), /it has the shape/),
    refused(
      graphFiles([placeholder('x', [1, 1_000_000]), node('u', 'Unpack', ['x'], { axis: int(1) }), node('y', 'Relu', ['u'])], {}),
      /it makes 1000000 tensors/,
    ),
  ];
  const began = Date.now();
  for (const { files, message } of cases) {
    t.throws(() => importTfjs(files), { code: 'MODEL_INVALID', message }, message.source);
  }
  t.ok(Date.now() - began < 20_000, 'in time');
  t.end();
});

test('a chain as long as allowed costs no stack', (t) => {
  const count = limits.importNodesMax - 10;
  const nodes = Array.from({ length: count }, (_, i) => node(`n${i}`, 'Relu', [i === 0 ? 'x' : `n${i - 1}`]));
  t.equal(importTfjs(graphFiles([x, ...nodes])).graph.nodes.length, count);
  t.end();
});

test('one weight used everywhere cannot become more than a model may hold', (t) => {
  // 4 MB, transposed for each of two hundred convolutions.
  const side = 341;
  const uses = Array.from({ length: 200 }, (_, i) => conv(`c${i}`, 'x'));
  const files = graphFiles([placeholder('x', [1, 2, 2, side]), ...uses], { w: weights([3, 3, side, side]) });
  t.throws(() => importTfjs(files), { code: 'MODEL_INVALID', message: /its weights take more than/ });
  t.end();
});
