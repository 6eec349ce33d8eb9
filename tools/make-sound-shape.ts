/**
 * `node dist/tools/make-sound-shape.js` writes models/sound-shape/1.0.0/model.onnx: an embedding of sound that was not trained but written down.
 *
 * A window of log-mel frames becomes six spectra of the parts of it in which something sounds, at equal shares of that activity: said faster or
 * later, a word keeps its shape. Of each spectrum 16 cepstral coefficients, and the logarithm of how long something sounded: 97 numbers.
 * Nothing was learned from anybody's recordings, so the only licence is Shoal's. Its few constants were chosen on spoken digits (FSDD).
 *
 * Source for the cepstra: Davis, Mermelstein 1980; for aligning by accumulated energy none, it is the simplest time warp there is.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { dataType, type OnnxNode, type OnnxTensor } from '../src/compile/onnx/model.js';
import { nodeOf, tensorOf } from '../src/compile/onnx/values.js';
import { writeModel } from '../src/compile/onnx/write.js';

const frames = 49;
const bands = 40;
const parts = 6;
const coefficients = 16;
/** `log_offset` of the card: a band without any sound is 0 after it. */
const logOffset = 0.01;
/** Mean level of a frame, in nepers above nothing, at which it counts half, and how fast it comes to count. */
const activeFrom = 2;
const activeSlope = 0.3;
/** Loudness says less than timbre. */
const loudness = 0.3;

/** The same bytes on every machine whose cosine agrees to float32. */
export function soundShapeModel(): Uint8Array {
  const constants: OnnxTensor[] = [];
  const constant = (name: string, values: readonly number[], dims: readonly number[]) => {
    constants.push(tensorOf(name, Float32Array.from(values), dims));
    return name;
  };
  const integers = (name: string, values: readonly number[]) => {
    constants.push(tensorOf(name, BigInt64Array.from(values, BigInt), [values.length]));
    return name;
  };
  const cosines = Array.from({ length: bands * coefficients }, (_, i) => {
    const [band, k] = [Math.floor(i / coefficients), i % coefficients];
    return Math.cos((Math.PI * k * (2 * band + 1)) / (2 * bands)) * Math.sqrt(2 / bands) * (k === 0 ? loudness : 1);
  });
  const overFrames = integers('over_frames', [1]);
  const nodes: OnnxNode[] = [
    nodeOf('Sub', ['features', constant('nothing', [Math.log(logOffset)], [])], ['levels']),
    nodeOf('ReduceMean', ['levels'], ['level'], { axes: [2], keepdims: 1 }),
    nodeOf('Sub', ['level', constant('active_from', [activeFrom], [])], ['above']),
    nodeOf('Div', ['above', constant('active_slope', [activeSlope], [])], ['steep']),
    nodeOf('Sigmoid', ['steep'], ['active']),
    nodeOf('ReduceSum', ['active', overFrames], ['total'], { keepdims: 1 }),
    nodeOf('MatMul', [constant('until_middle', untilMiddle(), [frames, frames]), 'active'], ['passed']),
    nodeOf('Div', ['passed', 'total'], ['share']),
    nodeOf('Mul', ['share', constant('last_part', [parts - 1], [])], ['place']),
    nodeOf('Sub', ['place', constant('part', [0, 1, 2, 3, 4, 5], [1, 1, parts])], ['off']),
    nodeOf('Abs', ['off'], ['distance']),
    nodeOf('Sub', [constant('one', [1], []), 'distance'], ['near']),
    nodeOf('Relu', ['near'], ['triangle']),
    nodeOf('Mul', ['triangle', 'active'], ['weight']),
    nodeOf('ReduceSum', ['weight', overFrames], ['weights'], { keepdims: 1 }),
    nodeOf('Add', ['weights', constant('little', [1e-6], [])], ['weights_above_0']),
    nodeOf('Div', ['weight', 'weights_above_0'], ['mean_of']),
    nodeOf('Transpose', ['mean_of'], ['of_part'], { perm: [0, 2, 1] }),
    nodeOf('MatMul', ['of_part', 'levels'], ['spectra']),
    nodeOf('MatMul', ['spectra', constant('cosines', cosines, [bands, coefficients])], ['cepstra']),
    nodeOf('Reshape', ['cepstra', integers('in_a_row', [1, parts * coefficients])], ['shape_alone']),
    nodeOf('Log', ['total'], ['log_total']),
    nodeOf('Reshape', ['log_total', integers('single', [1, 1])], ['length']),
    nodeOf('Concat', ['shape_alone', 'length'], ['shape'], { axis: 1 }),
  ];
  const value = (name: string, shape: number[]) => ({ name, type: dataType.float32, shape, otherType: null, rest: [] });
  return writeModel({
    irVersion: 8,
    opsets: new Map([['', 13]]),
    graph: {
      name: 'sound-shape',
      nodes,
      initializers: constants,
      inputs: [value('features', [1, frames, bands])],
      outputs: [value('shape', [1, parts * coefficients + 1])],
      values: [],
      rest: [],
    },
    functions: 0,
    rest: [],
  });
}

/** Row `i` sums what comes before frame `i`, and half of it. */
function untilMiddle(): number[] {
  return Array.from({ length: frames * frames }, (_, i) => {
    const [row, column] = [Math.floor(i / frames), i % frames];
    return column < row ? 1 : column === row ? 0.5 : 0;
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const folder = 'models/sound-shape/1.0.0';
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'model.onnx'), soundShapeModel());
}
