/**
 * Writes the bundled model of detect-motion: `node dist/tools/make-motion-model.js [models/background-difference/1.0.0]`.
 *
 * A graph without trained weights: a small picture against a background that is carried along. Light that changes everywhere is taken out first,
 * by a gain and an offset fitted to what has not changed (iteratively reweighted least squares with Cauchy's weights: Holland and Welsch,
 * Communications in Statistics A6, 1977). What then differs by more than `contrast` grey levels, and not as a single dot, has moved. The
 * background follows the picture by the share `follow`. Deterministic: the same bytes on every machine.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { dataType, type OnnxNode, type OnnxTensor, type OnnxValue } from '../src/compile/onnx/model.js';
import { nodeOf, type PlainValue, tensorOf } from '../src/compile/onnx/values.js';
import { writeModel } from '../src/compile/onnx/write.js';

const height = 72;
const width = 96;
/** Of a fit by least squares, that many more with what fits badly counting less. */
const refits = 4;
/** Grey levels off that halve what a place counts. */
const halfWeight = 12;
/** The gain of the light between two pictures; beyond it the scene is another one, or hidden. */
const gains = [0.5, 2] as const;

export function motionModel(): Uint8Array {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const add = (op: string, inputs: readonly string[], attributes: Readonly<Record<string, PlainValue>> = {}, as?: string): string => {
    const name = as ?? `${op.toLowerCase()}_${nodes.length}`;
    nodes.push(nodeOf(op, inputs, [name], attributes));
    return name;
  };
  const number = (value: number): string => constant(`number_${value}`, Float32Array.of(value), []);
  const constant = (name: string, values: Float32Array | BigInt64Array, dims: readonly number[]): string => {
    if (!initializers.some((each) => each.name === name)) initializers.push(tensorOf(name, values, dims));
    return name;
  };
  const mean = (name: string): string => add('ReduceMean', [name], { keepdims: 0 });

  const floats = add('Cast', ['picture'], { to: dataType.float32 });
  // Luma of ITU-R BT.601, as JPEG has it.
  const luma = constant('luma', Float32Array.of(0.299, 0.587, 0.114), [3, 1]);
  const grey = add('Reshape', [add('MatMul', [floats, luma]), constant('plane', BigInt64Array.of(BigInt(height), BigInt(width)), [2])]);

  /** What the background would look like in the light of the picture; without weights all places count alike. */
  const relit = (weight: string | null): string => {
    const total = weight === null ? number(1) : mean(weight);
    const weighted = (name: string): string => add('Div', [mean(weight === null ? name : add('Mul', [name, weight])), total]);
    const meanGrey = weighted(grey);
    const off = add('Sub', ['background', weighted('background')]);
    const covariance = weighted(add('Mul', [off, add('Sub', [grey, meanGrey])]));
    // A plain wall tells no gain: one grey level squared keeps it from being noise over noise.
    const variance = add('Add', [weighted(add('Mul', [off, off])), number(1)]);
    const gain = add('Clip', [add('Div', [covariance, variance]), number(gains[0]), number(gains[1])]);
    return add('Add', [add('Mul', [off, gain]), meanGrey]);
  };
  let expected = relit(null);
  for (let i = 0; i < refits; i++) {
    const off = add('Div', [add('Sub', [grey, expected]), number(halfWeight)]);
    expected = relit(add('Div', [number(1), add('Add', [add('Mul', [off, off]), number(1)])]));
  }
  const difference = add('Sub', [grey, expected]);
  const changed = add('Greater', [add('Abs', [difference]), 'contrast']);
  const dots = add('Reshape', [
    add('Cast', [changed], { to: dataType.float32 }),
    constant('image', BigInt64Array.of(1n, 1n, BigInt(height), BigInt(width)), [4]),
  ]);
  const around = add('AveragePool', [dots], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 });
  // At least two of the eight neighbours have changed too.
  const company = add('Greater', [add('Reshape', [around, 'plane']), number(2.5 / 9)]);
  const moved = add('And', [changed, company]);
  add('Cast', [moved], { to: dataType.uint8 }, 'moved');
  add('ReduceMean', [add('Cast', [moved], { to: dataType.float32 })], { keepdims: 0 }, 'share');
  add('Add', [expected, add('Mul', [difference, 'follow'])], {}, 'background_after');

  return writeModel({
    irVersion: 8,
    opsets: new Map([['', 13]]),
    functions: 0,
    rest: [],
    graph: {
      name: 'background-difference',
      nodes,
      initializers,
      inputs: [
        boundary('picture', [height, width, 3], dataType.uint8),
        boundary('background', [height, width]),
        boundary('contrast', []),
        boundary('follow', []),
      ],
      outputs: [boundary('moved', [height, width], dataType.uint8), boundary('share', []), boundary('background_after', [height, width])],
      values: [],
      rest: [],
    },
  });
}

function boundary(name: string, shape: number[], type: number = dataType.float32): OnnxValue {
  return { name, type, shape, otherType: null, rest: [] };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const file = path.join(process.argv[2] ?? 'models/background-difference/1.0.0', 'model.onnx');
  writeFileSync(file, motionModel());
  console.log(`written    ${file}`);
}
