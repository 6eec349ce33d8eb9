/** Tiny TFLite models, one a form of an operator: what the importer makes of each is compared with what TFLite itself computed. */
import { noise, size } from './graph-lab.js';
import { type TinyOperator, type TinyTensor, type TinyTflite, tinyTflite, types } from './tflite-writer.js';

export interface TfliteCase {
  readonly name: string;
  readonly tiny: TinyTflite;
  readonly model: Uint8Array;
}

const codes = {
  ADD: 0,
  AVERAGE_POOL_2D: 1,
  CONCATENATION: 2,
  CONV_2D: 3,
  DEPTHWISE_CONV_2D: 4,
  DEQUANTIZE: 6,
  FULLY_CONNECTED: 9,
  LOGISTIC: 14,
  MAX_POOL_2D: 17,
  MUL: 18,
  RELU: 19,
  RELU_N1_TO_1: 20,
  RELU6: 21,
  RESHAPE: 22,
  SOFTMAX: 25,
  TANH: 28,
  PAD: 34,
  TRANSPOSE: 39,
  MEAN: 40,
  SUB: 41,
  SQUEEZE: 43,
  STRIDED_SLICE: 45,
  EXPAND_DIMS: 70,
  QUANTIZE: 114,
  HARD_SWISH: 117,
} as const;
type Code = keyof typeof codes;

function op(code: Code, inputs: readonly string[], outputs: readonly string[], options?: Readonly<Record<string, number>>): TinyOperator {
  return { code: codes[code], inputs, outputs, ...(options === undefined ? {} : { options: [code, options] as const }) };
}

const float = (name: string, ...shape: number[]): TinyTensor => ({ name, shape });
const bytes = (name: string, scale: number, zero: number, ...shape: number[]): TinyTensor => ({
  name,
  shape,
  type: 'int8',
  scales: [scale],
  zeros: [zero],
});
const floats = (name: string, shape: readonly number[], seed = 3): TinyTensor => ({ name, shape, data: noise(size(shape), seed) });
const indices = (name: string, values: readonly number[], shape: readonly number[] = [values.length]): TinyTensor => ({
  name,
  shape,
  type: 'int32',
  data: Int32Array.from(values),
});

/** Weights of signed bytes, a scale a channel along `axis`. */
function weights(name: string, shape: readonly number[], axis: number, seed = 5): TinyTensor {
  const channels = shape[axis] ?? 1;
  const scales = Array.from({ length: channels }, (_, i) => Math.fround(0.004 + 0.002 * i));
  const data = Int8Array.from(noise(size(shape), seed), (value) => Math.round(value * 127));
  return { name, shape, type: 'int8', scales, axis, data };
}

/** A bias in the scale of an input's and weights' products. */
function bias(name: string, scale: number, of: TinyTensor): TinyTensor {
  const scales = (of.scales ?? []).map((each) => Math.fround(each * scale));
  return {
    name,
    shape: [scales.length],
    type: 'int32',
    scales,
    data: Int32Array.from(noise(scales.length, 9), (value) => Math.round(value * 900)),
  };
}

function model(name: string, tensors: readonly TinyTensor[], ...operators: readonly TinyOperator[]): TfliteCase {
  const tiny = {
    tensors,
    operators,
    inputs: tensors.filter(({ name: each }) => /^x/.test(each)).map(({ name: each }) => each),
    outputs: ['y'],
  };
  return { name, tiny, model: tinyTflite(tiny) };
}

const same = { padding: 0, strideX: 1, strideY: 1 };
const valid = { padding: 1, strideX: 1, strideY: 1 };

function convolutions(): TfliteCase[] {
  const perChannel = weights('w', [4, 3, 3, 3], 0);
  const deep = weights('w', [1, 3, 3, 6], 3);
  const one = weights('w', [4, 2, 2, 3], 0);
  return [
    model(
      'CONV_2D float, SAME, stride 2, RELU6',
      [float('x', 1, 7, 8, 3), floats('w', [4, 3, 3, 3]), floats('b', [4], 4), float('y', 1, 4, 4, 4)],
      op('CONV_2D', ['x', 'w', 'b'], ['y'], { padding: 0, strideX: 2, strideY: 2, activation: 3 }),
    ),
    model(
      'CONV_2D float, VALID, dilated, uneven strides',
      [float('x', 2, 9, 11, 2), floats('w', [3, 2, 3, 2]), floats('b', [3], 4), float('y', 2, 7, 4, 3)],
      op('CONV_2D', ['x', 'w', 'b'], ['y'], { padding: 1, strideX: 2, strideY: 1, dilationX: 2, dilationY: 2 }),
    ),
    model(
      'CONV_2D bytes, SAME, a scale a channel, RELU',
      [bytes('x', 0.05, -3, 1, 6, 5, 3), perChannel, bias('b', 0.05, perChannel), bytes('y', 0.04, -128, 1, 6, 5, 4)],
      op('CONV_2D', ['x', 'w', 'b'], ['y'], { ...same, activation: 1 }),
    ),
    model(
      'CONV_2D bytes, VALID, RELU6 within the range',
      [bytes('x', 0.05, 10, 1, 5, 5, 3), one, bias('b', 0.05, one), bytes('y', 0.06, -20, 1, 4, 4, 4)],
      op('CONV_2D', ['x', 'w', 'b'], ['y'], { ...valid, activation: 3 }),
    ),
    model(
      'DEPTHWISE_CONV_2D float, two filters a channel',
      [float('x', 1, 6, 6, 3), floats('w', [1, 3, 3, 6]), floats('b', [6], 4), float('y', 1, 4, 4, 6)],
      op('DEPTHWISE_CONV_2D', ['x', 'w', 'b'], ['y'], { ...valid, activation: 1 }),
    ),
    model(
      'DEPTHWISE_CONV_2D bytes, SAME, stride 2',
      [bytes('x', 0.05, -7, 1, 7, 6, 6), deep, bias('b', 0.05, deep), bytes('y', 0.06, 4, 1, 4, 3, 6)],
      op('DEPTHWISE_CONV_2D', ['x', 'w', 'b'], ['y'], { padding: 0, strideX: 2, strideY: 2 }),
    ),
    model(
      'weights in half precision',
      [
        float('x', 1, 4, 4, 2),
        { ...float('h', 3, 1, 1, 2), type: 'half', data: halves(6) },
        float('w', 3, 1, 1, 2),
        floats('b', [3]),
        float('y', 1, 4, 4, 3),
      ],
      op('DEQUANTIZE', ['h'], ['w']),
      op('CONV_2D', ['x', 'w', 'b'], ['y'], same),
    ),
  ];
}

/** Half-precision numbers from 0.5 on, in steps of 2 ** -5. */
function halves(count: number): Uint16Array {
  return Uint16Array.from({ length: count }, (_, i) => 0x3800 + 64 * i);
}

function dense(): TfliteCase[] {
  const single = { ...weights('w', [5, 8], 0), scales: [0.006] };
  return [
    model(
      'FULLY_CONNECTED float, RELU',
      [float('x', 2, 8), floats('w', [5, 8]), floats('b', [5], 4), float('y', 2, 5)],
      op('FULLY_CONNECTED', ['x', 'w', 'b'], ['y'], { activation: 1 }),
    ),
    model(
      'FULLY_CONNECTED float of an image, no bias',
      [float('x', 1, 2, 2, 2), floats('w', [5, 8]), float('y', 1, 5)],
      op('FULLY_CONNECTED', ['x', 'w', ''], ['y'], {}),
    ),
    model(
      'FULLY_CONNECTED bytes',
      [bytes('x', 0.05, -3, 1, 8), single, bias('b', 0.05, single), { ...bytes('y', 0.05, 11, 1, 5) }].map((tensor) =>
        tensor.name === 'b' ? { ...tensor, shape: [5], data: Int32Array.from([100, -200, 300, -400, 0]) } : tensor,
      ),
      op('FULLY_CONNECTED', ['x', 'w', 'b'], ['y'], {}),
    ),
    model(
      'FULLY_CONNECTED float that keeps its dimensions',
      [float('x', 2, 3, 8), floats('w', [5, 8]), floats('b', [5], 4), float('y', 2, 3, 5)],
      op('FULLY_CONNECTED', ['x', 'w', 'b'], ['y'], { keepNumDims: 1 }),
    ),
  ];
}

function pools(): TfliteCase[] {
  const window = { padding: 0, strideX: 2, strideY: 2, filterX: 3, filterY: 3 };
  return (['AVERAGE_POOL_2D', 'MAX_POOL_2D'] as const).flatMap((code) => [
    model(`${code} float, SAME`, [float('x', 1, 5, 6, 3), float('y', 1, 3, 3, 3)], op(code, ['x'], ['y'], window)),
    model(`${code} bytes, SAME`, [bytes('x', 0.05, 9, 1, 5, 6, 3), bytes('y', 0.05, 9, 1, 3, 3, 3)], op(code, ['x'], ['y'], window)),
    model(
      `${code} bytes, whole, RELU`,
      [bytes('x', 0.05, 9, 1, 4, 4, 3), bytes('y', 0.05, 9, 1, 1, 1, 3)],
      op(code, ['x'], ['y'], { padding: 1, strideX: 4, strideY: 4, filterX: 4, filterY: 4, activation: 1 }),
    ),
  ]);
}

/** One input after a convolution, so that it lies channels first, and one output. */
function afterConvolution(
  name: string,
  output: TinyTensor,
  more: readonly TinyTensor[],
  ...operators: readonly TinyOperator[]
): TfliteCase {
  const tensors = [float('x', 1, 3, 4, 2), floats('w', [5, 1, 1, 2]), floats('b', [5], 4), float('c', 1, 3, 4, 5), ...more, output];
  return model(`${name} after a convolution`, tensors, op('CONV_2D', ['x', 'w', 'b'], ['c'], same), ...operators);
}

function elementwise(): TfliteCase[] {
  const pairs = (['ADD', 'SUB', 'MUL'] as const).flatMap((code) => [
    model(
      `${code} float, RELU`,
      [float('x', 2, 3, 4), float('x2', 3, 4), float('y', 2, 3, 4)],
      op(code, ['x', 'x2'], ['y'], { activation: 1 }),
    ),
    model(
      `${code} bytes`,
      [bytes('x', 0.05, 9, 1, 3, 4, 2), bytes('x2', 0.03, -20, 1, 3, 4, 2), bytes('y', 0.08, 3, 1, 3, 4, 2)],
      op(code, ['x', 'x2'], ['y'], {}),
    ),
    afterConvolution(`${code} of a number a channel`, float('y', 1, 3, 4, 5), [floats('k', [5], 8)], op(code, ['c', 'k'], ['y'], {})),
  ]);
  const single = (['LOGISTIC', 'TANH', 'RELU', 'RELU6', 'RELU_N1_TO_1', 'HARD_SWISH'] as const).flatMap((code) => {
    const [scale, zero] = code === 'LOGISTIC' ? [1 / 256, -128] : code === 'TANH' ? [1 / 128, 0] : [0.05, -2];
    return [
      model(`${code} float`, [float('x', 2, 12), float('y', 2, 12)], op(code, ['x'], ['y'])),
      model(`${code} bytes`, [bytes('x', 0.05, -2, 1, 64), bytes('y', scale, zero, 1, 64)], op(code, ['x'], ['y'])),
    ];
  });
  return [
    ...pairs,
    ...single,
    model(
      'ADD bytes and constant bytes',
      [bytes('x', 0.05, 9, 1, 2, 2, 3), { ...bytes('k', 0.02, 5, 3), data: Int8Array.of(-100, 0, 127) }, bytes('y', 0.06, 0, 1, 2, 2, 3)],
      op('ADD', ['x', 'k'], ['y'], {}),
    ),
    afterConvolution('ADD of itself', float('y', 1, 3, 4, 5), [], op('ADD', ['c', 'c'], ['y'], { activation: 3 })),
    afterConvolution('RELU', float('y', 1, 3, 4, 5), [], op('RELU', ['c'], ['y'])),
    model('SOFTMAX float, beta 2', [float('x', 3, 5), float('y', 3, 5)], op('SOFTMAX', ['x'], ['y'], { beta: 2 })),
    model('SOFTMAX bytes', [bytes('x', 0.1, 5, 2, 10), bytes('y', 1 / 256, -128, 2, 10)], op('SOFTMAX', ['x'], ['y'], { beta: 1 })),
    afterConvolution('SOFTMAX', float('y', 1, 3, 4, 5), [], op('SOFTMAX', ['c'], ['y'], { beta: 1 })),
    model(
      'QUANTIZE and DEQUANTIZE',
      [float('x', 4, 8), bytes('q', 0.05, 3, 4, 8), float('y', 4, 8)],
      op('QUANTIZE', ['x'], ['q']),
      op('DEQUANTIZE', ['q'], ['y']),
    ),
    model('QUANTIZE bytes to other bytes', [bytes('x', 0.05, 9, 1, 64), bytes('y', 0.08, -30, 1, 64)], op('QUANTIZE', ['x'], ['y'])),
    model(
      'QUANTIZE unsigned bytes to signed ones',
      [{ ...bytes('x', 0.05, 137, 1, 64), type: 'uint8' }, bytes('y', 0.05, 9, 1, 64)],
      op('QUANTIZE', ['x'], ['y']),
    ),
  ];
}

function arranging(): TfliteCase[] {
  const both = (
    name: string,
    shape: readonly number[],
    result: readonly number[],
    more: readonly TinyTensor[],
    make: TinyOperator,
  ): TfliteCase[] => [
    model(`${name} float`, [float('x', ...shape), ...more, float('y', ...result)], make),
    model(`${name} bytes`, [bytes('x', 0.05, 9, ...shape), ...more, bytes('y', 0.05, 9, ...result)], make),
  ];
  const pads = indices('k', [0, 0, 1, 2, 0, 3, 1, 0], [4, 2]);
  const slice = (
    name: string,
    ends: readonly (readonly number[])[],
    result: readonly number[],
    options: Readonly<Record<string, number>>,
  ): TfliteCase[] =>
    both(
      `STRIDED_SLICE ${name}`,
      [2, 5, 6, 3],
      result,
      ends.map((numbers, i) => indices(`k${i}`, numbers)),
      op('STRIDED_SLICE', ['x', 'k0', 'k1', 'k2'], ['y'], options),
    );
  return [
    ...both('RESHAPE', [2, 3, 4], [6, 4], [indices('k', [6, 4])], op('RESHAPE', ['x', 'k'], ['y'])),
    ...both('SQUEEZE', [1, 3, 1, 4], [3, 4], [], op('SQUEEZE', ['x'], ['y'])),
    ...both('EXPAND_DIMS', [3, 4], [3, 1, 4], [indices('k', [1], [])], op('EXPAND_DIMS', ['x', 'k'], ['y'])),
    ...both('TRANSPOSE', [2, 3, 4, 5], [5, 2, 4, 3], [indices('k', [3, 0, 2, 1])], op('TRANSPOSE', ['x', 'k'], ['y'])),
    ...both('PAD', [1, 3, 4, 2], [1, 6, 7, 3], [pads], op('PAD', ['x', 'k'], ['y'])),
    ...both('MEAN over an image', [1, 3, 4, 5], [1, 5], [indices('k', [1, 2])], op('MEAN', ['x', 'k'], ['y'], { keepDims: 0 })),
    ...both('MEAN that keeps dimensions', [2, 3, 4, 5], [2, 3, 1, 5], [indices('k', [2])], op('MEAN', ['x', 'k'], ['y'], { keepDims: 1 })),
    ...both('CONCATENATION', [1, 2, 3, 2], [1, 2, 6, 2], [], op('CONCATENATION', ['x', 'x'], ['y'], { axis: -2 })),
    ...slice(
      'with strides',
      [
        [0, 1, 5, 0],
        [2, 5, 0, 3],
        [1, 2, -2, 1],
      ],
      [2, 2, 3, 3],
      {},
    ),
    ...slice(
      'with masks',
      [
        [1, 2, -2, 1],
        [1, 0, 0, 2],
        [1, 1, 1, 1],
      ],
      [2, 3, 2, 1],
      { beginMask: 1, endMask: 7 },
    ),
    ...slice(
      'that drops dimensions',
      [
        [-1, 1, 0, 2],
        [0, 4, 6, 3],
        [1, 1, 1, 1],
      ],
      [3, 6],
      { shrinkAxisMask: 9 },
    ),
    afterConvolution('RESHAPE', float('y', 1, 60), [indices('k', [1, 60])], op('RESHAPE', ['c', 'k'], ['y'])),
    afterConvolution('PAD', float('y', 1, 6, 7, 6), [pads], op('PAD', ['c', 'k'], ['y'])),
    afterConvolution('MEAN', float('y', 1, 5), [indices('k', [1, 2])], op('MEAN', ['c', 'k'], ['y'], { keepDims: 0 })),
    afterConvolution('MEAN over channels', float('y', 1, 3, 4), [indices('k', [-1])], op('MEAN', ['c', 'k'], ['y'], { keepDims: 0 })),
    afterConvolution('CONCATENATION', float('y', 1, 3, 4, 7), [], op('CONCATENATION', ['c', 'x'], ['y'], { axis: 3 })),
    afterConvolution(
      'STRIDED_SLICE',
      float('y', 1, 2, 4, 5),
      [indices('k0', [0, 1, 0, 0]), indices('k1', [1, 3, 4, 5]), indices('k2', [1, 1, 1, 1])],
      op('STRIDED_SLICE', ['c', 'k0', 'k1', 'k2'], ['y'], {}),
    ),
  ];
}

export const tfliteCases: readonly TfliteCase[] = [...convolutions(), ...dense(), ...pools(), ...elementwise(), ...arranging()];

/** What is fed to a case: floats of -5..5 or bytes of the whole range, the same in every run, in the file's own type. */
export function feedOf({ tiny }: TfliteCase, place: number): Float32Array | Int8Array | Uint8Array {
  const tensor = tiny.tensors.find(({ name }) => name === tiny.inputs[place]);
  const values = noise(size(tensor?.shape ?? []), place + 1);
  if (types[tensor?.type ?? 'float'] === types.float) return values.map((value) => value * 5);
  if (tensor?.type === 'uint8') return Uint8Array.from(values, (value) => Math.floor((value + 1) * 128));
  return Int8Array.from(values, (value) => Math.floor(value * 128));
}
